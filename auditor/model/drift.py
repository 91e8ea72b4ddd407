"""What became of the exposure between two looks at the same hosts. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from auditor.model.findings import EvidenceUsed
    from auditor.model.ports import Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Ports that changed between two ways of not being open: ``closed`` and ``filtered``."""

    ports: PortSet
    before: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Another service, product or process at a port that was open and is."""

    port: Port
    before: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Ports that were open and are, to others or at other addresses than before, in words."""

    ports: PortSet
    before: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One subject, as both looks know it. Only what both looked at can have ``opened``, ``shut``, ``moved``.

    ``widened`` is reached by more than before, or by others; ``narrowed`` by fewer alone.
    ``unasked`` is open now, and the earlier look did not ask; ``unseen`` was open, and the later look does not know.
    ``lost`` was not open, and the later look does not know: any of it may have opened.
    ``names`` is how people call the subject; ``vantage`` from where both looked.
    """

    name: str
    vantage: str | None = None
    opened: PortSet = NO_PORTS
    shut: PortSet = NO_PORTS
    moved: tuple[Moved, ...] = ()
    replaced: tuple[Replaced, ...] = ()
    widened: tuple[Spread, ...] = ()
    narrowed: tuple[Spread, ...] = ()
    unasked: PortSet = NO_PORTS
    unseen: PortSet = NO_PORTS
    lost: PortSet = NO_PORTS

    @property
    def is_drift(self) -> bool:
        """Whether something changed that both looks saw."""
        return bool(self.opened or self.shut or self.moved or self.replaced or self.widened or self.narrowed)

    @property
    def is_doubt(self) -> bool:
        """Whether something is open on one side that the other says nothing of, or may have opened since."""
        return bool(self.unasked or self.unseen or self.lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Two looks held against each other: subjects that changed or are in doubt, in the order of their names.

    ``came`` and ``gone`` are those of which one side alone knows something, with what it shows open, if anything;
    neither is a change of what is open, as nobody knows whether the other side asked. ``compared`` counts the subjects
    of which both know at least one port.
    """

    before: EvidenceUsed
    now: EvidenceUsed
    compared: int
    changes: tuple[Change, ...] = ()
    came: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()

    @property
    def has_drift(self) -> bool:
        """Whether anything changed that both looks saw."""
        return any(change.is_drift for change in self.changes)

    @property
    def has_doubt(self) -> bool:
        """Whether something may have changed, and the two looks do not tell."""
        whole = self.before.completion.complete and self.now.completion.complete
        return not whole or not self.compared or bool(self.came or self.gone) or any(c.is_doubt for c in self.changes)
