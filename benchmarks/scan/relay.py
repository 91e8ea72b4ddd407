"""A link that is long or narrow, as a program: ``relay.py DEVICE MILLISECONDS RATE QUEUE``.

Makes the TUN device DEVICE; what is routed into it comes out of it again after MILLISECONDS, and at most RATE packets a
second (0: as many as come), in order. While QUEUE packets wait for the rate, more are lost, as at a router. Linux has
`tc netem` for this where its module is there; this needs no module. Prints ``ready``.
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
import struct
import sys
import time
from collections import deque

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TUN_NO_PI = 0x0001 | 0x1000
_BURST = 512
_TICK = 0.0005


def device(name: str) -> int:
    """The descriptor of a new TUN device."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN_NO_PI))
    return descriptor


def take(descriptor: int, due: float, queue: deque[tuple[float, bytes]], room: int) -> None:
    """A burst of packets into the queue; those beyond its room are lost."""
    try:
        for _ in range(_BURST):
            packet = os.read(descriptor, 2048)
            if len(queue) < room:
                queue.append((due, packet))
    except BlockingIOError:
        pass


def relay(descriptor: int, delay: float, rate: float, room: int) -> None:
    """Until ended."""
    queue: deque[tuple[float, bytes]] = deque()
    allowed, before = 1.0, time.monotonic()
    write = os.write
    while True:
        wait = None
        busy = bool(queue)
        if busy:
            wait = _TICK if rate else max(0.0, queue[0][0] - time.monotonic())
        ready = select.select([descriptor], [], [], wait)[0]
        now = time.monotonic()
        if ready:
            take(descriptor, now + delay, queue, room)
        allowed += rate * (now - before)
        if not busy:  # an idle link saves nothing up
            allowed = min(allowed, 1 + rate * 2 * _TICK)
        before = now
        while queue and queue[0][0] <= now and (allowed >= 1 or not rate):
            write(descriptor, queue.popleft()[1])
            allowed -= 1


def main() -> None:
    """Make the device and carry packets."""
    name, milliseconds, rate, room = sys.argv[1:]
    descriptor = device(name)
    gc.disable()
    print("ready", flush=True)
    relay(descriptor, float(milliseconds) / 1000, float(rate), int(room) or sys.maxsize)


if __name__ == "__main__":
    main()
