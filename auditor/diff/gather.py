"""Evidence read to its end and sorted by subject. Second step of the difference; the only place that holds evidence.

Observations hold port sets, a few integers each, so those of many hosts fit in memory; a store that spills to disk
would replace ``_Store`` and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.diff.attribute import Attributed
from auditor.errors import EvidenceError, UsageError
from auditor.model.evidence import Kind, Scope
from auditor.model.findings import EvidenceUsed
from auditor.model.network import LOOPBACK, parse_address
from auditor.model.observed import UnknownHost
from auditor.model.policy import LOCAL
from auditor.model.ports import NO_PORTS, PortSet
from auditor.model.reach import declared_reach, joined, probe_reach, socket_reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.diff.attribute import Attribution
    from auditor.model.evidence import Evidence, Observation, Origin, Socket
    from auditor.model.policy import Host, Policy
    from auditor.model.reach import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One observation, the evidence that it came in, and its address in canonical form."""

    observation: Observation
    used: EvidenceUsed
    address: str | None
    vantage: str | None

    @property
    def kind(self) -> Kind:
        """What the piece can prove."""
        return self.used.origin.kind

    @property
    def source(self) -> str:
        """Where it came from, as reports name it."""
        return self.used.origin.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A host or one member of a network with all evidence of it; or a whole network with all its ``members``."""

    host: Host
    member: str | None = None
    pieces: tuple[Piece, ...] = ()
    members: tuple[Subject, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    observation: Observation
    run: int
    address: str | None
    vantage: str | None


class _Store:
    """Observations by host and member."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str | None, list[_Held]]] = {}

    def add(self, host: str, member: str | None, held: _Held) -> None:
        self._held.setdefault(host, {}).setdefault(member, []).append(held)

    def of(self, host: str) -> dict[str | None, list[_Held]]:
        return self._held.get(host, {})


