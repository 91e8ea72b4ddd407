"""One state a port from all the evidence of a subject. Third and last step of the difference, subject by subject.

A host's port is open if it is open at any of its addresses. It is known not to be open only if it was looked at, at
every literal address that the policy declares and every other that the evidence shows. What cannot be settled becomes
a gap with its reason: nothing is closed because nobody looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.diff.age import too_old
from auditor.diff.guards import declarations, guards_of
from auditor.diff.listeners import listeners
from auditor.diff.network import claimed_addresses, is_vacant, named_by, network_row, unheard
from auditor.diff.states import Dated, Probed, apportioned, probed_at, union
from auditor.model.evidence import Kind
from auditor.model.network import EVERYWHERE, NOWHERE, parse_address
from auditor.model.observed import Gap, Reconciled, View
from auditor.model.policy import LOCAL, AddressKind, UdpSilence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from auditor.diff.gather import Gathered, Piece, Subject
    from auditor.diff.listeners import Listeners
    from auditor.model.expectation import Expectation, Expecting
    from auditor.model.network import NetworkSet
    from auditor.model.observed import NetworkRow
    from auditor.model.policy import Host, Policy
    from auditor.model.ports import PortSet

_SHOWN = 3


class Reconciler:
    """What is the same for all subjects of one audit."""

    def __init__(self, policy: Policy, expecting: Expecting, gathered: Gathered, now: datetime) -> None:
        """Prepare; ``now`` decides how old evidence is. ``gathered`` must have read everything."""
        self._policy = policy
        self._expecting = expecting
        self._now = now
        self._policy_vantages = frozenset(policy.vantage_names)
        self._required_vantages = tuple(
            name for name in gathered.vantages if name in self._policy_vantages and name != LOCAL
        )
        self._unseen = _unseen_place(policy, gathered)
        if self._unseen is not None:
            self._required_vantages = (self._unseen,)
        self._covers = gathered.kinds != {Kind.DECLARED}
        outer = [name for name in gathered.vantages if name != LOCAL]
        from_network = bool(outer) or Kind.SOCKETS in gathered.kinds or not gathered.vantages
        self._inner = frozenset({LOCAL} if from_network else ())
        """Where to have been seen from is not enough: one's own loopback, once others were seen from the network."""
        self._fallback = (*outer, None)[0] if from_network else LOCAL
        """Where a host that was not seen from anywhere that counts is missing from."""
        self._claimed = claimed_addresses(policy)
        self._broken = tuple(used for used in gathered.broken if used.origin.kind is not Kind.DECLARED)

    def reconcile(self, subject: Subject) -> Reconciled:
        """Say what is known of a subject, from every vantage that it must be or was looked at from."""
        if subject.members is not None:
            return Reconciled(host=subject.host, network=self._rows(subject.host, subject.members))
        return Reconciled(
            host=subject.host,
            member=subject.member,
            views=tuple(self._view(subject, vantage) for vantage in self._vantages_of(subject)),
            declared=declarations(subject.host, self._of_kind(subject, Kind.DECLARED), self._tables_of(subject)),
        )

    def expectation(self, host: Host, vantage: str | None) -> Expectation:
        """What a view is held against: the unnamed view of a policy that limits vantages stands for all of them."""
        if vantage is None and self._policy.limits_vantages:
            return self._expecting.network_expectation(host)
        return self._expecting.expectation(host, vantage)

    def _vantages_of(self, subject: Subject) -> tuple[str | None, ...]:
        if not self._covers:
            return ()
        found = dict.fromkeys(piece.vantage for piece in subject.pieces if piece.kind is Kind.PROBE)
        if any(piece.kind is Kind.SOCKETS for piece in subject.pieces):
            found.setdefault(None)
            if LOCAL in self._policy_vantages:
                found.setdefault(LOCAL)
        if subject.member is None and not subject.host.is_network:
            found.update(dict.fromkeys(self._required_vantages))
            if not found.keys() - self._inner:
                found.setdefault(self._fallback)
        return tuple(found)

    def _view(self, subject: Subject, vantage: str | None) -> View:
        expectation = self.expectation(subject.host, vantage)
        dated = self._evidence_of(subject)
        probes = [one for one in dated if one.piece.kind is Kind.PROBE and one.piece.vantage == vantage]
        tables = [one for one in dated if one.piece.kind is Kind.SOCKETS]
        if not probes and not tables:
            gap = Gap(reason=self._missing(vantage, elsewhere=bool(dated)))
            return View(vantage=vantage, expectation=expectation, gaps=(gap,))
        if subject.member is not None and not tables and is_vacant(probes):
            return View(vantage=vantage, expectation=expectation, kinds=(Kind.PROBE,), vacant=True)
        groups = _by_address(probes, subject)
        silence = self._policy.settings.udp_silence is UdpSilence.FILTERED
        probed = [
            probed_at(address, group, dark=subject.host.dark, silence_is_filtered=silence)
            for address, group in groups.items()
        ]
        guards = guards_of(subject.host, self._of_kind(subject, Kind.DECLARED))
        heard = listeners(
            tables, vantage, expectation, probed=bool(probes), guards=guards, place=self._networks_of(vantage)
        )
        return _joined(vantage, expectation, probed, heard)

    def _dated(self, piece: Piece) -> Dated:
        return Dated(piece=piece, stale=too_old(piece, self._policy.settings.max_evidence_age, self._now))

    def _rows(self, host: Host, members: Sequence[Subject]) -> tuple[NetworkRow, ...]:
        """Return the network as a whole, from every vantage that one of its members or any host was looked at from."""
        if not self._covers:
            return ()
        dated = {member.member: self._evidence_of(member) for member in members if member.member is not None}
        found = dict.fromkeys(
            one.piece.vantage for group in dated.values() for one in group if one.piece.kind is Kind.PROBE
        )
        found.update(dict.fromkeys(self._required_vantages))
        return tuple(
            network_row(
                host,
                vantage,
                self.expectation(host, vantage),
                dated,
                self._missing(vantage, elsewhere=True),
                claimed=self._claimed.get(host.name, NOWHERE),
            )
            for vantage in tuple(found) or (self._fallback,)
        )

    def _evidence_of(self, subject: Subject) -> list[Dated]:
        return [self._dated(piece) for piece in subject.pieces if piece.kind is not Kind.DECLARED]

    def _of_kind(self, subject: Subject, kind: Kind) -> list[Dated]:
        return [self._dated(piece) for piece in subject.pieces if piece.kind is kind]

    def _tables_of(self, subject: Subject) -> list[Dated]:
        return self._of_kind(subject, Kind.SOCKETS)

    def _networks_of(self, vantage: str | None) -> NetworkSet:
        """Return where a vantage is: everywhere, if the policy does not say."""
        known = self._policy.vantages.get(vantage) if vantage is not None else None
        return (known.networks if known is not None else None) or EVERYWHERE

    def _missing(self, vantage: str | None, *, elsewhere: bool) -> str:
        if vantage is not None and vantage == self._unseen:
            return f"nothing looked from {vantage}"
        place = f" from {vantage}" if vantage is not None and elsewhere else ""
        reasons = [
            f"{used.origin.source} is not complete"
            for used in self._broken[:_SHOWN]
            if used.origin.kind is Kind.SOCKETS or vantage is None or used.origin.vantage in (None, vantage)
        ]
        return f"no evidence{place}" + (f" ({', '.join(reasons)})" if reasons else "")


