"""Who, where and what, in words: the facts about a port in one view, as drafts of findings need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.findings.making import Draft, expired_at, listed, live_exception, plain
from auditor.model.ports import PortSet
from auditor.model.reach import probe_reach, socket_reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.evidence import ServiceSeen, Socket
    from auditor.model.expectation import Clause
    from auditor.model.location import Location
    from auditor.model.observed import AtAddress, View
    from auditor.model.policy import Host, PolicyException, Rule
    from auditor.model.ports import Port
    from auditor.model.reach import Reach

_RANGES_SHOWN = 8
_ADDRESSES_SHOWN = 4


class Scene:
    """One view of one subject."""

    def __init__(self, host: Host, member: str | None, view: View) -> None:
        self.host = host
        self.member = member
        self.view = view

    def single(
        self,
        check: str,
        port: Port,
        *,
        expected: str,
        actual: str,
        message: str,
        advice: str,
        clause: Clause | None = None,
        location: Location | None = None,
        rule: Rule | None = None,
        renewable: bool = False,
    ) -> Draft:
        """Draft a finding about one port. ``clause`` decides it; without one, the host's entry in the policy does.

        ``renewable``: exceptions that have run out and named the port are told, and pointed at.
        """
        expired = expired_at(self.view.expectation, port) if renewable else ()
        where = clause or next(iter(expired), None)
        return Draft(
            check=check,
            host=self.host.name,
            member=self.member,
            address=self.addresses(port),
            port=port,
            vantage=self.view.vantage,
            expected=expected,
            actual=actual,
            message=message,
            help=advice,
            policy_location=location or (where.location if where else self.host.location),
            rule=rule or (clause.rule if clause else None),
            exception=live_exception(self.view.expectation, port),
            expired=tuple(dict.fromkeys(item.exception for item in expired if item.exception)),
            service=listed(plain(one.service) for one in self._services(port)),
            process=listed(map(holder, self._holders(port))),
            evidence=self._sources(port),
            reach=tuple(self._reach(PortSet.of(port))),
        )

    def folded(
        self,
        check: str,
        ports: PortSet,
        exception: PolicyException | None,
        *,
        expected: str,
        state: str,
        message: str,
        advice: str,
        location: Location,
        rule: Rule | None,
    ) -> Draft:
        """Draft one finding about many ports, all of them lifted by the exception or none."""
        return Draft(
            check=check,
            host=self.host.name,
            member=self.member,
            address=self.addresses(None),
            ports=ports,
            vantage=self.view.vantage,
            slot=f"exception:{exception.id}" if exception else "",
            expected=expected,
            actual=f"{state}: {ranges(ports)}",
            message=message,
            help=advice,
            policy_location=location,
            rule=rule,
            exception=exception,
            evidence=self._sources(None),
            reach=tuple(self._reach(ports)),
        )

    def place(self, port: Port | None) -> str:
        """``web-1 (192.0.2.10)``."""
        address = self.addresses(port)
        return f"{self.host.name} ({address})" if address and address != self.host.name else self.host.name

    def addresses(self, port: Port | None) -> str | None:
        """Where something was seen at the port; None: anything at all."""
        found = [at.address for at in self.view.at if at.address and (port is None or self._speaks(at, port))]
        return ", ".join(found[:_ADDRESSES_SHOWN]) or listed(self._bound(port)) or self.member

    def state(self, port: Port) -> str:
        """``open (redis)``, with what answers or listens there, if it is known."""
        names = [plain(one.service) for one in self._services(port)]
        known = listed(names) or listed(self._processes(port))
        text = "open" if port in self.view.open else "open in evidence that is too old"
        return f"{text} ({known})" if known else text

    def verb(self, port: Port) -> str:
        """``is open``, or ``was open`` where only old evidence says so."""
        return "is open" if port in self.view.open else "was open"

    def _speaks(self, at: AtAddress, port: Port) -> bool:
        loud = port in self.view.open or port in self.view.old_open
        if loud:
            return port in at.open or port in at.old_open
        return any(port in ports for ports in (at.closed, at.filtered, at.closed_filtered))

    def _bound(self, port: Port | None) -> Iterator[str]:
        return (plain(one.address) for one in self.view.sockets if one.port == port)

    def _services(self, port: Port) -> Iterator[ServiceSeen]:
        """Yield what answered there; a name that was only looked up by number says nothing of the host."""
        found = (one for at in self.view.at for one in at.services)
        return (one for one in found if one.port == port and one.method == "probed")

    def _processes(self, port: Port) -> Iterator[str]:
        return (plain(one.process) for one in self._holders(port) if one.process)

    def _holders(self, port: Port) -> Iterator[Socket]:
        sockets = (*self.view.sockets, *self.view.inner) if port not in self.view.open else self.view.sockets
        return (one for one in sockets if one.port == port and (one.process or one.forwards))

    def _reach(self, ports: PortSet) -> Iterator[Reach]:
        """Yield where these ports are open: to probes, and to sockets that the view reaches or else to inner ones."""
        literal = self.host.networks
        for at in self.view.at:
            if loud := (at.open | at.old_open) & ports:
                yield probe_reach(loud, at.address, literal)
        heard = [one for one in self.view.sockets if one.port in ports]
        shown = not ports.isdisjoint(self.view.open | self.view.old_open)
        yield from map(socket_reach, heard if heard or shown else [one for one in self.view.inner if one.port in ports])

    def _sources(self, port: Port | None) -> tuple[str, ...]:
        probes = [source for at in self.view.at if port is None or self._speaks(at, port) for source in at.sources]
        listens = port is None or any(one.port == port for one in self.view.sockets) or not probes
        return tuple(dict.fromkeys((*probes, *(self.view.table_sources if listens else ()))))


def holder(one: Socket) -> str:
    """``redis-server (unit redis-server.service)``, ``address translation (NAT) to 172.17.0.2:80``: who, and whose."""
    whose = f"unit {one.unit}" if one.unit else ""
    if one.container:
        whose = f"container {one.container}"
    name = "address translation (NAT)" if one.nat else one.process or "an unseen process"
    behind = f" to {one.forwards}" if one.forwards else ""
    if one.nat and one.process:
        behind += f", {one.process}"
    return plain(f"{name}{behind}" + (f" ({whose})" if whose else ""))


def ranges(ports: PortSet) -> str:
    """Ports as text, the first few ranges only."""
    items = str(ports).split(",")
    return ",".join(items[:_RANGES_SHOWN]) + (", …" if len(items) > _RANGES_SHOWN else "")
