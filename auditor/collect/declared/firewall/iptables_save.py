"""What ``iptables-save`` and ``ip6tables-save`` print, one after the other too, and ``iptables -S``. No I/O.

Such a file does not say of which family it is, but in a comment at its head: addresses and words of ICMP tell, and the
file's name. What is not known to be complete keeps nothing out: a table ends with ``COMMIT``, a line with its end.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.account import observations
from auditor.collect.declared.firewall.circumstances import State
from auditor.collect.declared.firewall.iptables_tables import Section, last_line, line_of, sections_of
from auditor.collect.declared.firewall.iptables_values import networks
from auditor.collect.declared.firewall.iptables_words import read
from auditor.collect.declared.firewall.packets import IPV4, IPV6
from auditor.collect.declared.firewall.rules import Act, Chain, Rule, Rules, Table
from auditor.errors import CutOffError, EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation
    from auditor.model.network import NetworkSet

_HOOKS = {
    "PREROUTING": ("prerouting", {"raw": -300, "mangle": -150, "nat": -100}),
    "INPUT": ("input", {"mangle": -150, "filter": 0, "security": 50, "nat": 100}),
    "FORWARD": ("forward", {"mangle": -150, "filter": 0, "security": 50}),
}
_FILTERING = ("INPUT", "FORWARD")
_IN_NAME = (("ip6tables", IPV6), ("rules.v6", IPV6), ("rules6", IPV6), ("iptables", IPV4), ("rules.v4", IPV4))
_ENGINES = ("DOCKER", "CNI-", "NETAVARK", "KUBE-")
"""How chains begin that engines for containers make: beside them there is a table for NAT."""
_MISSING = "the file is cut off, and rules are missing"
_UNSAID = (
    "no rules of the table 'filter' are in the file: they were left out or cut off, or nothing is filtered"
    " (give all that 'iptables-save' prints)"
)
_UNTRANSLATED = (
    "packets are led elsewhere by the table 'nat' (DNAT), which is not in the file: what it opens is not known"
    " (give all that 'iptables-save' prints)"
)

_HELD_ELSEWHERE = (
    "the kernel holds more rules than the file: give what the other of the two tools prints, as a file too"
)
_ELSEWHERE = re.compile(r"# Warning: ip6?tables(?:-legacy|-nft)? tables present, use ")
"""How these tools begin to say, on standard error, that the kernel holds rules which they do not print."""


def parse(source: SourceText) -> Iterator[Observation]:
    """Follow the rules of each family.

    :raises EvidenceError: a line that these tools do not print.
    :raises CutOffError: after the observations, of a file that ends within a table or a line.
    """
    sections = sections_of(source)
    shared = _family_of_file(source, sections)
    for family in (IPV4, IPV6):
        mine = [one for one in sections if (one.said or one.signs or shared) == family]
        if mine:
            yield from observations(_rules(source, mine, family))
    if not any((one.said or one.signs or shared) is not None for one in sections):
        yield from observations(_rules(source, sections, IPV4, sure=False))
    if cut := next((one.cut for one in sections if one.cut), None):
        raise CutOffError(cut)


def _family_of_file(source: SourceText, sections: Sequence[Section]) -> NetworkSet | None:
    signs = {one.signs for one in sections if one.said is None and one.signs is not None}
    if len(signs) == 1:
        return signs.pop()
    return next((family for part, family in _IN_NAME if part in source.file.lower()), None)


def _rules(source: SourceText, sections: Sequence[Section], family: NetworkSet, *, sure: bool = True) -> Rules:
    rules = Rules(covers=family, whole=partial(source.location, 1, 1))
    if not sure:
        rules.doubt = "whether these are rules of IPv4 or IPv6 is not said"
    seen: set[str] = set()
    for section in sections:
        if section.name in seen:
            raise EvidenceError(f"{line_of(source, section.line)}: a second table '{section.name}' of one family")
        seen.add(section.name)
        table = Table(chains=section.chains)
        for chain in section.chains.values():
            hook, priorities = _HOOKS.get(chain.name, ("", {}))
            if section.name in priorities:
                chain.hook, chain.priority = hook, priorities[section.name]
                chain.kind = "nat" if section.name == "nat" else "filter"
        for number, line, words in section.lines:
            _add(rules, table, source, number, line, words)
        if section.cut:
            _leave_open(section, source)
        rules.tables.append(table)
    if "nat" not in seen:
        _doubt_translation(rules)
    _heed_warning(rules, source)
    if "filter" not in seen:
        chains = {name: Chain(name=name, hook=name.lower(), unsaid=_UNSAID, place=rules.whole) for name in _FILTERING}
        rules.tables.append(Table(chains=chains))
    return rules


def _heed_warning(rules: Rules, source: SourceText) -> None:
    """Leave every port open to doubt where the tool itself says, in the file, that it does not print all rules."""
    warned = next((number for number, line in enumerate(source.lines, 1) if _ELSEWHERE.match(line.strip())), None)
    if warned is not None:
        rules.unread = f"{line_of(source, warned)}: {_HELD_ELSEWHERE}"


def _doubt_translation(rules: Rules) -> None:
    """Doubt rules without the table of NAT where they show that there is one.

    Nothing says so of a plain firewall: most have none, and are whole without it.
    """
    chains = [chain for table in rules.tables for chain in table.chains.values()]
    if any(chain.name.startswith(_ENGINES) for chain in chains):
        rules.doubt = "the table 'nat' is not in the file, and containers are published by it"
    sign = next((rule for chain in chains for rule in chain.rules if _follows_translation(chain.name, rule)), None)
    if sign is not None:
        rules.unread = f"{sign.place()}: {_UNTRANSLATED}"


def _follows_translation(chain: str, rule: Rule) -> bool:
    """Whether a rule is there for packets that NAT has led: by what it asks, or as engines write them.

    Docker makes the chain DOCKER beforehand, and a rule in it for each port that is published; others make theirs when
    there is something to put into it.
    """
    if any(isinstance(one, State) and "dnat" in one.states and not one.inverted for one in rule.conditions):
        return True
    if chain == "DOCKER":
        return rule.act is Act.ACCEPT and any(field == "targets" for one in rule.conditions for field, _ in one.sets)
    return chain.startswith(_ENGINES) and not chain.startswith("DOCKER") and rule.act is Act.ACCEPT


def _leave_open(section: Section, source: SourceText) -> None:
    """Have nobody know what becomes of packets that no rule of a table that is cut off has settled."""
    place = partial(line_of, source, last_line(source))
    for name, (hook, priorities) in _HOOKS.items():
        if name not in section.chains and section.name in priorities:
            section.chains[name] = Chain(name=name, hook=hook, priority=priorities[section.name], place=place)
    for chain in section.chains.values():
        chain.rules.append(Rule(conditions=(), act=Act.UNKNOWN, text=_MISSING, place=place))


def _add(rules: Rules, table: Table, source: SourceText, number: int, line: str, words: list[str]) -> None:
    chain = table.chains[words[1]]
    rest = words[2:]
    at = len(chain.rules)
    if words[0] == "-I":
        at = 0
        if rest and rest[0].isascii() and rest[0].isdigit():
            at, rest = max(0, min(int(rest[0]) - 1 if len(rest[0]) < 7 else at, len(chain.rules))), rest[1:]
    try:
        read_words = read(rest, rules.door_of)
    except ValueError as error:
        raise EvidenceError(f"{line_of(source, number)}: this rule cannot be read: {error!s:.80}") from None
    rules.names.update(read_words.names)
    _learn(rules, rest)
    rule = Rule(
        conditions=tuple(read_words.conditions),
        act=read_words.act,
        text=line,
        place=partial(line_of, source, number),
        target=read_words.target,
        lead=read_words.lead,
        names_ports=read_words.names_ports,
        hint=read_words.hint,
    )
    chain.rules.insert(at, rule)


def _learn(rules: Rules, words: Sequence[str]) -> None:
    """Learn what is behind a bridge: engines masquerade what its containers send anywhere else."""
    match words:
        case ["-s", network, "!", "-o", door, "-j", "MASQUERADE"]:
            rules.behind.append((networks(network), door))
