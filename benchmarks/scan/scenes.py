"""The labs: each function builds what one workload scans, and says what a scanner should find there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.scan.lab import NEAR4, command
from benchmarks.scan.link import Relay, ceiling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.scan.lab import Host, Lab, Namespace

ADDRESS = "192.0.2.10"
FAR = "198.51.100.10"
NET = "198.51.100.0/24"
FIFTY = tuple(range(1000, 61000, 1200))
FIFTY_LOW = tuple(range(7, 1000, 20))
THREE = (22, 443, 50001)
FIVE = (22, 25, 80, 443, 8080)
ALL, THOUSAND = "1-65535", "1-1000"
FLEET = tuple(f"198.51.100.{last}" for last in range(1, 250))
LIVE = FLEET[4::12][:20]
SHY = LIVE[2::7][:3]
"""Live ones that show a single port and drop all else, pings included."""
TALKERS = (53, 123, 161, 500, 777)
RATE = 10_000
_RESPONDER = """
import select, socket, sys
socks = []
for word in sys.argv[1:]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", int(word)))
    socks.append(sock)
print("ready", flush=True)
while True:
    for sock in select.select(socks, [], [])[0]:
        sock.sendto(b"here I am", sock.recvfrom(4096)[1])
"""
_HEARTBEAT = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    sock.sendto(b"", (sys.argv[1], 9))
    time.sleep(0.1)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A workload that stands: ask ``ports`` of ``addresses``, and find ``truth``, pairs of address and port.

    masscan brings its own stack: it sends from ``device`` as ``spare``, an address that nobody else has, to the MAC
    address ``gateway``.
    """

    addresses: tuple[str, ...]
    ports: str
    truth: frozenset[tuple[str, int]]
    device: str
    spare: str
    gateway: str
    folder: Path

    @property
    def opens(self) -> tuple[int, ...]:
        """The open ports of a scene with one host."""
        return tuple(sorted(port for _, port in self.truth))


# -- parts ---------------------------------------------------------------------------------------------------------


def _mac(text: str) -> str:
    words = text.split()
    return words[words.index("link/ether") + 1]


def _near(host: Host, ports: str, opens: dict[str, tuple[int, ...]], folder: Path) -> Scene:
    """A scene whose host is on link. It knows where masscan's address is: nobody has to answer ARP for it."""
    spare = "192.0.2.2"
    host.ip("route", "replace", spare, "dev", "eth0")
    host.ip("neigh", "replace", spare, "lladdr", _mac(command("ip", "link", "show", host.device)), "dev", "eth0")
    _beat(host, spare)
    gateway = _mac(host.ip("link", "show", "eth0"))
    return _scene(ports, opens, folder, (host.device, spare, gateway))


def _far(lab: Lab, ports: str, opens: dict[str, tuple[int, ...]], folder: Path) -> Scene:
    """A scene behind the router."""
    spare = "203.0.113.3"
    lab.router.ip("neigh", "replace", spare, "lladdr", _mac(command("ip", "link", "show", "vr0")), "dev", "up0")
    _beat(lab.router, spare)
    gateway = _mac(lab.router.ip("link", "show", "up0"))
    return _scene(ports, opens, folder, ("vr0", spare, gateway))


def _scene(ports: str, opens: dict[str, tuple[int, ...]], folder: Path, link: tuple[str, str, str]) -> Scene:
    truth = frozenset((address, port) for address, numbers in opens.items() for port in numbers)
    device, spare, gateway = link
    return Scene(
        addresses=tuple(opens),
        ports=ports,
        truth=truth,
        device=device,
        spare=spare,
        gateway=gateway,
        folder=folder,
    )


def _beat(namespace: Namespace, spare: str) -> None:
    """A packet to masscan's address every tenth of a second.

    Its receiver looks at the clock only when a packet comes: on a quiet link it ends seconds or minutes late.
    """
    namespace.start(sys.executable, "-c", _HEARTBEAT, spare)


def one_of(ports: tuple[int, ...]) -> str:
    """A set in the language of nft."""
    return f"{{ {', '.join(map(str, ports))} }}"


# -- scenes -----------------------------------------------------------------------------------------------------


def responsive(lab: Lab, folder: Path) -> Scene:
    """One host that refuses what it does not serve."""
    host = lab.host("host", ADDRESS)
    host.listen(*FIFTY)
    return _near(host, ALL, {ADDRESS: FIFTY}, folder)


def small(lab: Lab, folder: Path) -> Scene:
    """A few ports, for the test of the benchmark."""
    host = lab.host("host", ADDRESS)
    host.listen(22, 80)
    return _near(host, "1-100", {ADDRESS: (22, 80)}, folder)