def declared_addresses(subject: Subject) -> tuple[str, ...]:
    """List the literal addresses at which the subject must have been looked at, in canonical form."""
    if subject.member is not None:
        return (subject.member,)
    literal = (address for address in subject.host.addresses if address.kind is AddressKind.ADDRESS)
    return tuple(str(parse_address(address.text)) for address in literal)


def _by_address(probes: Sequence[Dated], subject: Subject) -> dict[str | None, list[Dated]]:
    """Group probes by address, declared ones first, with or without evidence; of DNS names those that nobody speaks of.

    What names no address speaks for the host's only address; where there are several, it stands apart. So does what
    could not be looked at, unless that is all there is: no other evidence makes up for it.
    """
    groups: dict[str | None, list[Dated]] = {address: [] for address in declared_addresses(subject)}
    nameless: list[Dated] = []
    for one in probes:
        if one.piece.address is None:
            nameless.append(one)
        else:
            groups.setdefault(one.piece.address, []).append(one)
    if subject.member is None:
        groups.update((name, []) for name in unheard(subject.host, probes))
    for one in nameless:
        groups.setdefault(_place_of(one, groups, subject), []).append(one)
    return groups


def _place_of(one: Dated, groups: dict[str | None, list[Dated]], subject: Subject) -> str | None:
    """Return the group of a probe without an address."""
    literal = [address for address in groups if address is not None]
    names = named_by(one)
    if len(subject.host.addresses) > 1:
        for address in subject.host.addresses:
            if address.kind is AddressKind.NAME and _folded(address.text) in names:
                return _looked_up(_folded(address.text), groups) or address.text
    if len(literal) != 1 or (one.piece.observation.unknown and groups[literal[0]] and _has_literal(subject)):
        return None
    return literal[0]


