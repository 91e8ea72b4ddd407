"""A host's firewall beside its socket table: what listens and is not let in. Part of the difference.

A firewall takes a listening socket out of sight only where it is known to: its rules are recent and read to the end,
they cover every family of addresses that the socket takes, and no rule that lets the port in, or may, is left. Several
rule sets of one host must agree. On the other hand, a port that is let through and that a complete table shows nobody
listening on is not exposed; one that is led elsewhere is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.diff.states import broken, union
from auditor.model.evidence import EVERY_PROTOCOL, Scope, Unknown, Way
from auditor.model.network import EVERYWHERE, NOWHERE, NetworkSet, parse_address
from auditor.model.observed import Declared
from auditor.model.policy import AddressKind
from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.diff.states import Dated
    from auditor.model.evidence import Observation, Opening, Socket
    from auditor.model.policy import Host

_IPV4 = NetworkSet.parse("0.0.0.0/0")
_IPV6 = EVERYWHERE - _IPV4
_FAMILIES = ((_IPV4, "IPv4", "iptables-save"), (_IPV6, "IPv6", "ip6tables-save"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The firewalls of one host that may be relied upon, and the families of addresses that it has."""

    accounts: tuple[Observation, ...] = ()
    families: NetworkSet = EVERYWHERE

    def keep_out(self, socket: Socket, place: NetworkSet = EVERYWHERE) -> bool:
        """Whether nobody at a place is let in to a socket."""
        reached = _taken(socket) & self.families
        return bool(self.accounts and reached) and all(
            self._keep_family_out(socket, reached & family, place & family)
            for family in (_IPV4, _IPV6)
            if not reached.isdisjoint(family)
        )

    def _keep_family_out(self, socket: Socket, targets: NetworkSet, place: NetworkSet) -> bool:
        covering = [one for one in self.accounts if not one.guarded.isdisjoint(targets)]
        return bool(covering) and not any(_may_enter(one, socket, targets, place) for one in covering)


def guards_of(host: Host, declared: Iterable[Dated]) -> Guards:
    """Return those of a host's rule sets that are recent and whole."""
    accounts = tuple(
        one.piece.observation
        for one in declared
        if one.piece.observation.guarded and one.stale is None and broken(one.piece) is None
    )
    return Guards(accounts=accounts, families=families_of(host))


def families_of(host: Host) -> NetworkSet:
    """Return the families of addresses that a host may have: of a name nobody knows."""
    if not host.addresses or any(address.kind is AddressKind.NAME for address in host.addresses):
        return EVERYWHERE
    found = NOWHERE
    for family in (_IPV4, _IPV6):
        if not host.networks.isdisjoint(family):
            found |= family
    return found or EVERYWHERE


def declarations(host: Host, declared: Sequence[Dated], tables: Sequence[Dated]) -> tuple[Declared, ...]:
    """Return what files declare of a host; of what firewalls let through, only what may have somebody listening."""
    nobody = _listened_by_nobody(tables)
    made = [_declaration(one, nobody) for one in declared]
    missing = None if nobody else _family_missing(host, declared)
    if missing is not None:
        made[missing[0]] = replace(made[missing[0]], unknown=(*made[missing[0]].unknown, missing[1]))
    return tuple(made)


def _declaration(one: Dated, nobody: PortSet) -> Declared:
    seen = one.piece.observation  # where the table is known, it is not every port by far that a rule for all opens
    openings = (_narrowed(opening, nobody) for opening in seen.openings)
    return Declared(
        source=one.piece.source,
        openings=tuple(opening for opening in openings if opening is not None),
        unknown=tuple(gap for gap in seen.unknown if not nobody or EVERY_PROTOCOL not in gap.reason),
        broken=broken(one.piece),
        unheeded=one.stale if seen.guarded else None,
    )


def _narrowed(opening: Opening, nobody: PortSet) -> Opening | None:
    if opening.way is not Way.LET_THROUGH or opening.ports.isdisjoint(nobody):
        return opening
    left = opening.ports - nobody
    if not left:
        return None
    first = next(iter(left))
    return replace(opening, port=first, last=None, more=left - PortSet.of(first))


def _listened_by_nobody(tables: Sequence[Dated]) -> PortSet:
    """Return the ports on which complete, recent tables show no socket that the network might reach."""
    whole = [one.piece.observation for one in tables if one.stale is None and broken(one.piece) is None]
    asked = union(seen.asked for seen in whole) - union(gap.ports for seen in whole for gap in seen.unknown)
    held = {
        socket.port
        for one in tables
        for socket in one.piece.observation.sockets
        if socket.scope is Scope.NETWORK and socket.netns is None
    }
    return asked - PortSet.of(*held)


def _family_missing(host: Host, declared: Sequence[Dated]) -> tuple[int, Unknown] | None:
    """Return which file says what is let in over one family alone, and what to say of it, if the host has the other."""
    covered = NOWHERE
    for one in declared:
        covered |= one.piece.observation.guarded
    first = next((at for at, one in enumerate(declared) if one.piece.observation.guarded), None)
    if first is None:
        return None
    for family, name, tool in _FAMILIES:
        if families_of(host) >= family and covered.isdisjoint(family):
            reason = (
                f"{declared[first].piece.source} says nothing of {name}: give what {tool} prints, too (where that"
                f" prints nothing, {name} is not filtered)"
            )
            return first, Unknown(ports=NO_PORTS, reason=reason)
    return None


def _may_enter(account: Observation, socket: Socket, targets: NetworkSet, place: NetworkSet) -> bool:
    if any(not gap.ports or socket.port in gap.ports for gap in account.unknown):
        return True
    return any(
        socket.port in opening.ports
        and (opening.bind is None or not opening.bind.isdisjoint(targets))
        and (opening.sources is None or not opening.sources.isdisjoint(place))
        for opening in account.openings
    )


def _taken(socket: Socket) -> NetworkSet:
    """Return the addresses at which a socket is reached: all of its families, or the one that it is bound to."""
    try:
        address = parse_address(socket.address.strip("[]").partition("%")[0])
    except ValueError:
        return EVERYWHERE
    if not address.is_unspecified:
        return NetworkSet.of(address)
    if address.version == 4:
        return _IPV4
    return EVERYWHERE if socket.dual_stack else _IPV6