def blind(lab: Lab, folder: Path) -> Scene:
    """A truth that is wrong, for the test of the benchmark: one port too many and one too few."""
    host = lab.host("host", ADDRESS)
    host.listen(22, 80)
    return _near(host, "1-100", {ADDRESS: (22, 23)}, folder)


def dropping(lab: Lab, folder: Path) -> Scene:
    """One host that drops everything but three ports."""
    host = lab.host("host", ADDRESS)
    host.listen(*THREE)
    host.firewall(f"tcp dport != {one_of(THREE)} drop")
    return _near(host, ALL, {ADDRESS: THREE}, folder)


def _fleet(lab: Lab, *, routed: bool) -> tuple[Host, dict[str, tuple[int, ...]]]:
    host = lab.host("fleet", *LIVE, routed=routed)
    host.listen(*FIVE)
    shy = f"ip daddr {{ {', '.join(SHY)} }}"
    host.firewall(f"{shy} tcp dport 8080 accept", f"{shy} drop")
    opens: dict[str, tuple[int, ...]] = dict.fromkeys(FLEET, ())
    opens.update(dict.fromkeys(LIVE, FIVE))
    opens.update(dict.fromkeys(SHY, (8080,)))
    return host, opens


def neighbours(lab: Lab, folder: Path) -> Scene:
    """A network on link; nobody answers ARP for the dead addresses."""
    host, opens = _fleet(lab, routed=False)
    command("ip", "route", "replace", NET, "dev", host.device, "src", NEAR4)
    return _near(host, "1-97,443,3306,8080", opens, folder)


def network(ports: str) -> Callable[[Lab, Path], Scene]:
    """A network behind a router, which drops what is for the dead addresses."""

    def build(lab: Lab, folder: Path) -> Scene:
        _, opens = _fleet(lab, routed=True)
        lab.router.ip("route", "replace", "blackhole", NET)
        command("ip", "route", "replace", NET, "via", "203.0.113.2")
        return _far(lab, ports, opens, folder)

    return build


def lossy(ports: str, opens: tuple[int, ...], *rules: str) -> Callable[[Lab, Path], Scene]:
    """A host behind a router that loses every tenth packet, in each direction."""

    def build(lab: Lab, folder: Path) -> Scene:
        host = lab.host("host", FAR, routed=True)
        host.listen(*opens)
        if rules:
            host.firewall(*rules)
        lab.router.lose(100, hook="forward")
        return _far(lab, ports, {FAR: opens}, folder)

    return build


def refusing(rule: str, hook: str) -> Callable[[Lab, Path], Scene]:
    """A host that limits or refuses in its own way."""

    def build(lab: Lab, folder: Path) -> Scene:
        host = lab.host("host", ADDRESS)
        host.listen(*FIFTY)
        host.firewall(rule, hook=hook)
        return _near(host, ALL, {ADDRESS: FIFTY}, folder)

    return build


def talking(ratelimit: int, per_second: int, burst: int) -> Callable[[Lab, Path], Scene]:
    """A host with UDP services and these limits on its ICMP messages."""

    def build(lab: Lab, folder: Path) -> Scene:
        host = lab.host("host", ADDRESS)
        host.sysctl(
            net__ipv4__icmp_ratelimit=ratelimit,
            net__ipv4__icmp_msgs_per_sec=per_second,
            net__ipv4__icmp_msgs_burst=burst,
        )
        words = (sys.executable, "-c", _RESPONDER, *map(str, TALKERS))
        responder = host.start(*words, stdout=subprocess.PIPE)
        assert responder.stdout is not None
        responder.stdout.readline()
        return _near(host, THOUSAND, {ADDRESS: TALKERS}, folder)

    return build


def distant(ports: str, opens: tuple[int, ...]) -> Callable[[Lab, Path], Scene]:
    """A host 100 ms away: its answers take that long, the questions nothing."""

    def build(lab: Lab, folder: Path) -> Scene:
        host = lab.host("host", FAR, routed=True)
        host.listen(*opens)
        print(f"  {ceiling(Relay(lab.router, host.device, milliseconds=100), host)}", flush=True)
        return _far(lab, ports, {FAR: opens}, folder)

    return build


def narrow(lab: Lab, folder: Path) -> Scene:
    """A host behind a link that carries so many packets a second, with room for 1,000 that wait."""
    host = lab.host("host", FAR, routed=True)
    host.listen(*FIFTY)
    Relay(lab.router, "up0", rate=RATE, queue=1000)
    return _far(lab, ALL, {FAR: FIFTY}, folder)
