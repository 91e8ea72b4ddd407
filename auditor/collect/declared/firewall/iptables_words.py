"""What iptables' options say: conditions and targets of one rule, from its words. No I/O.

Everything that is not known here, and may not be passed over, is a condition or a target that cannot be decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.declared.firewall.circumstances import AtRest, Fixed, Goes, State, Unsure
from auditor.collect.declared.firewall.conditions import AnyOf, Condition, Enters, Original, Within
from auditor.collect.declared.firewall.iptables_values import (
    PROTOCOLS,
    address_range,
    has_odd_mask,
    networks,
    port_numbers,
    protocol_name,
)
from auditor.collect.declared.firewall.packets import ALL_SCTP, PORTS, Lead, of_every_protocol
from auditor.collect.declared.firewall.rules import Act
from auditor.model.ports import ALL_TCP, HIGHEST, NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.model.network import NetworkSet

PASSING = frozenset((
    "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "TCPMSS", "TCPOPTSTRIP",
    "TRACE", "AUDIT", "SECMARK", "CONNSECMARK", "CHECKSUM", "RATEEST", "IDLETIMER", "LED", "TEE", "SET", "ECN",
))  # fmt: skip
"""Targets after which the packet goes on to the next rule."""
_STOPPING = frozenset((
    "DROP", "REJECT",
))  # fmt: skip
_TARPIT = "it answers the handshake itself, so that the port looks open to whoever asks"
_FLAGS = frozenset((
    "FIN", "SYN", "RST", "PSH", "ACK", "URG",
))  # fmt: skip
_LONG = {
    "-s": "--source", "--src": "--source", "-d": "--destination", "--dst": "--destination", "-p": "--protocol",
    "--proto": "--protocol", "-i": "--in-interface", "-o": "--out-interface", "-j": "--jump", "-g": "--goto",
    "-m": "--match", "-f": "--fragment", "--dport": "--destination-port", "--sport": "--source-port",
    "--dports": "--destination-ports", "--sports": "--source-ports",
}  # fmt: skip


@dataclass(slots=True)
class Words:
    """The words of one rule, and what they have come to. ``ports``: the protocol that ports are of."""

    items: Sequence[str]
    at: int = 0
    conditions: list[Condition] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    protocols: PortSet = PORTS
    names_ports: bool = False
    act: Act = Act.CONTINUE
    target: str = ""
    lead: Lead | None = None
    hint: str = ""
    modules: list[str] = field(default_factory=list)

    def take(self) -> str:
        """Return the next word, or nothing at the end."""
        word = self.items[self.at] if self.at < len(self.items) else ""
        self.at += 1
        return word

    def values(self) -> list[str]:
        """Return the words up to the next option."""
        found = []
        while self.at < len(self.items) and not self.items[self.at].startswith("-") and self.items[self.at] != "!":
            found.append(self.take())
        return found


def read(items: Sequence[str], behind: Callable[[NetworkSet], str | None]) -> Words:
    """Read the words of a rule after the name of its chain.

    :raises ValueError: an address or port that is none.
    """
    words = Words(items)
    while words.at < len(items):
        word = words.take()
        inverted = word == "!"
        if inverted:
            word = words.take()
        option = _LONG.get(word, word)
        if words.at < len(items) and items[words.at] == "!" and option in _NEGATED_INSIDE:
            inverted = True
            words.at += 1
        if option in ("--jump", "--goto"):
            _target(words, goto=option == "--goto")
            break
        _option(words, option, inverted, behind)
    if any(module in _UNUSUAL for module in words.modules):
        words.conditions.append(AtRest(holds=False))
    if "rpfilter" in words.modules:
        words.conditions.append(AtRest("--invert" not in items))
    if any(module not in _MODULES | _UNUSUAL for module in words.modules):
        words.conditions.append(Unsure())
    if "set" in words.modules:
        words.hint = "the members of the set are not in the file"
    return words


_UNUSUAL = frozenset(("rt", "frag", "ipv6header", "dst", "hbh", "mh", "ah", "esp"))
"""Headers that the first packet of a connection has only if its sender wants it to."""
_MODULES = frozenset((
    "tcp", "udp", "icmp", "icmp6", "multiport", "conntrack", "state", "sctp", "comment", "limit", "hashlimit", "recent",
    "connlimit", "addrtype", "iprange", "pkttype", "quota", "set", "rpfilter", "nfacct",
))  # fmt: skip
"""Matches whose options are known, or decide by themselves that they are not."""


_NEGATED_INSIDE = frozenset((
    "--source", "--destination", "--protocol", "--in-interface", "--out-interface", "--destination-port",
    "--source-port", "--destination-ports", "--source-ports",
))  # fmt: skip
"""Options after which old versions put the exclamation mark."""


def _option(words: Words, option: str, inverted: bool, behind: Callable[[NetworkSet], str | None]) -> None:  # noqa: FBT001
    match option:
        case "--match":
            words.modules.append(words.take())
        case "--protocol":
            _protocol(words, words.take().lower(), inverted)
        case "--source" | "--destination":
            text = words.take()
            if has_odd_mask(text):
                words.conditions.append(Unsure())
                return
            words.conditions.append(Within("sources" if option == "--source" else "targets", networks(text), inverted))
        case "--in-interface":
            words.names.append(words.take())
            words.conditions.append(Enters((words.names[-1],), inverted))
        case "--out-interface":
            words.conditions.append(Goes((words.take(),), inverted, behind))
        case "--destination-port" | "--destination-ports":
            words.names_ports = True
            words.conditions.append(Within("ports", _ports(words, words.take()), inverted))
        case "--source-port" | "--source-ports":
            words.conditions.append(Within("origins", port_numbers(words.take()), inverted))
        case _:
            _extension(words, option, inverted)


def _protocol(words: Words, name: str, inverted: bool) -> None:  # noqa: FBT001
    members = PROTOCOLS.get(protocol_name(name), NO_PORTS)
    words.names_ports |= members == ALL_SCTP and not inverted
    words.protocols = PORTS - members if inverted else members
    words.conditions.append(Within("ports", members, inverted))


def _ports(words: Words, text: str) -> PortSet:
    """Return ports of the protocols that the rule is about; no other protocol has any."""
    return of_every_protocol(port_numbers(text)) & words.protocols


def _extension(words: Words, option: str, inverted: bool) -> None:  # noqa: FBT001
    values = words.values()
    if option in _PASSED_OVER:
        return
    known = _known(option, values, words)
    if known is None:
        words.conditions.append(Unsure())
    elif isinstance(known, Fixed):
        words.conditions.append(Fixed(known.holds != inverted))
    elif isinstance(known, AtRest):
        words.conditions.append(AtRest(known.holds != inverted))
    elif isinstance(known, State):
        words.conditions.append(State(known.states, inverted))
    elif isinstance(known, Within):
        words.conditions.append(Within(known.field, known.members, inverted))
    elif isinstance(known, Original):
        words.conditions.append(Original(known.field, known.members, inverted))
    else:
        words.conditions.append(AnyOf(known.ways, inverted) if isinstance(known, AnyOf) else known)


_PASSED_OVER = frozenset((
    "--comment", "--invert", "--loose", "--accept-local", "--nfacct-name", "--limit-burst", "--hashlimit-burst",
    "--hashlimit-mode", "--hashlimit-name", "--hashlimit-htable-expire", "--hashlimit-htable-size",
    "--hashlimit-htable-max", "--hashlimit-htable-gcinterval", "--hashlimit-srcmask", "--hashlimit-dstmask",
    "--hashlimit-rate-match", "--hashlimit-rate-interval", "--connlimit-mask", "--connlimit-saddr",
    "--connlimit-daddr", "--mask", "--rsource", "--rdest", "--set-counters", "-c",
))  # fmt: skip
"""What only describes another option."""


def _known(option: str, values: list[str], words: Words) -> Condition | None:  # noqa: C901, PLR0911, PLR0912 - a case an option
    first = values[0] if values else ""
    match option:
        case "--ctstate" | "--state":
            return State(frozenset(first.lower().split(",")))
        case "--ctstatus":
            return State(frozenset({"dnat"})) if first == "DNAT" else None
        case "--ctdir":
            return Fixed(first == "ORIGINAL")
        case "--ctorigdst":
            return Original("targets", networks(first))
        case "--ctorigdstport":
            return Original("ports", _ports(words, first))
        case "--syn":
            return Within("ports", ALL_TCP)
        case "--tcp-flags":
            return _flags(first, values[1] if len(values) > 1 else "")
        case _ if words.modules[-1:] and words.modules[-1] in _UNUSUAL:
            return AtRest(holds=False)
        case "--icmp-type" | "--icmpv6-type" | "--fragment":
            return Fixed(holds=False)
        case "--limit" | "--hashlimit" | "--hashlimit-upto" | "--connlimit-upto" | "--quota" | "--validmark":
            return AtRest(holds=True)
        case "--hashlimit-above" | "--connlimit-above":
            return AtRest(holds=False)
        case "--dst-type" | "--src-type":
            return _address_type(option, first.split(","))
        case "--src-range" | "--dst-range":
            return Within("sources" if option == "--src-range" else "targets", address_range(first))
        case "--pkt-type":
            return Fixed(first == "unicast")
        case "--ports":
            origins = Within("origins", port_numbers(first))
            return AnyOf(((Within("ports", _ports(words, first)),), (origins,)))
        case _:
            return _recent(option, words) if "recent" in words.modules[-1:] else None


def _recent(option: str, words: Words) -> Condition | None:
    """What has come before decides; a count of several has not been reached by the first packet."""
    if option == "--set":
        return Fixed(holds=True)
    if option in ("--rcheck", "--update"):
        counted = any(word == "--hitcount" for word in words.items)
        return AtRest(holds=False) if counted else _KNOCK
    return Fixed(holds=True) if option in ("--seconds", "--hitcount", "--name", "--rttl", "--reap") else None


_KNOCK = AtRest(holds=False)
"""Whether somebody has been here before: nobody has, at first."""


def _address_type(option: str, types: list[str]) -> Condition | None:
    """Packets go to the host's own addresses; those to many at once are none of them."""
    if option == "--src-type":
        return Fixed(holds=False) if not set(types) & {"UNICAST"} else None if len(types) > 1 else Fixed(holds=True)
    return Fixed(bool({"LOCAL"} & set(types)))


