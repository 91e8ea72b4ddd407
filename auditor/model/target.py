"""What is to be looked at, and the seam through which a collector is asked. No I/O.

``plan`` makes batches, ``collect.probe`` carries them out; a batch can be pickled and carried out by another process
or machine, as it holds all that there is to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from auditor.model.ports import NO_PORTS, PortSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model.evidence import Key

METHODS = ("connect", "syn")
"""How a TCP port can be asked; the first one needs no privilege."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAsked:
    """Ports at which a rule wants a service to answer; ``service`` is as the policy writes it."""

    ports: PortSet
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprises:
    """Ports by the state that would tell against the host there: it is looked at a second time before it is believed.

    ``open``: where open is a violation. ``shut``: where anything but open is. ``closed``: where an answer is, as
    nothing but silence will do. All empty: nobody expects anything, and nothing is looked at twice.
    """

    open: PortSet = NO_PORTS
    shut: PortSet = NO_PORTS
    closed: PortSet = NO_PORTS


NO_SURPRISES = Surprises()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One address to probe. ``address`` is literal (with a zone, if it needs one); ``host`` is the name in the policy.

    ``ask`` is every port to look at; ``first`` those of them that the policy names, to be asked before the others.
    ``network`` is set for an address that is one of a declared network's: silence there is ordinary. ``name`` is the
    DNS name that was looked up to find the address, if it was found so. ``surprises`` says where a state would change
    the verdict, and ``services`` what must answer at open ports.
    """

    host: str
    address: str
    ask: PortSet
    first: PortSet = NO_PORTS
    network: bool = False
    name: str | None = None
    surprises: Surprises = NO_SURPRISES
    services: tuple[ServiceAsked, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What an observation of the target calls it beside ``host``."""
        return () if self.name is None else (self.name,)

    @property
    def key(self) -> Key:
        """What every observation of the target has in common; see :attr:`Observation.key`."""
        return (self.host, self.address, self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Targets to probe together from one vantage.

    ``rate`` in packets a second over all targets, ``host_rate`` to each of them (None: uncapped); ``timeout`` in
    seconds for one answer. ``method`` says how a TCP port is asked: ``connect``, or ``syn``, which needs privilege.
    """

    targets: Sequence[Target]
    vantage: str | None = None
    rate: int | None = None
    host_rate: int | None = None
    timeout: float = 2.0
    max_inflight: int | None = None
    method: str = "connect"

    @property
    def probes(self) -> int:
        """How many ports will be asked, first tries alone."""
        return sum(len(target.ask) for target in self.targets)


class Observer(Protocol):
    """What an engine tells whoever watches. Engines call it; only ``cli`` shows it."""

    def progress(self, done: int, total: int, opened: int) -> None:
        """So many of ``total`` (host, port) pairs have an answer or are given up; called a few times a second."""
        ...

    def say(self, message: str) -> None:
        """Something the user should know now, one line, without a newline."""
        ...
