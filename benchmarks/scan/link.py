"""A long or a narrow link between the router and the rest of the lab; `relay` is what carries the packets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.scan.lab import Host, Namespace

_RELAY = Path(__file__).with_name("relay.py")


class Relay:
    """A link of some delay, rate and queue, for what comes to the router from the device ``source``; see `relay`."""

    def __init__(self, router: Namespace, source: str, *, milliseconds: int = 0, rate: int = 0, queue: int = 0) -> None:
        self._router = router
        words = (sys.executable, str(_RELAY), "long0", str(milliseconds), str(rate), str(queue))
        self._process = router.start(*words, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"
        router.ip("link", "set", "long0", "txqueuelen", "100000", "up")
        router.sysctl(net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__long0__rp_filter=0)
        router.ip("route", "add", "default", "dev", "long0", "table", "100")
        router.ip("rule", "add", "iif", source, "lookup", "100")

    def carried(self) -> int:
        """Packets that have come out of it."""
        lines = self._router.run("cat", "/proc/net/dev").splitlines()
        return int(next(line for line in lines if "long0" in line).split()[2])

    def spent(self) -> float:
        """Processor seconds that it has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ceiling(relay: Relay, host: Host, seconds: float = 0.6) -> str:
    """What the relay carries from the host when it is flooded: a second, and with a processor of its own."""
    flood = f"""
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + {2 * seconds}
while time.monotonic() < end:
    for _ in range(100):
        sock.sendto(b"", ("203.0.113.1", 9))
"""
    process = host.start(sys.executable, "-c", flood)
    time.sleep(seconds / 2)
    before, spent, begun = relay.carried(), relay.spent(), time.monotonic()
    time.sleep(seconds)
    carried, busy, took = relay.carried() - before, relay.spent() - spent, time.monotonic() - begun
    process.wait(timeout=10)
    time.sleep(0.5)
    alone = f"{carried / busy:,.0f}" if busy else "unknown"
    return f"the relay carries {carried / took:,.0f} packets a second when flooded, {alone} a second of processor"
