"""What an interrupted scan has left: from its snapshot to what is known for good, what was begun, and what is left.

A killed scan leaves ``PATH.partial``, one that was stopped ``PATH``. Where both are there, the partial one is the
later: a scan that goes on begins it with all that ``PATH`` had, and one that starts anew replaces ``PATH`` only at its
end. A partial file in which not even the plan is whole holds nothing.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from auditor.errors import EvidenceError, UsageError
from auditor.files.spare import PARTIAL
from auditor.model.evidence import Kind
from auditor.model.target import Batch
from auditor.snapshot.parts import Begun
from auditor.snapshot.read import Snapshot

if TYPE_CHECKING:
    from auditor.model.evidence import Observation, Origin
    from auditor.model.target import Target
    from auditor.snapshot.read import Part

_PATIENCE: Final = 2.0
"""Seconds until whatever a killed scan has left running has noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A scan to go on with. ``path`` is the snapshot's final name, ``source`` the file that was read.

    ``finished`` is what the scan was done with and is not asked again, ``begun`` what it knows of targets that it was
    not done with, ``rest`` what is left to be asked. ``parts`` is all that the file holds. ``complete``: the scan was
    carried through, and there is nothing to do.
    """

    path: str
    source: str
    snapshot: Snapshot
    plan: Batch
    parts: tuple[Part, ...]
    finished: tuple[Observation, ...]
    begun: tuple[Begun, ...]
    rest: tuple[Target, ...]
    complete: bool

    @property
    def origin(self) -> Origin:
        """That of the first part: what was seen then does not become younger."""
        return self.snapshot.origin

    def named(self) -> Snapshot:
        """The complete snapshot under its final name, which a kill at the last moment may have kept from it."""
        if self.source == self.path or not self.complete:
            return self.snapshot
        Path(self.source).replace(os.path.realpath(self.path))
        return Snapshot(self.path)


def unfinished(path: str | Path) -> Unfinished:
    """Read what an interrupted scan has left under the name that it was to have, or that it has got.

    :raises EvidenceError: it cannot be read, or something in it is wrong.
    :raises UsageError: it is no snapshot of a scan, or one without a plan, or a scan that is still going on.
    """
    path = os.fspath(path)
    source, snapshot = _found(path)
    if snapshot.origin.kind is not Kind.PROBE:
        raise UsageError(f"--resume: {source} is {snapshot.origin.kind} evidence; only a scan can go on")
    plan = snapshot.plan()
    parts = tuple(snapshot.parts())
    complete = snapshot.completion.complete
    if plan is None and not complete:
        raise UsageError(
            f"--resume: {source} does not say what was to be asked: it is older, merged or imported, or the scan was"
            " killed before it had begun; scan anew"
        )
    plan = plan or Batch(targets=())
    done = {part.seen.key for part in parts if part.finished}
    known = {part.seen.key: part.seen for part in parts if not part.finished}
    open_ends = [target for target in plan.targets if target.key not in done]
    begun = [Begun(target=target, seen=known.pop(target.key)) for target in open_ends if target.key in known]
    ahead = {one.target.key: one for one in begun}
    fresh = (target for target in open_ends if target.key not in ahead)
    return Unfinished(
        path=path.removesuffix(PARTIAL) or path,
        source=source,
        snapshot=snapshot,
        plan=plan,
        parts=parts,
        finished=(*(part.seen for part in parts if part.finished), *known.values()),
        begun=tuple(begun),
        rest=(*(one.rest for one in begun if one.wanted), *fresh),
        complete=complete,
    )


def _found(path: str) -> tuple[str, Snapshot]:
    """The file to go on from: the partial one, unless nothing is in it."""
    partial = os.path.realpath(path) + PARTIAL
    if os.path.lexists(partial):
        _refuse_running(partial)
        if not Path(path).exists() or _has_plan(partial):
            return partial, Snapshot(partial)
    _refuse_running(path)
    return path, _snapshot(path)


def _has_plan(path: str) -> bool:
    """Whether the file says what was to be asked; a fault in it is to be shown, and not passed over."""
    if not Path(path).stat().st_size:
        return False
    try:
        snapshot = Snapshot(path)
    except EvidenceError:
        return not _is_torn(path)
    return snapshot.plan() is not None


def _is_torn(path: str) -> bool:
    """Whether there is not even one whole line."""
    with Path(path).open("rb") as file:
        return b"\n" not in file.read(1 << 20)


def _snapshot(path: str) -> Snapshot:
    try:
        return Snapshot(path)
    except EvidenceError as error:
        if not Path(path).is_file():
            raise
        raise UsageError(f"--resume: not a snapshot of a scan: {error}") from error


def _refuse_running(path: str) -> None:
    """Whoever writes a snapshot holds a lock on it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return
    try:
        deadline = monotonic() + _PATIENCE
        while not _locked(descriptor):
            if monotonic() > deadline:
                raise UsageError(f"--resume: {path} is being written: the scan is still going on")
            sleep(0.02)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
