"""A host that answers as it is told, truthfully or not: a program behind a TUN device of the namespace it runs in.

It answers for every address of 198.51.100.0/24 and 2001:db8:51::/64, port by port, by the first rule that fits::

    with Liar("22:open", "1000-1099:icmp/3/13", "0-65535:closed", delay=0.03) as liar:
        ...                                     # scan liar.address and liar.address6

``open`` completes the handshake, ``proxy`` completes it and resets a tenth of a second later, ``closed`` resets,
``silent`` does nothing; ``icmp/TYPE/CODE`` refuses, and ``router/TYPE/CODE`` does so from another address; ``forged``
sends what no answer to this segment can be: a reset and a handshake with the wrong acknowledgement, and a refusal of a
segment that was never sent. ``far/MILLISECONDS/ACTION`` does any of these so much later. ``delay`` holds every answer
back for so many seconds, and after so many ``answers`` it answers no more, except on the ports ``spared``. ``loss``
permille of all packets get lost, both ways.
"""

from __future__ import annotations

import fcntl
import heapq
import ipaddress
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import NamedTuple, Self

DEVICE = "liar0"
ADDRESS4, ADDRESS6 = "198.51.100.66", "2001:db8:51::66"
ROUTER = {4: "198.51.100.1", 6: "2001:db8:51::1"}
_OURS = ("203.0.113.66/32", "2001:db8:ffff::66/128")
_READY = "answering"
_SET_DEVICE, _TUN, _NO_HEADER = 0x400454CA, 0x0001, 0x1000  # TUNSETIFF, IFF_TUN, IFF_NO_PI: <linux/if_tun.h>
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_LATER = 0.1


class Liar:
    """The program, and the way to it; both gone when the context ends."""

    address, address6 = ADDRESS4, ADDRESS6

    def __init__(
        self, *rules: str, delay: float = 0.0, answers: int = 1 << 30, spared: str = "", loss: int = 0
    ) -> None:
        self._words = [sys.executable, "-S", __file__, str(delay), str(answers), spared, str(loss), *rules]

    def __enter__(self) -> Self:
        assert os.environ.get("AUDITOR_ISOLATED") == "1", "it runs inside tests/isolated alone"
        self._process = subprocess.Popen(self._words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        assert line.strip() == _READY, self._process.stderr.read()
        for words in (
            ("link", "set", DEVICE, "up"),
            ("addr", "add", _OURS[0], "dev", DEVICE),
            ("addr", "add", _OURS[1], "dev", DEVICE, "nodad"),  # tentative, it could not be the source of a route
            ("route", "replace", "198.51.100.0/24", "dev", DEVICE, "src", _OURS[0].partition("/")[0]),
            ("route", "replace", "2001:db8:51::/64", "dev", DEVICE, "src", _OURS[1].partition("/")[0]),
        ):
            subprocess.run(["ip", *words], check=True, timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=5)


# -- the program ---------------------------------------------------------------------------------------------------


class Segment(NamedTuple):
    """A TCP segment that came: the addresses as packed bytes, and the packet as a whole."""

    version: int
    source: bytes
    target: bytes
    sport: int
    dport: int
    sequence: int
    acknowledged: int
    flags: int
    packet: bytes


def parse(packet: bytes) -> Segment | None:
    """What came, if it is TCP."""
    version = packet[0] >> 4
    if version == 4 and packet[9] == socket.IPPROTO_TCP:
        source, target, tcp = packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4 :]
    elif version == 6 and packet[6] == socket.IPPROTO_TCP:
        source, target, tcp = packet[8:24], packet[24:40], packet[40:]
    else:
        return None
    sport, dport, sequence, acknowledged, _, flags = struct.unpack_from("!HHIIBB", tcp)
    return Segment(version, source, target, sport, dport, sequence, acknowledged, flags, packet)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    return 0xFFFF - (int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF)


def wrap(version: int, source: bytes, target: bytes, protocol: int, body: bytes, at: int) -> bytes:
    """An IP packet; the body's checksum is filled in ``at`` this place."""
    pseudo = source + target + struct.pack("!II", len(body), protocol)
    covered = body if protocol == socket.IPPROTO_ICMP else pseudo + body
    body = body[:at] + struct.pack("!H", checksum(covered)) + body[at + 2 :]
    if version == 6:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + source + target + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0) + source + target
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def tcp(to: Segment, flags: int, sequence: int, acknowledged: int) -> bytes:
    """A segment back."""
    body = struct.pack("!HHIIBBHHH", to.dport, to.sport, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0)
    return wrap(to.version, to.target, to.source, socket.IPPROTO_TCP, body, 16)


