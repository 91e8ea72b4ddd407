"""What an error message from the network means for the UDP port that was asked. No packets are sent."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Final

from auditor.collect.probe.chunk import CLOSED
from auditor.collect.probe.icmp import Message, classify
from auditor.collect.probe.local import is_local

_PORT_UNREACHABLE: Final = {(socket.AF_INET, 3, 3), (socket.AF_INET6, 1, 4)}
_TOO_BIG: Final = {(socket.AF_INET, 3, 4), (socket.AF_INET6, 2, 0)}
_SLOW_DOWN: Final = (socket.AF_INET, 4, 0)


def meaning(message: Message, *, target_is_ours: bool) -> tuple[int, str] | None:
    """The outcome and the reason in words; None where it says nothing of the port (too big, slow down).

    Only the host itself knows that nobody listens (RFC 1122 section 3.2.2.1): the same from anybody else is a
    firewall's refusal.
    """
    what = (message.family, message.type, message.code)
    if what in _PORT_UNREACHABLE and message.sender == message.host:
        return CLOSED, ""
    if what in _TOO_BIG or what == _SLOW_DOWN:
        return None
    return classify(message, ours=_ours, target_is_ours=target_is_ours)


@lru_cache(maxsize=256)
def _ours(address: str) -> bool:
    return is_local(address)
