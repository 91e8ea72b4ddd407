"""What ``auditor scan`` shows: a block a host with open ports, and hosts that show none and are alike together.

Pure but for the order: a host that shows open ports is told as soon as it is known, the others at the end.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from auditor.files import iana
from auditor.model.network import parse_address
from auditor.model.ports import Protocol
from auditor.report.escape import ascii_only, one_line
from auditor.report.remedies import remedies
from auditor.report.text_wrap import wrapped
from auditor.report.wording import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.evidence import Observation, ServiceSeen
    from auditor.model.network import Address
    from auditor.model.ports import Port, PortSet
    from auditor.report.text_style import Style

_MOST_NAMED: Final = 4_096
"""So many hosts without open ports are remembered by name; of others their number is told."""
_MOST_OUTCOMES: Final = 256
"""So many outcomes are told together; hosts with yet another one are told at once."""
_MOST_REASONS: Final = 64


class ScanText:
    """Turns observations into text. Feed it each of them, and :meth:`end` at the end, or at a break."""

    def __init__(self, style: Style, width: int, *, plain: bool = False) -> None:
        """Write lines of about ``width`` columns, where they are lists; ``plain`` is ASCII alone."""
        self._style = style
        self._width = width
        self._plain = plain
        self._quiet: dict[tuple[str, ...], list[str]] = {}
        self._more: dict[tuple[str, ...], int] = {}
        self._named = 0
        self._reasons: dict[str, None] = {}

    def told(self, observation: Observation) -> str:
        """The block of a host that shows open ports; nothing yet for others."""
        for unknown in observation.unknown[:_MOST_REASONS]:
            if len(self._reasons) < _MOST_REASONS:
                self._reasons.setdefault(unknown.reason)
        title, facts = _title(observation), tuple(_facts(observation))
        if observation.open or (facts not in self._quiet and len(self._quiet) >= _MOST_OUTCOMES):
            return self._text([self._style.bold(one_line(title)), *self._opens(observation), *facts])
        titles = self._quiet.setdefault(facts, [])
        if self._named < _MOST_NAMED:
            self._named += 1
            titles.append(title)
        else:
            self._more[facts] = self._more.get(facts, 0) + 1
        return ""

    def end(self) -> str:
        """The hosts that show nothing open, those with the same outcome together, and what to do about gaps."""
        lines: list[str] = []
        for facts, titles in self._quiet.items():
            more = self._more.get(facts, 0)
            lines += self._heading(titles, more)
            lines += facts
        self._quiet, self._more, self._named = {}, {}, 0
        for reason, advice in remedies(self._reasons):
            if advice:
                lines += self._help(reason, advice)
        self._reasons = {}
        return self._text(lines)

    def _heading(self, titles: Sequence[str], more: int) -> Iterator[str]:
        number = len(titles) + more
        if number == 1:
            yield self._style.bold(one_line("".join(titles) or "1 host"))
            return
        spans = [one_line(span) for span in _spans(titles)]
        shown = listed(spans, "range", max(40, self._width - 30)) if spans else ""
        left = f"{' and ' if shown else ''}{more:,} more" if more else ""
        heading = f"{plural(number, 'host')} alike"
        yield f"{self._style.bold(heading)}: {shown}{left}"

    def _help(self, reason: str, advice: str) -> Iterator[str]:
        begins = one_line(reason.partition(":")[0] if len(reason) > 40 else reason)
        head = f"help ({begins}): "
        yield from wrapped(f"{self._style.bold(head.rstrip())} {advice}", self._width, hang=2)

    def _opens(self, observation: Observation) -> Iterator[str]:
        services = {seen.port: seen for seen in observation.services}
        for port in observation.open:
            yield f"  {port!s:<10} open  {self._service(port, services.get(port))}".rstrip()

    def _service(self, port: Port, seen: ServiceSeen | None) -> str:
        """Name what answers; what is merely looked up by the number gets a question mark, as nmap gives it."""
        if seen is not None and seen.method == "probed":
            name = one_line(seen.service)
            return f"{name} over TLS" if seen.tls and name not in {"tls", "ssl"} else name
        guess = seen.service if seen is not None else iana.name_of(port)
        return self._style.faint(f"{one_line(guess).rstrip('?')}?") if guess else ""

    def _text(self, lines: Iterable[str]) -> str:
        return "".join(f"{ascii_only(line) if self._plain else line}\n" for line in lines)


def _title(observation: Observation) -> str:
    name = observation.host if observation.host not in {None, observation.address} else None
    if name and observation.address and "/" in name:  # a network of the command line says no more than the address
        name = None
    return f"{name} ({observation.address})" if name and observation.address else name or observation.address or "?"


def _facts(observation: Observation) -> Iterator[str]:
    counted = [
        amount
        for label, ports in (
            ("closed", observation.closed),
            ("filtered", observation.filtered),
            ("open|filtered", observation.open_filtered),
            ("closed|filtered", observation.closed_filtered),
        )
        for amount in _amounts(ports, label)
    ]
    if counted:
        yield f"  {', '.join(counted)}"
    for unknown in observation.unknown:
        yield f"  {', '.join(_amounts(unknown.ports, 'unknown')) or 'unknown'}: {one_line(unknown.reason)}"
    for note in observation.notes:
        yield f"  note: {one_line(note)}"


def _amounts(ports: PortSet, label: str) -> Iterator[str]:
    """``1 closed``, ``2 udp closed``: ports are TCP's unless something else is said, as in a policy."""
    for protocol in Protocol:
        if number := len(ports.only(protocol)):
            yield f"{number:,} {label}" if protocol is Protocol.TCP else f"{number:,} {protocol.value} {label}"


def _spans(titles: Sequence[str]) -> Iterator[str]:
    """Write neighbouring addresses as ``192.0.2.1-192.0.2.14``, those of a name as ``dmz (192.0.2.1-192.0.2.14)``."""
    addresses: dict[str, list[Address]] = {}
    for title in titles:
        name, _, inside = title.removesuffix(")").rpartition(" (") if title.endswith(")") else ("", "", title)
        try:
            addresses.setdefault(name, []).append(parse_address(inside))
        except ValueError:
            addresses.setdefault(title, [])
    for name, found in addresses.items():
        spans = ", ".join(_runs(found)) if name else ""
        yield from (f"{name} ({spans})" if spans else name,) if name else _runs(found)


def _runs(addresses: Sequence[Address]) -> Iterator[str]:
    ordered = sorted(addresses, key=lambda address: (address.version, int(address)))
    breaks = [at for at, (one, two) in enumerate(pairwise(ordered), 1) if not _neighbours(one, two)]
    for start, stop in pairwise((0, *breaks, len(ordered))):
        if start < stop:
            yield str(ordered[start]) if stop - start == 1 else f"{ordered[start]}-{ordered[stop - 1]}"


def _neighbours(one: Address, two: Address) -> bool:
    """Whether an address follows another one; equal ones, as of several zones, do not."""
    zoned = any(isinstance(each, IPv6Address) and each.scope_id for each in (one, two))
    return not zoned and one.version == two.version and int(two) == int(one) + 1
