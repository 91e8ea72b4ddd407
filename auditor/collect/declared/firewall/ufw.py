"""What ``ufw status`` prints, with ``verbose`` or ``numbered`` or neither. No I/O.

It is a summary: the rules of ``before.rules`` and what engines for containers add are not in it, so that it lets ports
through and keeps nothing out. Which rule comes first counts; the default is printed with ``verbose`` alone.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.account import observations
from auditor.collect.declared.firewall.circumstances import Fixed, Unsure
from auditor.collect.declared.firewall.conditions import Condition, Enters, Within
from auditor.collect.declared.firewall.iptables_values import networks, port_numbers
from auditor.collect.declared.firewall.packets import IPV4, IPV6, of_every_protocol
from auditor.collect.declared.firewall.rules import Act, Chain, Rule, Rules, Table
from auditor.errors import CutOffError, EvidenceError
from auditor.model.ports import ALL_TCP, ALL_UDP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation
    from auditor.model.location import Location
    from auditor.model.network import NetworkSet
    from auditor.model.ports import PortSet

_ROW = re.compile(
    r"(?:\[ *\d+\] +)?(?P<to>\S.*?) +(?P<act>ALLOW|DENY|REJECT|LIMIT)(?: (?P<way>IN|OUT|FWD))? +(?P<source>\S.*?)\s*"
)
_DEFAULT = re.compile(r"Default: (?P<incoming>allow|deny|reject) \(incoming\)")
_TRAILING = re.compile(r"\s+(?:#.*|\((?:log|log-all|out)\)(?:\s+#.*)?)$")
_DOOR = re.compile(r"(?P<rest>.*?)\s*\bon (?P<door>\S+)$")
_PORTS = re.compile(r"(?P<numbers>[\d,:]+)(?:/(?P<protocol>tcp|udp))?")
_SUFFIX = re.compile(r"(?<=.)/(?P<protocol>tcp|udp)$")
_PROFILE = re.compile(r"(?P<ports>[\d,:]+(?:/(?:tcp|udp))?) \(.*\)")
_OTHER_PROTOCOL = re.compile(r".*/(?:ah|esp|gre|ipv6|igmp|vrrp)")
_PROFILES = {
    "OpenSSH": "22/tcp", "SSH": "22", "Apache": "80/tcp", "Apache Secure": "443/tcp", "Apache Full": "80,443/tcp",
    "Nginx HTTP": "80/tcp", "Nginx HTTPS": "443/tcp", "Nginx Full": "80,443/tcp", "WWW": "80/tcp",
    "WWW Secure": "443/tcp", "WWW Full": "80,443/tcp", "DNS": "53", "Bind9": "53", "SMTP": "25/tcp",
    "Postfix": "25/tcp", "Postfix SMTPS": "465/tcp", "Postfix Submission": "587/tcp", "Mail submission": "587/tcp",
    "IMAP": "143/tcp", "IMAPS": "993/tcp", "POP3": "110/tcp", "POP3S": "995/tcp", "LDAP": "389/tcp",
    "LDAPS": "636/tcp", "NFS": "2049/tcp", "Telnet": "23/tcp", "CUPS": "631", "Squid": "3128/tcp",
    "WWW Cache": "8080/tcp", "Dovecot IMAP": "143/tcp", "Dovecot Secure IMAP": "993/tcp", "Dovecot POP3": "110/tcp",
    "Dovecot Secure POP3": "995/tcp", "mDNS": "5353/udp",
}  # fmt: skip
"""What packages of Debian and Ubuntu declare under these names."""
_OF = {"tcp": ALL_TCP, "udp": ALL_UDP, None: ALL_TCP | ALL_UDP}
_ACTS = {"ALLOW": Act.ACCEPT, "LIMIT": Act.ACCEPT, "DENY": Act.DROP, "REJECT": Act.DROP}
_HEADINGS = ("Status:", "Logging:", "Default:", "New profiles:", "To ", "--")
_TABLE = ("To ", "--")
_BEFORE_PROFILES = ("Logging:", "Default:")
_AFTER_RULES = 2
"""Behind the last rule there are the end of its line and an empty line."""
_MISSING = "the file is cut off, and rules are missing"
_UNSAID = "what happens to other ports is not said: give what 'ufw status verbose' prints"
_UNNAMED = "the ports of the application are not said: give what 'ufw status verbose' prints"


def parse(source: SourceText) -> Iterator[Observation]:
    """Follow the rules, of both families.

    :raises EvidenceError: a line that is no rule.
    :raises CutOffError: after the observation, of a file that ends within a line, or before the first rule.
    """
    rules = Rules(covers=IPV4 | IPV6, whole=partial(source.location, 1, 1))
    rules.doubt = "a summary: what ufw's own files and engines for containers add is not in it"
    chain = Chain(name="ufw", hook="input", unsaid=_UNSAID, place=partial(source.location, 1, 1))
    rules.tables.append(Table(chains={"ufw": chain}))
    for number, line in enumerate(source.lines[:-1] if _is_half(source) else source.lines, 1):
        text = line.strip()
        if default := _DEFAULT.match(text):
            chain.unsaid, chain.accepts = "", default["incoming"] == "allow"
            chain.place, chain.name = partial(_place, source, number), "ufw (default: allow)"
        elif text == "Status: inactive":
            chain.unsaid, chain.accepts, chain.name = "", True, "ufw, which is inactive,"
        elif text and not text.startswith(_HEADINGS):
            _add(rules, chain, source, number, text)
    cut = _cut(source)
    if cut:
        missing = Rule(conditions=(), act=Act.UNKNOWN, text=_MISSING, place=partial(_place, source, _last(source)))
        chain.rules.append(missing)
    yield from observations(rules)
    if cut:
        raise CutOffError(cut)


def _is_half(source: SourceText) -> bool:
    """Whether the last line may be half of one; a line that is all that ufw says is whole without its end."""
    return source.lines[-1].strip() not in ("", "Status: inactive")


def _cut(source: SourceText) -> str:
    """Say where the file ends before its time; empty if it does not."""
    place = source.location(_last(source), 1)
    if _is_half(source):
        return f"{place}: the file ends in the midst of a line"
    last = source.lines[_last(source) - 1].strip()
    if last.startswith(_TABLE):
        return f"{place}: the file ends before the first rule"
    if last.startswith(_BEFORE_PROFILES):
        return f"{place}: the file ends within what 'ufw status verbose' prints first"
    if not last.startswith(_HEADINGS) and len(source.lines) < _last(source) + _AFTER_RULES:
        return f"{place}: the empty line is missing that ufw prints after the last rule: save what it prints as it is"
    return ""


def _last(source: SourceText) -> int:
    """Return the number of the last line with something in it."""
    return max(number for number, line in enumerate(source.lines, 1) if line.strip())


def _add(rules: Rules, chain: Chain, source: SourceText, number: int, text: str) -> None:
    row = _ROW.fullmatch(_TRAILING.sub("", text))
    if row is None:
        raise EvidenceError(f"{_place(source, number)}: this line is not what ufw prints: {text!r:.60}")
    if row["way"] in ("OUT", "FWD"):
        return
    try:
        conditions, hint = _conditions(rules, row["to"], row["source"])
    except ValueError:
        conditions, hint = [Unsure()], ""
    rule = Rule(
        conditions=tuple(conditions),
        act=_ACTS[row["act"]],
        text=text,
        place=partial(_place, source, number),
        hint=hint,
        names_ports=True,
    )
    chain.rules.append(rule)


def _conditions(rules: Rules, to: str, source: str) -> tuple[list[Condition], str]:
    """Return what a row asks, and why it cannot be decided if it cannot.

    :raises ValueError: something that is not understood.
    """
    found: list[Condition] = []
    family = IPV6 if "(v6)" in to or "(v6)" in source else None
    to, source = to.replace("(v6))", ")").replace("(v6)", "").strip(), source.replace("(v6)", "").strip()
    for door in filter(None, (_DOOR.fullmatch(to), _DOOR.fullmatch(source))):
        rules.names.add(door["door"])
        found.append(Enters((door["door"],)))
    to, source = (_DOOR.sub(r"\g<rest>", side) for side in (to, source))
    found += _origin(source)
    hint = _destination(to, found)
    if family is None and not any(isinstance(one, Within) and one.field in ("sources", "targets") for one in found):
        family = IPV4
    if family is not None:
        found.append(Within("sources", family))
    return found, hint


def _origin(source: str) -> list[Condition]:
    """Return what the column *From* asks: addresses and ports, with a protocol or without.

    :raises ValueError: something that is not understood.
    """
    origin, _, origin_ports = source.partition(" ")
    if _OTHER_PROTOCOL.fullmatch(origin):
        return [Fixed(holds=False)]
    if _PORTS.fullmatch(origin):
        origin, origin_ports = "Anywhere", origin
    found: list[Condition] = [
        Within("ports", _OF[one["protocol"]]) for one in map(_SUFFIX.search, (origin, origin_ports)) if one
    ]
    origin = _SUFFIX.sub("", origin)
    if origin != "Anywhere":
        found.append(Within("sources", networks(origin)))
    if origin_ports:
        if (ports := _PORTS.fullmatch(origin_ports)) is None:
            raise ValueError(origin_ports)
        found.append(Within("origins", port_numbers(ports["numbers"])))
    return found


def _destination(to: str, found: list[Condition]) -> str:
    """Add what the column *To* asks: addresses, ports, or the name of an application."""
    if _OTHER_PROTOCOL.fullmatch(to):
        found.append(Fixed(holds=False))
        return ""
    first, _, rest = to.partition(" ")
    address = None if first == "Anywhere" else _address(first)
    if address is not None:
        found.append(Within("targets", address))
    if address is not None and (protocol := _SUFFIX.search(first)):
        found.append(Within("ports", _OF[protocol["protocol"]]))
    what = rest if first == "Anywhere" or address is not None else to
    if first.startswith("Anywhere/"):
        found.append(Within("ports", ALL_TCP if first.endswith("tcp") else ALL_UDP))
        return ""
    if not what:
        return ""
    if profile := _PROFILE.fullmatch(what):
        what = profile["ports"]
    ports = _ports(_PROFILES.get(what, what))
    if ports is None:
        found.append(Unsure())
        return _UNNAMED
    found.append(Within("ports", ports))
    return ""


def _ports(text: str) -> PortSet | None:
    """Read ``22/tcp``, ``80,443/tcp``, ``7000:7003/udp``, ``53``; None for the name of an application."""
    asked = _PORTS.fullmatch(text)
    if asked is None:
        return None
    return of_every_protocol(port_numbers(asked["numbers"])) & _OF[asked["protocol"]]


def _address(text: str) -> NetworkSet | None:
    text = _SUFFIX.sub("", text)
    try:
        return networks(text) if "." in text or ":" in text else None
    except ValueError:
        return None


def _place(source: SourceText, number: int) -> Location:
    line = source.line(number) or ""
    return source.location(number, len(line) - len(line.lstrip()) + 1, len(line.rstrip()) + 1)
