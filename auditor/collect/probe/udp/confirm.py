"""The second look over UDP: which ports would change the verdict. Pure; the look itself is that of all methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.collect.probe.chunk import CLOSED, FOREIGN, OPEN, REFUSED, SILENT, UNREACHED
from auditor.collect.probe.confirm import SecondLook
from auditor.model.ports import PortSet

if TYPE_CHECKING:
    from auditor.collect.probe.udp.ledger import Ledger
    from auditor.model.target import Surprises

_LOOKS: Final = 3


def second_look(ledger: Ledger, surprises: Surprises, *, limited: bool) -> SecondLook | None:
    """What has to be looked at again at a host; None where nothing is surprising.

    An answer over UDP is something that a service made up for the question. Services limit how often they answer one
    asker, so silence takes nothing back; that nobody listens does. ``limited``: the host limits its refusals, so that
    its silence is not asked about again.
    """
    opens = ledger.ports_with(OPEN) & surprises.open
    codes = (CLOSED, REFUSED, FOREIGN, UNREACHED, *(() if limited else (SILENT,)))
    wanted = sorted((port.number, code) for code in codes for port in ledger.ports_with(code) & surprises.shut)
    if not (opens or wanted):
        return None
    answered = PortSet.numbers(port.number for port in opens)
    return SecondLook(answered, PortSet(), dict(wanted), loss=1.0, looks=_LOOKS)
