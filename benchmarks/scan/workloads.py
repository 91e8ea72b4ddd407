"""The workloads: what each is called, what it is built of, and which programs have their turn there."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks.scan import scenes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.scan.lab import Lab
    from benchmarks.scan.scenes import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``programs`` names those that make sense here beside the ordinary ones, ``without`` ordinary ones left out.

    ``rest`` is how many seconds its host needs between two scans, to have its limits filled up again. ``about`` and
    ``once`` are the seconds to expect on a quiet machine: of each repetition, and of what is too slow to be repeated.
    ``floor`` is the least possible, in seconds.
    """

    title: str
    build: Callable[[Lab, Path], Scene]
    programs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rest: float = 0.2
    about: int = 5
    once: int = 0
    floor: float | None = None
    udp: bool = False
    hidden: bool = False


_MIXED = (f"tcp dport {scenes.one_of(scenes.FIFTY_LOW)} accept", "tcp dport 501-1000 drop")
_FLEET = ("nmap-sT-ping", "nmap-sS-ping")

_SLOW = ("nmap-sT-T4", "nmap-sS-T4", "scan", "scan-syn")

WORKLOADS = MappingProxyType(
    {
        "a": Workload(
            title="65,535 ports, refuses, 50 open", build=scenes.responsive, programs=("check", "epoll"), about=11
        ),
        "b": Workload(
            title="65,535 ports, all dropped but 3", build=scenes.dropping, programs=("check",), about=17, once=100
        ),
        "c1": Workload(
            title="249 addresses on link, 20 live, 100 ports",
            build=scenes.neighbours,
            programs=_FLEET,
            about=6,
            once=90,
        ),
        "c2x100": Workload(
            title="the same, routed, 100 ports",
            build=scenes.network("1-97,443,3306,8080"),
            programs=_FLEET,
            about=8,
            once=130,
        ),
        "c2x1000": Workload(
            title="the same, routed, 1,000 ports",
            build=scenes.network("1-997,3306,8080,8443"),
            programs=_FLEET,
            without=_SLOW,
            about=14,
            once=70,
        ),
        "d": Workload(
            title="1,000 ports, 10 % loss each way, 50 open",
            build=scenes.lossy(scenes.THOUSAND, scenes.FIFTY_LOW),
            programs=("check", "masscan-r3"),
            about=9,
            once=35,
        ),
        "d-all": Workload(
            title="65,535 ports, 10 % loss",
            build=scenes.lossy(scenes.ALL, scenes.FIFTY),
            programs=("masscan-r3",),
            about=8,
            once=140,
        ),
        "d-mixed": Workload(
            title="1,000 ports, 10 % loss, half dropped",
            build=scenes.lossy(scenes.THOUSAND, scenes.FIFTY_LOW, *_MIXED),
            programs=("masscan-r3",),
            about=3,
            once=85,
        ),
        "e1": Workload(
            title="65,535 ports, 200 RSTs a second",
            build=scenes.refusing("tcp flags & rst == rst limit rate over 200/second drop", "output"),
            rest=0.5,
            about=9,
            once=120,
        ),
        "e2": Workload(
            title="65,535 ports, ICMP prohibited",
            build=scenes.refusing(
                f"tcp dport != {scenes.one_of(scenes.FIFTY)} reject with icmpx admin-prohibited", "input"
            ),
            about=8,
            once=115,
        ),
        "f": Workload(
            title="UDP, 1,000 ports, no ICMP limit", build=scenes.talking(0, 1_000_000, 100_000), udp=True, about=1
        ),
        "f-limited": Workload(
            title="UDP, Linux's default limits",
            build=scenes.talking(1000, 1000, 50),
            udp=True,
            rest=6,
            about=19,
            once=45,
        ),
        "g": Workload(
            title="1,000 ports, 100 ms round trip",
            build=scenes.distant(scenes.THOUSAND, scenes.FIFTY_LOW),
            about=2,
            once=45,
        ),
        "g-all": Workload(
            title="65,535 ports, 100 ms round trip", build=scenes.distant(scenes.ALL, scenes.FIFTY), about=16, once=110
        ),
        "h": Workload(
            title="65,535 ports, 10,000 packets/s bottleneck",
            build=scenes.narrow,
            without=("scan", "scan-syn"),
            about=24,
            once=40,
            floor=65_535 / scenes.RATE,
        ),
        "small": Workload(title="100 ports, 2 open", build=scenes.small, programs=("check", "epoll"), hidden=True),
        "far": Workload(title="50 ports, 100 ms round trip", build=scenes.distant("1-50", (22,)), hidden=True),
        "blind": Workload(title="100 ports, a wrong truth", build=scenes.blind, hidden=True),
    }
)