def _flags(mask: str, wanted: str) -> Condition:
    """Hold the flags of a first packet of TCP against a mask: SYN alone is set."""
    asked = _FLAGS if mask == "ALL" else frozenset(mask.split(","))
    expected = _FLAGS if wanted == "ALL" else frozenset() if wanted == "NONE" else frozenset(wanted.split(","))
    return Within("ports", ALL_TCP if asked & {"SYN"} == expected else NO_PORTS)


def _target(words: Words, *, goto: bool) -> None:
    words.target = words.take()
    name = words.target
    options = dict(_options(words))
    if goto:
        words.act = Act.GOTO
    elif name == "ACCEPT":
        words.act = Act.ACCEPT
    elif name in _STOPPING or (name == "TARPIT" and "--reset" in options):
        words.act = Act.DROP
    elif name == "TARPIT":
        words.act, words.hint = Act.UNKNOWN, _TARPIT
    elif name == "RETURN":
        words.act = Act.RETURN
    elif name in ("DNAT", "REDIRECT"):
        words.act, words.lead = Act.NAT, _lead(options, here=name == "REDIRECT")
    elif name == "NOTRACK" or (name == "CT" and "--notrack" in options):
        words.act = Act.UNTRACK
    elif name == "SYNPROXY":
        words.act = Act.ACCEPT
    elif name in PASSING or name in ("CT", "SNAT", "MASQUERADE"):
        words.act = Act.CONTINUE
    else:
        words.act = Act.JUMP


def _options(words: Words) -> Iterator[tuple[str, str]]:
    while words.at < len(words.items):
        option = words.take()
        yield option, " ".join(words.values())


def _lead(options: dict[str, str], *, here: bool) -> Lead:
    """Read ``192.0.2.1:80``, ``[2001:db8::1]:80``, ``:80``, ``192.0.2.1-192.0.2.9:80-90``, or ports alone."""
    if here:
        address, ports = "", options.get("--to-ports", "")
    else:
        text = options.get("--to-destination", "")
        if text.startswith("["):
            address, _, ports = text[1:].partition("]")
            ports = ports.lstrip(":")
        elif text.count(":") > 1:
            address, ports = text, ""
        else:
            address, _, ports = text.partition(":")
    ports = ports.partition("/")[0]
    low, dash, high = ports.partition("-")
    chosen = int(low) if low.isascii() and low.isdigit() and len(low) <= 5 and int(low) <= HIGHEST else None
    settled = not ports or (chosen is not None and (not dash or low == high))
    return Lead(address=address_range(address) if address else None, port=chosen if settled else None, settled=settled)
