"""What a firewall's text comes to, in short."""

from importlib import import_module

from auditor.files.text import SourceText


def of(form, text, name="fw.txt"):
    """The observations of a text of one form."""
    module = import_module(f"auditor.collect.declared.firewall.{form}")
    return list(module.parse(SourceText(name, text)))


def opened(form, text, name="fw.txt"):
    """What is let through: (ports, sources, address, group), None for no limit."""
    return [
        (
            str(one.ports),
            None if one.sources is None else str(one.sources),
            None if one.bind is None else str(one.bind),
            one.group,
        )
        for seen in of(form, text, name)
        for one in seen.openings
    ]


def undecided(form, text, name="fw.txt"):
    """What is not decided: (ports, reason)."""
    return [(str(one.ports), one.reason) for seen in of(form, text, name) for one in seen.unknown]
