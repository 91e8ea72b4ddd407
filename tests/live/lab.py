"""A laboratory of network namespaces: hosts with addresses, listeners and firewalls, gone when the context ends.

Works inside ``tests/isolated`` alone, as root or unprivileged, so no packet can leave the machine. The scanner runs
in the test's own namespace; every host is a namespace of its own, joined to it by a veth pair::

    with Lab() as lab:
        web = lab.host("web", "192.0.2.10", "2001:db8::10")          # on link: answers ARP and NDP itself
        db = lab.host("db", "198.51.100.20", routed=True)            # behind lab.router, which forwards
        web.listen(22, 80)                                           # accept loops with a large backlog
        web.listen(8080, behaviour="reset")                          # accept, then reset; "hold", "full": see listen
        web.firewall("tcp dport 443 drop")                           # rules of nft's inet input hook, one a line
        lab.router.firewall("meta l4proto tcp numgen random mod 1000 < 100 drop", hook="forward")
        server = web.start("nginx", "-g", "daemon off;")             # any real server; ended with the lab
        web.run("ss", "-tln")                                        # a command to its end; its output
        web.wait_for(80)                                             # until something listens there
        web.link_local                                               # "fe80::…%vl0", to scan by zone
        web.stop()                                                   # the host dies: its link goes down

Addresses are up to the caller; use those of RFC 5737 and RFC 3849 (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,
2001:db8::/32). ``lab.vacant(address)`` gives an address on link that nobody has. ``Lab.needs()`` names what is
missing to run it here, or ''. Run as a program this file is the listener: ``lab.py listen HOST BEHAVIOUR PORT…``.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

NEAR4, NEAR6 = "192.0.2.1", "2001:db8::1"
"""The scanner's own addresses on the links to the hosts."""
ROUTER4, ROUTER6 = "203.0.113.2", "2001:db8:ffff::2"
_OURS4, _OURS6 = "203.0.113.1", "2001:db8:ffff::1"
_LISTENER = Path(__file__)
_TOOLS = ("ip", "nft", "nsenter", "sysctl")
_READY = "listening"


def command(*words: str, given: str | None = None) -> str:
    """Run a command to its end; its output. A failure shows what it said."""
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout


class Namespace:
    """One network namespace and what runs in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.processes: list[subprocess.Popen[str]] = []
        command("ip", "netns", "add", name)
        self.inside = ("nsenter", f"--net=/run/netns/{name}")
        self.sysctl(net__ipv6__conf__default__accept_dad=0)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> str:
        """``ip`` in this namespace."""
        return command("ip", "-n", self.name, *words)

    def run(self, *words: str, given: str | None = None) -> str:
        """A command inside, to its end; its output."""
        return command(*self.inside, *words, given=given)

    def start(self, *words: str, **options) -> subprocess.Popen[str]:
        """A process inside that lives until the lab ends."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen([*self.inside, *words], text=True, **options)
        self.processes.append(process)
        return process

    def sysctl(self, **settings: object) -> None:
        """Kernel settings inside, with underscores twice for dots: ``net__ipv4__ip_forward=1``."""
        for name, value in settings.items():
            self.run("sysctl", "-q", "-w", f"{name.replace('__', '.')}={value}")

    def firewall(self, *rules: str, hook: str = "input", kind: str = "filter", priority: int = 0) -> None:
        """Rules of nft in a chain of the family inet at this hook, policy accept. Adds up over calls."""
        chain = f"{hook}_{kind}_{priority}".replace("-", "m")
        text = f"add table inet lab\nadd chain inet lab {chain} {{ type {kind} hook {hook} priority {priority}; }}\n"
        self.run("nft", "-f", "-", given=text + "".join(f"add rule inet lab {chain} {rule}\n" for rule in rules))

    def no_firewall(self) -> None:
        """Away with all rules."""
        self.run("nft", "flush", "ruleset")

    def lose(self, permille: int, hook: str = "input") -> None:
        """Drop so many of 1,000 TCP packets, at random, that pass this hook."""
        self.firewall(f"meta l4proto tcp numgen random mod 1000 < {permille} drop", hook=hook)

    def close(self) -> None:
        """End what runs inside, and the namespace."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        command("ip", "netns", "del", self.name)


class Host(Namespace):
    """A host of the lab. ``addresses`` are its own; ``device`` is the scanner's end of the link to it, if on link."""

    def __init__(self, name: str, addresses: tuple[str, ...], device: str) -> None:
        super().__init__(name)
        self.addresses = addresses
        self.device = device

    @property
    def address(self) -> str:
        """The first of its addresses."""
        return self.addresses[0]

    @property
    def link_local(self) -> str:
        """Its link-local address with the zone of our end of the link (RFC 4007)."""
        words = self.ip("-6", "-o", "addr", "show", "dev", "eth0", "scope", "link").split()
        return f"{words[words.index('inet6') + 1].partition('/')[0]}%{self.device}"

    def listen(self, *ports: int, behaviour: str = "accept", address: str | None = None) -> subprocess.Popen[str]:
        """Listen on these TCP ports; ready when it returns. Ended by :meth:`close` or by ``terminate()``.

        ``accept`` takes connections and closes them when the peer does, ``greet`` sends a line first, ``reset``
        resets each at once, ``late`` resets each after a tenth of a second, ``full`` never accepts and has no room
        left in its queue. ``address`` None is all, IPv4 and IPv6.
        """
        # Without site-packages (-S) it starts at once: a program that is not the auditor's is not measured by coverage.
        words = [sys.executable, "-S", str(_LISTENER), "listen", address or "::", behaviour, *map(str, ports)]
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = process.stdout.readline()
        assert line.strip() == _READY, process.stderr.read()
        return process

    def wait_for(self, *ports: int, seconds: float = 10.0) -> None:
        """Until each of these TCP ports has a listener."""
        deadline = time.monotonic() + seconds
        missing = set(ports)
        while missing and time.monotonic() < deadline:
            lines = self.run("ss", "-Htln").splitlines()
            missing -= {int(line.split()[3].rpartition(":")[2]) for line in lines}
            time.sleep(0.02)
        assert not missing, f"nobody listens on {missing} of {self.name}"

    def stop(self) -> None:
        """Take it off the network, as if its plug were pulled."""
        self.ip("link", "set", "eth0", "down")


