"""Real servers, from Debian's packages, in the hosts of the lab.

Each takes a host of the lab (see lab.py) and the ports to listen on; it is ended with the host. ``listening`` waits
for it, and shows what it said if it does not come up::

    web = lab.host("web", "192.0.2.10", "2001:db8::10")
    listening(nginx(web, 80, 8080), redis(cache))

Each has a folder of its own below /run, which inside ``tests/isolated`` is the namespace's own and ends with it;
nothing is read from /etc, and nobody is served: they are there to be found. ``needs()`` names the packages that are
missing to run them here, or ''.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EVERYWHERE = ("0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "::1")

_SBIN = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp (proc_net_tcp(5), include/net/tcp_states.h)."""


class Server(NamedTuple):
    """A server that was started: its process, the ports it is to listen on, and what it says meanwhile."""

    name: str
    process: subprocess.Popen[str]
    ports: tuple[int, ...]
    log: Path


def needs() -> str:
    """The packages that are missing here; '' for none."""
    programs = {"nginx-light": "nginx", "redis-server": "redis-server", "openssh-server": "sshd"}
    missing = [package for package, program in programs.items() if _program(program) is None]
    return ", ".join([*missing, *([] if _POSTGRES else ["postgresql"])])


def nginx(host, *ports: int, addresses: Sequence[str] = EVERYWHERE) -> Server:
    """A web server."""
    home = _home(host, "nginx")
    listens = "".join(f"listen {_literal(address)}:{port};" for port in ports for address in addresses)
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"daemon off; user root; worker_processes 1; pid {home}/pid; error_log stderr;\n"
        "events { worker_connections 512; }\n"
        f"http {{ access_log off; {temporary} server {{ {listens} return 200; }} }}\n",
        encoding="utf-8",
    )
    return _start(host, home, ports, _program("nginx"), "-p", str(home), "-c", str(home / "nginx.conf"))


def redis(host, port: int = 6379, addresses: Sequence[str] = EVERYWHERE) -> Server:
    """A key-value store without a password, as it must never face a network."""
    home = _home(host, "redis")
    options = ("--protected-mode", "no", "--save", "", "--dir", str(home), "--daemonize", "no")
    return _start(host, home, (port,), _program("redis-server"), "--port", str(port), "--bind", *addresses, *options)


def sshd(host, *ports: int, addresses: Sequence[str] = EVERYWHERE) -> Server:
    """A secure shell to which nobody has a key."""
    home = _home(host, "sshd")
    Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself up
    key = home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=100)
    lines = [f"HostKey {key}", "PidFile none", "UsePAM no", "PasswordAuthentication no", "AuthorizedKeysFile none"]
    lines += [f"ListenAddress {_literal(address)}:{port}" for port in ports for address in addresses]
    (home / "sshd_config").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return _start(host, home, ports, _program("sshd"), "-D", "-e", "-f", str(home / "sshd_config"))


def postgres(host, port: int = 5432, addresses: Sequence[str] = LOOPBACK) -> Server:
    """A database; it refuses to run as root, so it runs as somebody else."""
    home = _home(host, "postgres")
    data = home / "data"
    binaries = _POSTGRES[-1]
    made = ("-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8")
    subprocess.run([*_somebody(home), str(binaries / "initdb"), *made], check=True, timeout=200, capture_output=True)
    settings = {"listen_addresses": ",".join(addresses), "unix_socket_directories": data, "fsync": "off"}
    told = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return _start(
        host, home, (port,), *_somebody(home), str(binaries / "postgres"), "-D", str(data), "-p", str(port), *told
    )


def listening(*servers: Server, seconds: float = 60.0) -> None:
    """Until each server listens on each of its ports; a server that does not is an error that shows what it said."""
    deadline = time.monotonic() + seconds
    waiting = list(servers)
    while waiting:
        waiting = [server for server in waiting if not _is_up(server)]
        ended = [server for server in waiting if server.process.poll() is not None]
        late = waiting if time.monotonic() > deadline else ended
        assert not late, "\n".join(f"{server.name} is not up: {server.log.read_text()}" for server in late)
        time.sleep(0.02)


def _is_up(server: Server) -> bool:
    try:
        lines = [line for table in ("tcp", "tcp6") for line in _table(server.process.pid, table)]
    except OSError:  # it has ended
        return False
    return set(server.ports) <= {int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == _LISTEN}


def _table(pid: int, name: str) -> Iterable[Sequence[str]]:
    """A socket table of the network namespace that the process is in."""
    return [line.split() for line in Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii").splitlines()[1:]]


def _start(host, home: Path, ports: Sequence[int], *words: str) -> Server:
    log = home.with_name(f"{home.name}.log")
    with log.open("w", encoding="utf-8") as said:
        process = host.start(*words, stdout=said, stderr=subprocess.STDOUT)
    return Server(name=home.name, process=process, ports=tuple(ports), log=log)


def _home(host, name: str) -> Path:
    home = Path(tempfile.mkdtemp(prefix=f"{host.name}-{name}-", dir="/run"))
    home.chmod(0o755)
    return home


def _program(name: str) -> str | None:
    return shutil.which(name, path=_SBIN)


def _literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _somebody(home: Path) -> tuple[str, ...]:
    """Not root: the user postgres, or, where root is the only user there is, root under another number."""
    users = [int(number) for number in Path("/proc/self/uid_map").read_text(encoding="ascii").split()][2::3]
    if sum(users) == 1:
        return ("unshare", "--user", "--map-user=1000")
    shutil.chown(home, "postgres", "postgres")
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
