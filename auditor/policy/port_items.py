"""Port items: what stands in ``allow``, ``require``, ``deny``, ``ports``, ``services`` and ``scan``, as port sets.

A bare number or range means tcp. A name is, in this order: ``all`` or one of RFC 6335's ranges, one of the team's own
services, a name in common use, a name of the IANA registry. The first three mean exactly what they list. The registry
lists most names for tcp and udp alike, whatever the service speaks; allowing both would open more than was meant, so
that such a name means tcp where the registry knows it on tcp, else udp. A suffix narrows a name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.files.common_services import COMMON
from auditor.files.suggest import nearest
from auditor.files.validate import quoted
from auditor.model.ports import HIGHEST, NO_PORTS, PortSet, Protocol
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"[0-9]+")
_RANGE = re.compile(r"([0-9]+)\s*-\s*([0-9]+)")
_NUMERIC = re.compile(r"[0-9:.,+\s-]*")

RANGES = {"all": (1, HIGHEST), "well-known": (1, 1023), "registered": (1024, 49151), "dynamic": (49152, HIGHEST)}
"""RFC 6335 section 6. Port 0 is reserved: nothing can listen on it."""

_EVERYTHING = ("*", "any", "every")
_MOST_SUGGESTIONS = 20
"""Six thousand names take a hundredth of a second to compare; a file full of wrong ones must not take minutes."""

PORT_RULE = f"a port from 1 to {HIGHEST}"


class PortReader:
    """Reads port items, given the team's own services by case-folded name. Remembers, as policies repeat themselves."""

    def __init__(self, services: Mapping[str, PortSet]) -> None:
        self._services = services
        self._known: dict[int | str, PortSet] = {}
        self._unknown = 0

    def read(self, item: int | str) -> PortSet:
        """Read ``443``, ``443/tcp``, ``53/tcp+udp``, ``8000-8010``, ``all/udp``, ``https`` or a team's service.

        :raises WrongWordError: anything else.
        """
        if item not in self._known:
            self._known[item] = _one(item) if isinstance(item, int) else self._text(item)
        return self._known[item]

    def _text(self, text: str) -> PortSet:
        what, slash, suffix = text.strip().partition("/")
        protocols = _protocols(suffix, text) if slash else ()
        numbers = _numbers(what.strip(), text)
        if numbers:
            return _spans(*numbers, protocols or (Protocol.TCP,))
        return self._named(what.strip().casefold(), protocols, text)

    def _named(self, name: str, protocols: tuple[Protocol, ...], text: str) -> PortSet:
        from auditor.files import iana

        own = self._services.get(name)
        ports = iana.ports_of(name) if own is None else own
        if ports is None:
            expected = "a port, a range, or a service of this policy or the IANA registry"
            raise WrongWordError(f"unknown service {quoted(text)}", expected=expected, suggestion=self._nearest(name))
        if protocols:
            return _narrowed(ports, protocols, text)
        if own is not None or name in COMMON:
            return ports
        return ports.only(Protocol.TCP) or ports.only(Protocol.UDP)

    def _nearest(self, name: str) -> str | None:
        from auditor.files import iana

        if name in _EVERYTHING:
            return "all"
        self._unknown += 1
        registered = iana.names() if self._unknown <= _MOST_SUGGESTIONS else ()
        return nearest(name, [*self._services, *RANGES]) or nearest(name, registered, likeness=0.8)


def _one(number: int) -> PortSet:
    if not 1 <= number <= HIGHEST:
        raise WrongWordError(f"{number} is not a port", expected=PORT_RULE)
    return PortSet.span(number, number)


def _numbers(what: str, text: str) -> tuple[int, int] | None:
    """Return the ends of a number, range or range's name; None for what may be a service name."""
    if what.casefold() in RANGES:
        return RANGES[what.casefold()]
    if _NUMBER.fullmatch(what):
        number = _number(what, text)
        if number == 0:
            raise WrongWordError("0 is not a port", expected=PORT_RULE)
        return number, number
    if found := _RANGE.fullmatch(what):
        low, high = _number(found[1], text), _number(found[2], text)
        if low > high:
            raise WrongWordError(
                f"the range {quoted(text)} is reversed", suggestion=text.replace(what, f"{high}-{low}")
            )
        if high == 0:
            raise WrongWordError("0 is not a port", expected=PORT_RULE)
        return max(low, 1), high
    if _NUMERIC.fullmatch(what):
        raise WrongWordError(f"{quoted(text)} is not a port", expected=f"{PORT_RULE}, or a range such as 8000-8010")
    return None


def _number(digits: str, text: str) -> int:
    if digits.startswith("0") and digits != "0":
        raise WrongWordError(
            f"{quoted(text)} has a leading zero", expected="decimal digits", suggestion=_unpadded(digits, text)
        )
    if len(digits) > len(str(HIGHEST)) or int(digits) > HIGHEST:
        raise WrongWordError(f"{quoted(text)} is not a port", expected=PORT_RULE)
    return int(digits)


def _unpadded(digits: str, text: str) -> str | None:
    bare = digits.lstrip("0")
    return text.replace(digits, bare, 1) if bare else None


def _protocols(suffix: str, text: str) -> tuple[Protocol, ...]:
    found = []
    for word in suffix.split("+"):
        name = word.strip().casefold()
        if name not in ("tcp", "udp"):
            suggestion = nearest(name, ("tcp", "udp"), likeness=0.65)
            raise WrongWordError(
                f"{quoted(text)} names no protocol that can be audited",
                expected="/tcp, /udp or /tcp+udp",
                suggestion=suggestion and f"{text.partition('/')[0]}/{suggestion}",
            )
        found.append(Protocol(name))
    return tuple(found)


def _spans(low: int, high: int, protocols: tuple[Protocol, ...]) -> PortSet:
    found = NO_PORTS
    for protocol in protocols:
        found |= PortSet.span(low, high, protocol)
    return found


def _narrowed(ports: PortSet, protocols: tuple[Protocol, ...], text: str) -> PortSet:
    found = NO_PORTS
    for protocol in protocols:
        part = ports.only(protocol)
        if not part:
            name = text.partition("/")[0].strip()
            raise WrongWordError(
                f"{quoted(text)} names no {protocol.value} port: {quoted(name)} is {_shown(ports)}",
                expected=f"a service on {protocol.value}, or a number with /{protocol.value}",
            )
        found |= part
    return found


def _shown(ports: PortSet) -> str:
    return quoted(str(ports).replace(",", ", ")).strip("'") or "nothing"