class Lab:
    """The whole lab; see the module's docstring."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self._router: Namespace | None = None
        self._devices: list[str] = []

    @staticmethod
    def needs() -> str:
        """What is missing to run a lab here; '' for nothing."""
        if os.environ.get("AUDITOR_ISOLATED") != "1":
            return "it runs inside tests/isolated alone"
        missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
        return f"{', '.join(missing)} not installed" if missing else ""

    def __enter__(self) -> Self:
        assert not self.needs(), self.needs()
        Path("/run/netns").mkdir(exist_ok=True)
        command("sysctl", "-q", "-w", "net.ipv6.conf.default.accept_dad=0")  # addresses are to work at once
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def host(self, name: str, *addresses: str, routed: bool = False) -> Host:
        """A host with these addresses, on link or behind :attr:`router`."""
        device = f"vl{len(self._devices)}"
        host = Host(name, addresses, device)
        self.hosts.append(host)
        self._devices.append(device)
        if routed:
            self._join(self.router, device, host)
        else:
            command("ip", "link", "add", "name", device, "type", "veth", "peer", "name", "eth0", "netns", name)
            self._near(device)
            self._address(host)
            for address in addresses:
                command("ip", "route", "replace", address, "dev", device, "src", _source(address))
        return host

    def vacant(self, address: str) -> str:
        """An address that should be on link and that nobody has."""
        host = self.hosts[0] if self.hosts else self.host("nobody")
        command("ip", "route", "replace", address, "dev", host.device, "src", _source(address))
        return address

    def hole(self, kind: str, address: str) -> str:
        """An address to which our own route is ``blackhole``, ``prohibit`` or ``unreachable``."""
        command("ip", "route", "replace", kind, address)
        return address

    @property
    def router(self) -> Namespace:
        """The forwarding namespace between us and the hosts that are ``routed``."""
        if self._router is None:
            router = self._router = Namespace("router")
            router.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
            command("ip", "link", "add", "name", "vr0", "type", "veth", "peer", "name", "up0", "netns", "router")
            for words in (
                ("addr", "add", f"{_OURS4}/24", "dev", "vr0"),
                ("addr", "add", f"{_OURS6}/64", "dev", "vr0", "nodad"),
                ("link", "set", "vr0", "up"),
            ):
                command("ip", *words)
            router.ip("addr", "add", f"{ROUTER4}/24", "dev", "up0")
            router.ip("addr", "add", f"{ROUTER6}/64", "dev", "up0", "nodad")
            router.ip("link", "set", "up0", "up")
        return self._router

    def close(self) -> None:
        """End everything that runs in the lab, and the lab."""
        with contextlib.ExitStack() as stack:
            for namespace in (*self.hosts, *filter(None, [self._router])):
                stack.callback(namespace.close)
        self.hosts, self._router = [], None
        # The kernel takes namespaces down in its own time; the devices have to go before the next lab wants them.
        for device in (*self._devices, "vr0"):
            subprocess.run(["ip", "link", "del", device], capture_output=True, check=False)

    def _near(self, device: str) -> None:
        command("ip", "addr", "add", f"{NEAR4}/32", "dev", device)
        command("ip", "addr", "add", f"{NEAR6}/128", "dev", device, "nodad")
        command("ip", "link", "set", device, "up")

    def _address(self, host: Host) -> None:
        for address in host.addresses:
            nodad = ("nodad",) if ":" in address else ()
            host.ip("addr", "add", f"{address}/{_length(address)}", "dev", "eth0", *nodad)
        host.ip("link", "set", "eth0", "up")
        host.ip("route", "replace", NEAR4, "dev", "eth0", *_from(host.addresses, six=False))
        host.ip("-6", "route", "replace", NEAR6, "dev", "eth0", *_from(host.addresses, six=True))

    def _join(self, router: Namespace, device: str, host: Host) -> None:
        router.ip("link", "add", "name", device, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        router.ip("link", "set", device, "up")
        for address in host.addresses:
            nodad = ("nodad",) if ":" in address else ()
            host.ip("addr", "add", f"{address}/{_length(address)}", "dev", "eth0", *nodad)
        host.ip("link", "set", "eth0", "up")
        router.ip("addr", "add", f"{ROUTER4}/32", "dev", device)
        router.ip("addr", "add", f"{ROUTER6}/128", "dev", device, "nodad")
        for address in host.addresses:
            gateway = ROUTER6 if ":" in address else ROUTER4
            router.ip("route", "replace", address, "dev", device)
            host.ip("route", "replace", gateway, "dev", "eth0")
            host.ip("route", "replace", "::/0" if ":" in address else "0.0.0.0/0", "via", gateway, "dev", "eth0")
            command("ip", "route", "replace", address, "via", gateway)
            _await_way(address)


def _await_way(address: str, seconds: float = 3.0) -> None:
    """Until the host refuses a datagram: the first neighbour solicitations of a new link can get lost."""
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.05)
        while time.monotonic() < deadline:
            try:
                sock.connect((address, 9))
                sock.send(b"")
                sock.recv(1)
            except ConnectionRefusedError:
                return
            except OSError:
                continue


def _source(address: str) -> str:
    return NEAR6 if ":" in address else NEAR4


def _length(address: str) -> int:
    return 128 if ":" in address else 32


def _from(addresses: tuple[str, ...], *, six: bool) -> tuple[str, ...]:
    mine = next((address for address in addresses if (":" in address) == six), None)
    return ("src", mine) if mine else ()


# -- the listener, a program of its own ----------------------------------------------------------------------------


def serve(address: str, behaviour: str, ports: list[int]) -> None:
    """Listen until ended."""
    poll = select.epoll()
    listeners: dict[int, socket.socket] = {}
    taken: dict[int, socket.socket] = {}
    clients = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for port in ports:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((address, port))
        sock.listen(0 if behaviour == "full" else 4096)
        listeners[sock.fileno()] = sock
        if behaviour == "full":
            clients += [_knock(port) for _ in range(3)]
        else:
            poll.register(sock.fileno(), select.EPOLLIN)
    print(_READY, flush=True)  # noqa: T201 - this is how the lab knows
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in listeners:
                with contextlib.suppress(OSError):
                    _take(listeners[descriptor], behaviour, poll, taken)
            else:
                taken.pop(descriptor).close()


def _take(listener: socket.socket, behaviour: str, poll: select.epoll, taken: dict[int, socket.socket]) -> None:
    sock, _ = listener.accept()
    if behaviour in {"reset", "late"}:
        if behaviour == "late":
            time.sleep(0.1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        return
    if behaviour == "greet":
        sock.send(b"220 lab\r\n")
    taken[sock.fileno()] = sock
    poll.register(sock.fileno(), select.EPOLLIN | select.EPOLLRDHUP)


def _knock(port: int) -> socket.socket:
    """Take up a place in the queue of connections that nobody accepts."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    sock.connect_ex(("127.0.0.1", port))
    return sock


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    serve(sys.argv[2], sys.argv[3], [int(word) for word in sys.argv[4:]])
