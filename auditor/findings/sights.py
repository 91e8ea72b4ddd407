"""What each kind of evidence says of one port of a subject, in words: published where, listening as what, reachable.

Findings tell it where several kinds speak of their port, and the matrix shows it port by port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings.declared_drafts import whom
from auditor.findings.making import listed, plain
from auditor.findings.scene import holder, ranges
from auditor.model.evidence import Kind, Scope
from auditor.model.findings import Sight
from auditor.model.network import EVERYWHERE, LOOPBACK
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import Opening, Socket
    from auditor.model.location import Location
    from auditor.model.observed import Reconciled, View
    from auditor.model.ports import Port

_SHOWN = 3
_LINES = 10
"""Lines told of one port where files alone speak of it."""
_SPELLED_OUT = 32
"""Of a wider range than that the first port stands for all, beside those that other evidence shows."""


class Sights:
    """All the evidence of one subject, port by port. ``probed`` are the views that probes looked from, in order."""

    def __init__(self, reconciled: Reconciled) -> None:
        self._single: dict[Port, list[tuple[Opening, str]]] = {}
        self._ranges: list[tuple[Opening, str]] = []
        for piece in reconciled.declared:
            for opening in piece.openings:
                wide = len(opening.ports) > 1
                kept = self._ranges if wide else self._single.setdefault(opening.port, [])
                kept.append((opening, piece.source))
        self._sockets: dict[Port, dict[Socket, None]] = {}
        for view in reconciled.views:
            for socket in (*view.sockets, *view.inner):
                self._sockets.setdefault(socket.port, {}).setdefault(socket)
        self.probed = [view for view in reconciled.views if Kind.PROBE in view.kinds]
        self._tables = [view for view in reconciled.views if Kind.SOCKETS in view.kinds]
        self._declared = bool(reconciled.declared)

    @property
    def vantages(self) -> tuple[str | None, ...]:
        """From where probes looked."""
        return tuple(view.vantage for view in self.probed)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of evidence that speak of the subject at all."""
        present = ((Kind.DECLARED, self._declared), (Kind.SOCKETS, self._tables), (Kind.PROBE, self.probed))
        return tuple(kind for kind, there in present if there)

    @property
    def ports(self) -> PortSet:
        """Every port that something publishes, holds, or answers at; of a wide range that is published, the first."""
        found = PortSet.of(*self._single, *self._sockets)
        for opening, _ in self._ranges:
            found |= opening.ports if len(opening.ports) <= _SPELLED_OUT else PortSet.of(opening.port)
        for view in self.probed:
            found |= view.open | view.old_open
        return found

    def of(self, port: Port) -> tuple[Sight, ...]:
        """What is known of a port: what publishes it, what listens, then what each vantage saw."""
        found = [*self._publishing(port)]
        if text := self.listening(port):
            found.append(Sight(kind=Kind.SOCKETS, text=text))
        elif self._is_idle(port):
            found.append(Sight(kind=Kind.SOCKETS, text="nothing listens"))
        for view in self.probed:
            if state := state_in(view, port):
                seen_from = f"{state} as seen from {view.vantage}" if view.vantage else f"{state} as probed"
                found.append(Sight(kind=Kind.PROBE, text=seen_from))
        return tuple(found)

    def published(self, port: Port) -> str:
        """To whom: ``to everyone``, ``to 198.51.100.0/24``, ``on 127.0.0.1``; empty if nothing publishes it."""
        return listed(_as_range(opening) for opening, _ in self._opening(port)) or ""

    def listening(self, port: Port) -> str:
        """Who: ``listening on 0.0.0.0 as redis-server (unit redis-server.service)``; empty if nobody is known to."""
        if not (sockets := self._sockets.get(port)):
            return ""
        on = listed(dict.fromkeys(_bound(socket) for socket in sockets))
        who = listed(holder(socket) for socket in sockets if socket.process or socket.forwards)
        return f"listening on {on}" + (f" as {who}" if who else "")

    def _opening(self, port: Port) -> list[tuple[Opening, str]]:
        """Return what opens a port, and to whom: what is for the host itself alone comes last."""
        wide = ((opening, source) for opening, source in self._ranges if port in opening.ports)
        return sorted([*self._single.get(port, ()), *wide], key=lambda one: _is_inward(one[0]))

    def opened_at(self, port: Port) -> Location | None:
        """Return the line that opens a port to others than the host itself."""
        outward = (opening for opening, _ in self._opening(port) if not _is_inward(opening))
        return next((opening.location for opening in outward if opening.location is not None), None)

    def _publishing(self, port: Port) -> Iterator[Sight]:
        yield from (_published(opening, source) for opening, source in self._opening(port)[:_SHOWN])

    def publishing(self, ports: PortSet, *, local: bool) -> tuple[Sight, ...]:
        """Every line that publishes one of these ports to others, or with ``local`` to the host itself."""
        if len(ports) == 1:
            found = self._opening(next(iter(ports)))
        else:
            found = [(opening, source) for opening, source in self._ranges if not ports.isdisjoint(opening.ports)]
        meant = [(opening, source) for opening, source in found if _is_inward(opening) is local]
        return tuple(dict.fromkeys(_published(opening, source) for opening, source in meant[:_LINES]))

    def is_known(self, kind: Kind, port: Port) -> bool:
        """Whether the absence of a port from a kind of evidence says something."""
        if kind is Kind.SOCKETS:
            return self._is_idle(port) or port in self._sockets
        return kind in self.kinds

    def _is_idle(self, port: Port) -> bool:
        """Whether a socket table that was read in full has nothing there."""
        return any(
            port in view.asked and port not in self._sockets and not any(port in gap.ports for gap in view.gaps)
            for view in self._tables
            if view.kinds == (Kind.SOCKETS,) or port in view.closed
        )


def state_in(view: View, port: Port) -> str:
    """What probes found from a vantage; empty if they did not look, or do not know."""
    if any(port in at.open for at in view.at):
        return "open"
    if any(port in at.old_open for at in view.at):
        return "open long ago"
    states = {"closed": "closed", "filtered": "filtered", "open_filtered": "open|filtered"}
    states["closed_filtered"] = "closed|filtered"
    return listed(shown for name, shown in states.items() if any(port in getattr(at, name) for at in view.at)) or ""


def _is_inward(opening: Opening) -> bool:
    return (opening.bind or EVERYWHERE) <= LOOPBACK


def _published(opening: Opening, source: str) -> Sight:
    text = f"{opening.way.value} {whom(opening)}"
    return Sight(kind=Kind.DECLARED, text=text, source=source, location=opening.location)


def _as_range(opening: Opening) -> str:
    return whom(opening) if len(opening.ports) == 1 else f"{whom(opening)}: {ranges(opening.ports)}"


def _bound(socket: Socket) -> str:
    address = plain(socket.address)
    return f"{address}%{plain(socket.interface)}" if socket.interface and socket.scope is Scope.NETWORK else address
