"""From several observations of one address to one state a port, by set algebra. Part of the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.evidence import NO_ANSWER
from auditor.model.observed import AtAddress, Gap
from auditor.model.ports import ALL_UDP, NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.diff.gather import Piece
    from auditor.model.evidence import ServiceSeen, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What probes say of one address: the states, and whatever keeps the rest from being known.

    ``at.filtered``, ``at.open_filtered`` and ``at.closed_filtered`` are empty where silence proves nothing; ``gaps``
    says why.
    """

    at: AtAddress
    seen: PortSet
    asked: PortSet
    gaps: tuple[Gap, ...]
    portless: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A piece, and why it cannot speak for the present, if it cannot."""

    piece: Piece
    stale: str | None


def probed_at(address: str | None, dated: Sequence[Dated], *, dark: bool, silence_is_filtered: bool) -> Probed:
    """Join the probes of one address.

    Open outweighs closed, closed filtered, filtered closed|filtered, and all of them open|filtered. Silence (the last
    three) counts only from complete
    evidence to which the address answered anything at all, or if it is ``dark``: then no answer at all is silence as
    well. That it answered somebody else proves nothing: the two may have looked at different times, or from different
    places. Services of evidence that is too old say nothing but what was there then. ``silence_is_filtered`` turns the
    open|filtered of UDP into filtered, where the port was asked in a protocol of its own.
    """
    fresh = [one.piece for one in dated if one.stale is None]
    opened = union(piece.observation.open for piece in fresh)
    closed = union(piece.observation.closed for piece in fresh) - opened
    whole = [piece for piece in fresh if piece.used.completion.complete and (dark or _answered(piece))]
    quiet = union(piece.observation.filtered for piece in whole)
    if dark:
        quiet |= union(one.ports for piece in whole for one in piece.observation.unknown if is_silence(one))
    maybe = union(piece.observation.open_filtered for piece in whole)
    if silence_is_filtered:
        spoken_to = union(piece.observation.open_filtered - piece.observation.unspoken for piece in whole)
        quiet |= spoken_to & ALL_UDP
    filtered = quiet - opened - closed
    shut = union(piece.observation.closed_filtered for piece in whole) - opened - closed - filtered
    settled = opened | closed | filtered | shut
    open_filtered = maybe - settled
    old = union(one.piece.observation.open for one in dated if one.stale)
    at = AtAddress(
        address=address,
        open=opened,
        closed=closed,
        filtered=filtered,
        open_filtered=open_filtered,
        closed_filtered=shut,
        old_open=old - settled,
        services=tuple(_services(dated, old - settled)),
        sources=unique(one.piece.source for one in dated),
    )
    return Probed(
        at=at,
        seen=settled | open_filtered,
        asked=union(asked_of(one.piece) for one in dated),
        gaps=tuple(_gaps(address, dated, dark=dark)),
        portless=tuple(portless_gaps(address, dated)),
    )


def is_silence(unknown: Unknown) -> bool:
    """Whether nobody answered, as opposed to ports that could not be asked."""
    return unknown.reason.startswith(NO_ANSWER)


def asked_of(piece: Piece) -> PortSet:
    """Every port that an observation accounts for, known or not."""
    observation = piece.observation
    return union((observation.seen, observation.asked, *(unknown.ports for unknown in observation.unknown)))


def apportioned(need: PortSet, gaps: Iterable[Gap], fallback: Gap) -> tuple[Gap, ...]:
    """Give each needed port the first reason that speaks of it; the rest goes to ``fallback``."""
    found: list[Gap] = []
    for gap in (*gaps, fallback):
        if not need:
            break
        mine = need & gap.ports if gap.ports else need
        if mine:
            found.append(Gap(address=gap.address, ports=mine, reason=gap.reason))
            need -= mine
    return tuple(found)


def unknown_gaps(address: str | None, unknown: Iterable[Unknown]) -> tuple[Gap, ...]:
    """Turn what an observation says it does not know into gaps; an entry without ports is told apart from them."""
    return tuple(Gap(address=address, ports=one.ports, reason=one.reason) for one in unknown if one.ports)


def portless_gaps(address: str | None, dated: Iterable[Dated]) -> Iterable[Gap]:
    """Yield what recent evidence found that no port of a policy stands for, such as listeners of SCTP."""
    for one in dated:
        if one.stale is None:
            yield from (Gap(address=address, reason=it.reason) for it in one.piece.observation.unknown if not it.ports)


def broken(piece: Piece) -> str | None:
    """Why the evidence that the piece came in is not complete, if it is not."""
    completion = piece.used.completion
    if completion.complete:
        return None
    return f"{piece.source} is not complete" + (f": {completion.reason}" if completion.reason else "")


def union(sets: Iterable[PortSet]) -> PortSet:
    """All of them together."""
    found = NO_PORTS
    for ports in sets:
        if ports is not found:
            found |= ports
    return found


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order of appearance."""
    return tuple(dict.fromkeys(texts))


def _answered(piece: Piece) -> bool:
    observation = piece.observation
    return bool(observation.alive or observation.open or observation.closed)


def _services(dated: Sequence[Dated], old_open: PortSet) -> Iterable[ServiceSeen]:
    """Yield what fresh evidence knows, and what the old knows of ports that it alone saw open."""
    for one in dated:
        for service in one.piece.observation.services:
            if one.stale is None or service.port in old_open:
                yield service


def _gaps(address: str | None, dated: Sequence[Dated], *, dark: bool) -> Iterable[Gap]:
    """Reasons, the most telling first; an empty port set there stands for whatever is left."""
    for one in dated:
        yield from unknown_gaps(address, one.piece.observation.unknown)
    for one in dated:
        if one.stale and (seen := one.piece.observation.seen):
            yield Gap(address=address, ports=seen, reason=one.stale)
    for one in dated:
        if reason := broken(one.piece):
            yield Gap(address=address, reason=reason)
    if not dark:
        yield from _silences(address, [one.piece for one in dated if one.stale is None])
    for one in dated:
        if one.stale:
            yield Gap(address=address, reason=one.stale)


def _silences(address: str | None, fresh: Sequence[Piece]) -> Iterable[Gap]:
    """Yield what was asked of an address that did not answer; where it answered nobody, that is all of it."""
    silent = [piece for piece in fresh if not _answered(piece)]
    if silent and len(silent) == len(fresh):
        yield Gap(address=address, reason=NO_ANSWER)
        return
    for piece in silent:
        if asked := asked_of(piece):
            yield Gap(address=address, ports=asked, reason=NO_ANSWER)