def _looked_up(name: str, groups: dict[str | None, list[Dated]]) -> str | None:
    """Return the address that other evidence found a name at."""
    for address, dated in groups.items():
        if address is not None and any(one.piece.address is not None and name in named_by(one) for one in dated):
            return address
    return None


def _has_literal(subject: Subject) -> bool:
    return any(address.kind is AddressKind.ADDRESS for address in subject.host.addresses)


def _folded(name: str) -> str:
    return name.rstrip(".").lower()


def _joined(vantage: str | None, expectation: Expectation, probed: Sequence[Probed], heard: Listeners) -> View:
    """Join the addresses of a view: open, refused, shut, filtered, idle, in this order; doubts stay beside them."""
    opened = union((*(one.at.open for one in probed), heard.open))
    refused = union(one.at.closed for one in probed) - opened
    shut = union(one.at.closed_filtered for one in probed) - opened - refused
    filtered = union(one.at.filtered for one in probed) - opened - refused - shut
    sources = any(one.at.sources for one in probed)
    return View(
        vantage=vantage,
        expectation=expectation,
        open=opened,
        closed=refused | shut | (heard.idle - opened - filtered),
        refused=refused,
        shut=shut,
        filtered=filtered,
        open_filtered=union(one.at.open_filtered for one in probed) - opened - heard.idle,
        old_open=(union(one.at.old_open for one in probed) - heard.seen | heard.old_open) - opened,
        gaps=tuple(_gaps(expectation, probed, heard, opened)),
        at=tuple(one.at for one in probed if one.at.sources),
        sockets=heard.sockets,
        inner=heard.inner,
        asked=union((*(one.asked for one in probed), heard.asked)),
        kinds=(*((Kind.PROBE,) if sources else ()), *((Kind.SOCKETS,) if heard.sources else ())),
        table_sources=heard.sources,
    )


def _gaps(expectation: Expectation, probed: Sequence[Probed], heard: Listeners, opened: PortSet) -> Iterator[Gap]:
    """Whatever the policy asks to be looked at and the evidence does not settle, address by address."""
    need = (expectation.scope | expectation.required) - heard.seen - opened
    if not any(one.at.sources for one in probed):  # socket tables alone speak for the host as a whole
        yield from apportioned(need, heard.gaps, Gap(ports=need, reason="not looked at"))
        return
    for one in probed:
        yield from one.portless
        if missing := need - one.seen:
            yield from apportioned(missing, (*one.gaps, *heard.gaps), _fallback(one))


def _fallback(probed: Probed) -> Gap:
    address = probed.at.address
    if not probed.at.sources:
        return Gap(address=address, reason=f"no evidence for {address}")
    return Gap(address=address, reason=f"not looked at by {', '.join(probed.at.sources[:_SHOWN])}")


def _unseen_place(policy: Policy, gathered: Gathered) -> str | None:
    """Return the vantage that nothing looked from, where rules depend on vantages and loopbacks are all that was seen.

    A socket table says what the network reaches, too. Of several vantages the first stands for all of them.
    """
    places = [name for name in policy.vantage_names if name != LOCAL]
    if not policy.limits_vantages or not places or Kind.SOCKETS in gathered.kinds:
        return None
    return places[0] if set(gathered.vantages) == {LOCAL} else None
