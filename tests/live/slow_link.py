"""A program: a TUN device that gives back later what is routed into it, and on SIGUSR1 much later.

``slow_link.py NOW THEN``, both in milliseconds. It prints ``ready`` when its device ``long0`` is there.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN_NO_PI = 0x1001


def main(now: str, then: str) -> None:
    """Carry packets until ended."""
    delay = [float(now) / 1000]
    signal.signal(signal.SIGUSR1, lambda *_: delay.__setitem__(0, float(then) / 1000))
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"long0", IFF_TUN_NO_PI))
    print("ready", flush=True)  # noqa: T201 - this is how the test knows
    queue: deque[tuple[float, bytes]] = deque()
    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        if select.select([device], [], [], wait)[0]:
            try:
                for _ in range(256):
                    queue.append((time.monotonic() + delay[0], os.read(device, 2048)))
            except BlockingIOError:
                pass
        while queue and queue[0][0] <= time.monotonic():
            os.write(device, queue.popleft()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