class Gathered:
    """All the evidence of one audit. ``used`` names each piece, in the order given."""

    def __init__(self, policy: Policy, vantage: str | None = None) -> None:
        self.used: list[EvidenceUsed] = []
        self.unknown: dict[tuple[str, str | None], UnknownHost] = {}
        self._policy = policy
        self._vantage = vantage
        self._vantages: dict[str | None, None] = {}
        self._store = _Store()
        self._attributed: set[int] = set()

    @property
    def vantages(self) -> tuple[str | None, ...]:
        """From where probe evidence looked, in the order met."""
        return tuple(self._vantages)

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of evidence given."""
        return frozenset(used.origin.kind for used in self.used)

    @property
    def broken(self) -> tuple[EvidenceUsed, ...]:
        """The pieces that are not complete."""
        return tuple(used for used in self.used if not used.completion.complete)

    @property
    def idle(self) -> tuple[EvidenceUsed, ...]:
        """The pieces that said nothing of any host of the policy."""
        return tuple(used for run, used in enumerate(self.used) if run not in self._attributed)

    def speaks_of(self, host: Host) -> bool:
        """Whether any evidence is of this host."""
        return bool(self._store.of(host.name))

    def subjects(self, hosts: Iterable[Host]) -> Iterator[Subject]:
        """Each of these hosts in order, with or without evidence; of a network its members, then the whole."""
        for host in hosts:
            held = self._store.of(host.name)
            if not host.is_network:
                yield Subject(host=host, pieces=self._pieces(held.get(None, ())))
                continue
            if whole := held.get(None):
                yield Subject(host=host, pieces=self._pieces(whole))
            addresses = sorted((member for member in held if member is not None), key=_by_address)
            members = tuple(
                Subject(host=host, member=address, pieces=self._pieces(held[address])) for address in addresses
            )
            yield from members
            yield Subject(host=host, members=members)

    def read(self, evidence: Evidence, attribution: Attribution) -> None:
        """Take in one piece of evidence, to its end.

        :raises UsageError: it names no host, or its vantage is missing or unknown where the policy needs it.
        :raises EvidenceError: it cannot be read at all.
        """
        run = len(self.used)
        self.used.append(EvidenceUsed(origin=evidence.origin, completion=evidence.completion))
        for observation in evidence:
            self._take(observation, evidence.origin, run, attribution)
        origin, completion = evidence.origin, evidence.completion
        self.used[run] = EvidenceUsed(origin=origin, completion=completion)
        if origin.kind is Kind.PROBE and run not in self._attributed:
            self._vantages.setdefault(self._vantage_of(None, origin))

    def _take(self, observation: Observation, origin: Origin, run: int, attribution: Attribution) -> None:
        vantage = self._vantage_of(observation, origin) if origin.kind is Kind.PROBE else None
        if origin.kind is Kind.PROBE:
            self._vantages.setdefault(vantage)
        subject = attribution.subject_of(observation, origin)
        if isinstance(subject, Attributed):
            self._attributed.add(run)
            held = _Held(observation=observation, run=run, address=subject.address, vantage=vantage)
            self._store.add(subject.host.name, subject.member, held)
            return
        shown = shown_open(observation)
        if shown or (observation.unknown and origin.kind is Kind.DECLARED):
            self._note_unknown(subject.name, vantage, observation, shown, origin)

    def _vantage_of(self, observation: Observation | None, origin: Origin) -> str | None:
        vantage = _own_vantage(observation, origin) or self._vantage
        if vantage == LOCAL and LOCAL not in self._policy.vantage_names and _is_elsewhere(observation):
            raise UsageError(
                f"{origin.source}: 'local' is the host's own loopback, and this is evidence of another address: say"
                " where it looked from"
            )
        if not self._policy.limits_vantages:
            return vantage
        known = self._policy.vantage_names
        if vantage is None:
            raise UsageError(
                f"{origin.source}: the policy's rules depend on the vantage, and this evidence does not say from where"
                f" it looked: use --from ({', '.join(known)})"
            )
        if vantage not in known and vantage != LOCAL:
            raise UsageError(f"{origin.source}: the policy knows no vantage '{vantage}'; it has {', '.join(known)}")
        return vantage

    def _note_unknown(
        self, name: str, vantage: str | None, observation: Observation, shown: PortSet, origin: Origin
    ) -> None:
        source = origin.source
        unknown = observation.unknown if origin.kind is Kind.DECLARED else ()
        names = tuple(filter(None, (observation.host, *observation.names)))
        opening = next(iter(observation.openings), None)
        fresh = UnknownHost(
            name=name,
            vantage=vantage,
            open=shown,
            names=names,
            sources=(source,),
            opening=opening,
            places=frozenset((at.file, at.line) for one in observation.openings if (at := one.location) is not None),
            unknown=unknown,
            reach=joined(_reach(observation)),
        )
        if (known := self.unknown.get((name, vantage))) is not None:
            sources = known.sources if source in known.sources else (*known.sources, source)
            fresh = replace(
                known,
                open=known.open | shown,
                sources=sources,
                opening=known.opening or opening,
                places=known.places | fresh.places,
                unknown=(*known.unknown, *unknown),
                reach=joined((*known.reach, *fresh.reach)),
            )
        self.unknown[name, vantage] = fresh

    def _pieces(self, held: Iterable[_Held]) -> tuple[Piece, ...]:
        return tuple(
            Piece(observation=one.observation, used=self.used[one.run], address=one.address, vantage=one.vantage)
            for one in held
        )


def gather(
    evidences: Iterable[Evidence], attribution: Attribution, policy: Policy, vantage: str | None = None
) -> Gathered:
    """Read every piece of evidence. ``vantage`` is for probe evidence that does not name its own.

    :raises UsageError: evidence that names no host, or no vantage where the policy's rules depend on it.
    :raises EvidenceError: evidence that cannot be read at all.
    """
    gathered = Gathered(policy, vantage)
    for evidence in evidences:
        gathered.read(evidence, attribution)
    return gathered


def _own_vantage(observation: Observation | None, origin: Origin) -> str | None:
    """From where the evidence itself says that it looked: one run looks from one place."""
    named = observation.vantage if observation else None
    if named and origin.vantage and named != origin.vantage:
        raise EvidenceError(
            f"{origin.source}: one line says that it looked from {named!r:.80}, and the header from"
            f" {origin.vantage!r:.80}"
        )
    return named or origin.vantage


def _is_elsewhere(observation: Observation | None) -> bool:
    """Whether a probe shows something that is not the host's own loopback."""
    if observation is None:
        return False
    if observation.address is None:
        return bool(observation.seen)
    try:
        return parse_address(observation.address.partition("%")[0]) not in LOOPBACK
    except ValueError:
        return True


def shown_open(observation: Observation) -> PortSet:
    """What an observation of any kind shows open to others."""
    found = observation.open
    reachable = [one.port for one in observation.sockets if _is_shown(one)]
    if reachable:
        found |= PortSet.of(*reachable)
    if observation.openings:
        found |= PortSet(bounds for opening in observation.openings for bounds in opening.ports.ranges())
    return found or NO_PORTS


def _reach(observation: Observation) -> Iterator[Reach]:
    """How far what :func:`shown_open` tells of reaches."""
    named = [one for one in observation.services if one.method == "probed" and one.port in observation.open]
    for one in named:
        yield probe_reach(PortSet.of(one.port), observation.address, behind=one.service)
    if unnamed := observation.open - PortSet.of(*{one.port for one in named}):
        yield probe_reach(unnamed, observation.address)
    for socket in observation.sockets:
        if _is_shown(socket):
            reach = socket_reach(socket)
            yield reach if reach.behind else replace(reach, behind=socket.process)
    yield from (declared_reach(opening, opening.ports) for opening in observation.openings)


def _is_shown(one: Socket) -> bool:
    return one.scope is Scope.NETWORK and one.netns is None and not one.client


def _by_address(text: str) -> tuple[int, int, str]:
    address = parse_address(text)
    return (address.version, int(address), text)