def icmp(about: Segment, kind: int, code: int, sender: bytes, packet: bytes | None = None) -> bytes:
    """An error message about it (RFC 792, RFC 4443)."""
    body = struct.pack("!BBHI", kind, code, 0, 0) + (packet or about.packet)
    protocol = socket.IPPROTO_ICMP if about.version == 4 else socket.IPPROTO_ICMPV6
    return wrap(about.version, sender, about.source, protocol, body, 2)


def forged(to: Segment) -> list[bytes]:
    """Answers that a stranger would make up who does not see what was asked."""
    at = 24 if to.version == 4 else 44
    other = to.packet[:at] + struct.pack("!I", to.sequence ^ 1 << 30) + to.packet[at + 4 :]
    kind, code = (3, 13) if to.version == 4 else (1, 1)
    wrong = to.sequence ^ 1 << 31
    return [tcp(to, _RST | _ACK, 0, wrong), tcp(to, _SYN | _ACK, 7, wrong), icmp(to, kind, code, to.target, other)]


def answers(to: Segment, action: str) -> list[tuple[float, bytes]]:
    """What to send, each after so many seconds."""
    word, *numbers = action.split("/")
    if to.flags & (_SYN | _ACK | _RST | _FIN) == _ACK:
        return [(_LATER, tcp(to, _RST | _ACK, to.acknowledged, to.sequence))] if word == "proxy" else []
    if to.flags & (_SYN | _ACK | _RST) != _SYN or word == "silent":
        return []
    if word in {"open", "proxy"}:
        return [(0.0, tcp(to, _SYN | _ACK, 1000, to.sequence + 1 & 0xFFFFFFFF))]
    if word == "closed":
        return [(0.0, tcp(to, _RST | _ACK, 0, to.sequence + 1 & 0xFFFFFFFF))]
    if word == "forged":
        return [(0.0, packet) for packet in forged(to)]
    sender = to.target if word == "icmp" else ipaddress.ip_address(ROUTER[to.version]).packed
    return [(0.0, icmp(to, int(numbers[0]), int(numbers[1]), sender))]


def table(rules: list[str]) -> list[str]:
    """The action of each port."""
    actions = ["silent"] * 65536
    for rule in reversed(rules):
        ports, _, action = rule.partition(":")
        low, _, high = ports.partition("-")
        for port in range(int(low), int(high or low) + 1):
            actions[port] = action
    return actions


def distance(action: str) -> tuple[float, str]:
    """By how many seconds an action is late, and the rest of it."""
    if not action.startswith("far/"):
        return 0.0, action
    _, milliseconds, rest = action.split("/", 2)
    return int(milliseconds) / 1000, rest


def serve(actions: list[str], delay: float, left: int, spared: set[int], loss: int) -> None:
    """Answer until ended."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _SET_DEVICE, struct.pack("16sH22x", DEVICE.encode(), _TUN | _NO_HEADER))
    print(_READY, flush=True)  # noqa: T201 - this is how the test knows
    waiting: list[tuple[float, int, bytes]] = []
    number = 0
    while True:
        select.select([tun], [], [], max(0.0, waiting[0][0] - time.monotonic()) if waiting else None)
        while (segment := _read(tun)) is not None:
            if int.from_bytes(os.urandom(4)) % 1000 < loss:
                continue
            if segment.flags & _SYN and segment.dport not in spared:
                left -= 1
            if left < 0 and segment.dport not in spared:
                continue
            farther, action = distance(actions[segment.dport])
            for after, packet in answers(segment, action):
                number += 1
                heapq.heappush(waiting, (time.monotonic() + delay + farther + after, number, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            packet = heapq.heappop(waiting)[2]
            if int.from_bytes(os.urandom(4)) % 1000 >= loss:
                os.write(tun, packet)


def _read(tun: int) -> Segment | None:
    """The next TCP segment that is there already."""
    try:
        while True:
            if segment := parse(os.read(tun, 65536)):
                return segment
    except (BlockingIOError, OSError):  # the second while the device is down
        return None


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    named = {int(word) for word in sys.argv[3].split(",") if word}
    serve(table(sys.argv[5:]), float(sys.argv[1]), int(sys.argv[2]), named, int(sys.argv[4]))
