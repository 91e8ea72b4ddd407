"""What let packets through, or keeps it from being known, in words. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.rules import Act

if TYPE_CHECKING:
    from auditor.collect.declared.firewall.rules import Rule, Rules
    from auditor.collect.declared.firewall.walk import By
    from auditor.model.location import Location

_LONGEST = 160


def reason_of(by: By) -> str:
    """Why it cannot be decided, with the rule's line and text."""
    if by.rule is None:
        return f"{by.chain.place()}: {by.chain.unsaid}" if by.chain is not None else "not decided"
    hint = f" ({by.rule.hint})" if by.rule.hint else ""
    told = "whether it is this host's own address is not said" if by.rule.act is Act.NAT else "cannot be decided"
    return f"{by.rule.place()}: {told}{hint}: {shortened(by.rule.text)}"


def too_complex(rule: Rule | None, rules: Rules) -> str:
    """Say where following the rules was given up."""
    told = "the rules tell too many cases apart to be followed"
    return f"{rules.whole()}: {told}" if rule is None else f"{rule.place()}: {told}: {shortened(rule.text)}"


def location_of(by: By, rules: Rules) -> Location:
    """Return the line that lets packets through."""
    if by.rule is not None:
        return by.rule.place()
    return rules.whole() if by.chain is None else by.chain.place()


def text_of_what(by: By) -> str:
    """Return the rule that lets packets through, or what else does."""
    if by.rule is not None:
        return shortened(by.rule.text)
    if by.chain is not None:
        return f"what no rule of {shortened(by.chain.name)} stops"
    return "no rule stops it"


def shortened(text: str) -> str:
    """A rule as it may stand in a line of a report."""
    begins = text[: 4 * _LONGEST]  # a set of thousands of members is as long as they are
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in begins).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
