"""What ``iptables-save`` and ``ip6tables-save`` print, either variant (iptables-extensions(8)). No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.sockets.nat.rules import EVERY_PORT, EVERYTHING, NOTHING, Reach, Rule, Ruleset, Target
from auditor.model.network import NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_TABLES = ("nat", "mangle")
"""DNAT and REDIRECT are in the first, TPROXY in the second."""

_OF_PROTOCOL = {"tcp": ALL_TCP, "6": ALL_TCP, "udp": ALL_UDP, "17": ALL_UDP, "all": EVERY_PORT, "0": EVERY_PORT}
_PORTS = ("--dport", "--dports", "--destination-port", "--destination-ports")
_FREE_TEXT = ("--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string")
"""What follows these is somebody's text, even where it looks like an option."""
_JUMPS = ("-j", "-g", "--jump", "--goto")


def rulesets(text: str, everywhere: NetworkSet, local: NetworkSet) -> Iterator[Ruleset]:
    """Read every table that may open ports.

    :param everywhere: the addresses of the family that the command prints.
    :param local: the host's own addresses, which rules may speak of as ``LOCAL``.
    """
    for table, lines in _tables(text):
        if table not in _TABLES:
            continue
        chains: dict[str, list[Rule]] = {}
        for line in lines:
            words = [found[1] if found[2] is None else found[2] for found in _WORD.finditer(line)]
            if len(words) > 2 and words[0] == "-A" and (rule := _rule(words[2:], local)):
                chains.setdefault(words[1], []).append(rule)
        yield Ruleset(chains=chains, reach=Reach(to=everywhere))


def _tables(text: str) -> Iterator[tuple[str, list[str]]]:
    table, lines = "", list[str]()
    for line in text.splitlines():
        if line.startswith("*"):
            table, lines = line[1:].strip(), []
        elif line.startswith("COMMIT"):
            yield table, lines
        else:
            lines.append(line)


def _rule(words: Sequence[str], local: NetworkSet) -> Rule | None:
    """Read what follows ``-A CHAIN``; None for a rule that neither jumps nor sends packets elsewhere."""
    reach, jump = EVERYTHING, ""
    negated = False
    protocol = EVERY_PORT
    options: dict[str, str] = {}
    previous = ""
    for word, value in zip(words, (*words[1:], ""), strict=True):
        if previous in _FREE_TEXT:
            previous = ""
            continue
        if word in ("-p", "--protocol"):
            protocol = _narrowed(EVERY_PORT, _OF_PROTOCOL.get(value, NO_PORTS), negated=negated)
            reach &= Reach(ports=protocol)
        elif word in _PORTS:
            reach &= Reach(ports=_narrowed(protocol, _ports(value), negated=negated))
        elif word in ("-d", "--destination", "--dst-type", "-i", "--in-interface"):
            reach &= _place(word, value, local, negated=negated)
        elif word in _JUMPS:
            jump = value
        elif word.startswith("--"):
            options[word] = value
        negated, previous = word == "!", word
    if jump in _TARGETS:
        return Rule(reach=reach, target=_TARGETS[jump](options))
    return Rule(reach=reach, jump=jump) if jump else None


def _place(word: str, value: str, local: NetworkSet, *, negated: bool) -> Reach:
    if word in ("-i", "--in-interface"):
        return Reach(inner=True) if value == "lo" and not negated else EVERYTHING
    if word == "--dst-type":
        if "LOCAL" not in value.split(","):
            return EVERYTHING if negated else NOTHING
        return NOTHING if negated else Reach(to=local)
    try:
        network = NetworkSet.parse(value)
    except ValueError:
        return EVERYTHING
    return Reach(to=_without(network) if negated else network)


def _without(network: NetworkSet) -> NetworkSet:
    return Reach().to - network


def _narrowed(whole: PortSet, named: PortSet | None, *, negated: bool) -> PortSet:
    if named is None:  # not understood: any of them
        return whole
    return whole - named if negated else whole & named


def _ports(text: str) -> PortSet | None:
    """Read ``80``, ``80:90``, ``22,80:90``, of both protocols; None for what is not understood."""
    try:
        ranges = text.replace(":", "-")
        return PortSet.parse(ranges, Protocol.TCP) | PortSet.parse(ranges, Protocol.UDP)
    except ValueError:
        return None


def _dnat(options: dict[str, str]) -> Target:
    """``--to-destination 172.17.0.2:80``, ``[fd00::2]:80``, ``:8080``, or a bare address."""
    text = options.get("--to-destination", "")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(\S+))?", text)
    if bracketed:
        return Target(address=bracketed[1], port=bracketed[2])
    if text.count(":") > 1:
        return Target(address=text)
    address, _, port = text.partition(":")
    return Target(address=address or None, port=port.partition("/")[0] or None)


def _redirect(options: dict[str, str]) -> Target:
    return Target(port=options.get("--to-ports", "").partition("/")[0] or None)


def _tproxy(options: dict[str, str]) -> Target:
    port = options.get("--on-port", "0")
    return Target(port=None if port == "0" else port, transparent=True)


def _netmap(options: dict[str, str]) -> Target:
    return Target(address=options.get("--to", "another network"))


_TARGETS: dict[str, Callable[[dict[str, str]], Target]] = {
    "DNAT": _dnat,
    "REDIRECT": _redirect,
    "TPROXY": _tproxy,
    "NETMAP": _netmap,
}
