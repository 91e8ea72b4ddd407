"""Probe evidence: this project's own scanner.

`live` is the way in; `campaign` deals out ports to a method (`connect` or `syn`; `methods` lists them) and gathers
what comes back, `subject` keeps the state of one address, `jury` says what an open port is worth there, `confirm` looks
a second time where a state would change the verdict, `rounds` and `pacing` hold the arithmetic, `observation` says what
it all amounts to. `udp` is the scanner for UDP, and joins both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.probe.live import LiveScan
from auditor.collect.probe.methods import method_named
from auditor.errors import CollectError
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from auditor.collect.probe.udp import JoinedScan
    from auditor.model.target import Batch, Observer

__all__ = ["LiveScan", "scan"]


def scan(batch: Batch, observer: Observer) -> LiveScan | JoinedScan:
    """Ask the ports of every target, one observation a target: TCP by the batch's method, UDP where it is asked.

    Nothing is sent before the first observation is asked for. Port 0 cannot be asked and is left out. The rate and
    the number of connections under way are the batch's.

    :raises CollectError: this machine does not let us use the method.
    :raises ValueError: a target whose address is not a literal one.
    """
    if (hindrance := method_named(batch.method).hindrance()) is not None:
        raise CollectError(f"--method {batch.method}: {hindrance}")
    if not any(target.ask.only(Protocol.UDP) for target in batch.targets):
        return LiveScan(batch, observer)
    from auditor.collect.probe.udp import scan_joined

    return scan_joined(batch, observer)
