"""A piece of work: some ports of one address, asked once. What ``rounds`` hands to a method, and gets back answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from array import array

# What one probe came to. They are kept a byte a port; nothing is decided here, `subject` does that.
UNASKED: Final = 0
SILENT: Final = 1
OPEN: Final = 2
CLOSED: Final = 3
REFUSED: Final = 4
"""An ICMP message of the host itself refused it: filtered."""
UNREACHED: Final = 5
"""A router on the way, not the host, says that the host cannot be reached."""
LOCAL: Final = 6
"""It never left this machine properly; says nothing about the port."""
RESET: Final = 7
"""The handshake was done, and a reset followed while it was watched."""
FOREIGN: Final = 8
"""An ICMP message of somebody on the way refused it: filtered, where the host lives; of that it says nothing."""
DOUBTED: Final = 9
"""It was looked at more than once, and said one thing and then another."""

ANSWERS: Final = (OPEN, CLOSED, REFUSED, RESET)
REFUSALS: Final = (REFUSED, FOREIGN)
_LATE_COUNTS: Final = frozenset({"", "sentinel", "pilot", "canary"})
"""Roles of what is asked in a pass over the ports, and of what shows how that pass fares."""


class Chunk:
    """Ports of one address to ask once, and the outcome of each.

    ``codes`` holds an outcome a port, ``left`` counts those still to come, ``reasons`` explains odd ones by index.
    ``timeout`` may change while probes are under way: it is looked up when one seems to be overdue.
    """

    __slots__ = (
        "asked",
        "attempt",
        "codes",
        "cursor",
        "dealt",
        "due",
        "firm",
        "heard",
        "held",
        "host",
        "left",
        "local",
        "number",
        "ports",
        "reasons",
        "responsive",
        "role",
        "round_trip",
        "sampled",
        "scope",
        "sent",
        "slow",
        "timeout",
        "watch",
    )

    def __init__(
        self,
        number: int,
        ports: array[int],
        *,
        host: str,
        scope: int | None = None,
        timeout: float,
        local: bool = False,
        watch: bool = False,
        role: str = "",
        attempt: int = 0,
        round_trip: float = 0.0,
        responsive: bool = False,
        due: bool = False,
        firm: bool = False,
    ) -> None:
        self.number = number
        self.ports = self.asked = ports
        """Whoever takes the outcomes over may leave ports out; ``asked`` stays as it was."""
        self.host = host
        self.scope = scope
        """The zone's number for an IPv6 address (0: none); None makes it an IPv4 address."""
        self.timeout = timeout
        self.local = local
        self.watch = watch
        self.role = role
        self.attempt = attempt
        """The pass over the host's ports, from 0; a method may ask again from another source port."""
        self.round_trip = round_trip
        """Seconds that an answer is known to take there, or at others; 0 where nothing is known."""
        self.responsive = responsive
        """Whether the host has answered most of what it was asked: where nothing comes, something holds it up."""
        self.due = due
        """Whether its ports have not been listened to for as long as late answers take."""
        self.firm = firm
        """Whether they are to be now, even if others have to wait."""
        self.heard = True
        """Whether what keeps silent in it is, or will be: unless a method had no room for that."""
        self.codes = bytearray(len(ports))
        self.left = len(ports)
        self.cursor = 0
        self.held = 0
        self.sampled = 0.0
        self.dealt = 0.0
        """When it was dealt out, by the campaign's clock; nothing of it was sent before."""
        self.sent = 0.0
        """When the last of it was sent, by the same clock; 0: not yet."""
        self.reasons: dict[int, str] = {}
        self.slow: list[tuple[int, float]] = []
        """Ports that took long to answer, and how many seconds; see :data:`auditor.collect.probe.late.SLOW`."""

    @property
    def lingers(self) -> bool:
        """Whether late answers count, too. What is watched, or may be our own echo, has to be in time."""
        return self.role in _LATE_COUNTS and not (self.local or self.watch)

    def settle(self, index: int, code: int, reason: str | None = None) -> bool:
        """Record an outcome; whether it was the last one."""
        self.codes[index] = code
        if reason is not None:
            self.reasons[index] = reason
        self.left -= 1
        return self.left == 0

    def take_out(self, code: int) -> array[int]:
        """Leave out the ports with this outcome, as if they had not been asked; which ones they are."""
        kept = [index for index, found in enumerate(self.codes) if found != code]
        out = self.ports[:0]
        out.extend(port for port, found in zip(self.ports, self.codes, strict=True) if found == code)
        ports = self.ports[:0]
        ports.extend(self.ports[index] for index in kept)
        self.reasons = {at: self.reasons[index] for at, index in enumerate(kept) if index in self.reasons}
        self.ports, self.codes = ports, bytearray(self.codes[index] for index in kept)
        return out

    def give_up(self, reason: str) -> None:
        """Everything that has not been sent is not going to be, for this reason."""
        for index in range(self.cursor, len(self.ports)):
            self.settle(index, LOCAL, reason)
        self.cursor = len(self.ports)
