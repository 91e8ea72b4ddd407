"""Real SSH servers on loopback, with users, keys, an agent and known hosts of their own, for tests of logins.

Every address below 127.0.0.0/8 is a host. Nothing of it leaves the mount and network namespaces of ``tests/isolated``:
users are added to a copy of ``/etc/passwd`` that lies over the real one until the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PLAIN, JUMP, BUSY = 2201, 2202, 2203
"""Ports: a server, the one to jump through, and one that takes few logins at once."""
CHANGED, UNKNOWN = "127.0.0.66", "127.0.0.77"
"""Addresses whose host key in known_hosts is another, or none."""
USERS = {"audit": "/bin/sh", "noisy": "{home}/noisy", "confined": "/bin/rbash", "closed": "/usr/sbin/nologin"}
FIRST_UID = 64001

NOISE = """#!/bin/sh
echo 'Welcome! 00000000000000000000000000000000 begin 1'
printf 'no newline at the end'
echo 'disk nearly full' >&2
shift
exec /bin/sh -c "$*"
"""
CUT = "sh | head -c 700; sleep 0.5; kill -9 $PPID"
SHORT = "sh | head -c 700"
FLOOD = "yes flood"
HANG = "exec sleep 600"
LIE = "printf '\\\\n0123456789abcdef0123456789abcdef begin 1\\\\n0123456789abcdef0123456789abcdef end 0\\\\n'"
FORCED = {"cut": CUT, "short": SHORT, "flood": FLOOD, "hang": HANG, "lie": LIE}
"""What the server runs for each of these keys, whatever is asked."""


def unfit() -> str:
    """Why such a world cannot be made here at all; '' if it can."""
    if os.environ.get("AUDITOR_ISOLATED") != "1":
        return "runs inside tests/isolated alone"
    users = [int(number) for number in Path("/proc/self/uid_map").read_text(encoding="ascii").split()][2::3]
    return "there is only one user in this user namespace" if sum(users) < FIRST_UID else ""


def missing() -> str:
    """The programs that are not installed; '' for none."""
    return ", ".join(
        name for name in ("ssh", "sshd", "ssh-agent", "ssh-keygen", "sudo", "ss", "nft") if not _program(name)
    )


class World:
    """The servers, and the files that a client needs. A context manager: at its end nothing is left."""

    def __enter__(self):
        self.home = Path(tempfile.mkdtemp(prefix="ssh-", dir="/run"))
        self.home.chmod(0o755)
        self.temporary = str(self.home / "temporary")
        Path(self.temporary).mkdir()
        self._started = []
        self._mounted = []
        Path("/run/sshd").mkdir(exist_ok=True)
        self._make_users()
        for name in ("host", "other-host", "id", "agent", "stranger", *FORCED):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.home / name], check=True, timeout=60
            )
        forced = [f'command="{command}" {self._public(name)}' for name, command in FORCED.items()]
        self._write("authorized", "\n".join([self._public("id"), self._public("agent"), *forced, ""]))
        host, other = self._public("host"), self._public("other-host")
        names = ",".join(f"[127.*]:{port}" for port in (PLAIN, JUMP, BUSY))
        self.known_hosts = self._write(
            "known_hosts", f"[{CHANGED}]:{PLAIN} {other}\n!{_named(UNKNOWN)},!{_named(CHANGED)},{names} {host}\n"
        )
        self.configuration = self._write(
            "config",
            "StrictHostKeyChecking no\nNoHostAuthenticationForLocalhost yes\nUserKnownHostsFile /dev/null\n"
            f"ControlMaster auto\nControlPath {self.home}/shared-%C\nRemoteCommand false\nRequestTTY force\n"
            "SomethingOfALaterVersion yes\n"
            f"Host by-agent\n  HostName 127.0.0.5\n  User root\n  Port {PLAIN}\n"
            f"Host far\n  HostName 127.0.0.6\n  User root\n  Port {PLAIN}\n  ProxyJump root@127.0.0.1:{JUMP}\n"
            f"Host strangely-far\n  HostName 127.0.0.6\n  Port {PLAIN}\n  ProxyJump root@{UNKNOWN}:{JUMP}\n"
            f"Host !by-agent !127.0.0.10 *\n  IdentityFile {self.home}/id\n",
        )
        self._start(PLAIN)
        self._start(JUMP, "LogLevel DEBUG1")
        self._start(BUSY, "MaxStartups 3:30:10")
        self._await()
        self.agent = self._start_agent()
        return self

    def __exit__(self, *_):
        for process in self._started:
            process.kill()
            process.wait()
        for path in self._mounted:
            subprocess.run(["umount", path], check=True, timeout=60)
        shutil.rmtree(self.home)

    def log(self, port: int) -> str:
        return (self.home / f"log-{port}").read_text(encoding="utf-8", errors="replace")

    def key(self, name: str) -> str:
        return str(self.home / name)

    def fingerprint(self, name: str) -> str:
        said = subprocess.run(
            ["ssh-keygen", "-lf", self.key(f"{name}.pub")], check=True, capture_output=True, text=True, timeout=60
        )
        return said.stdout.split()[1]

    def _make_users(self) -> None:
        noisy = self._write("noisy", NOISE)
        noisy.chmod(0o755)
        lines = [
            f"{name}:*:{FIRST_UID + number}:{FIRST_UID + number}::{self.home}:{shell.format(home=self.home)}\n"
            for number, (name, shell) in enumerate(USERS.items())
        ]
        passwd = self._write("passwd", Path("/etc/passwd").read_text(encoding="utf-8") + "".join(lines))
        self._cover("/etc/passwd", passwd)
        rights = self.home / "sudoers.d"
        rights.mkdir()
        self._write("sudoers.d/audit", "audit ALL=(root) NOPASSWD: /usr/bin/sh, /bin/sh\n").chmod(0o440)
        self._cover("/etc/sudoers.d", rights)

    def _cover(self, path: str, by: Path) -> None:
        subprocess.run(["mount", "--bind", by, path], check=True, timeout=60)
        self._mounted.append(path)

    def _start(self, port: int, *more: str) -> None:
        lines = [
            f"Port {port}",
            "ListenAddress 0.0.0.0",
            f"HostKey {self.home}/host",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PasswordAuthentication no",
            f"AuthorizedKeysFile {self.home}/authorized",
            *more,
        ]
        configured = self._write(f"sshd-{port}", "\n".join([*lines, ""]))
        log = str(self.home / f"log-{port}")
        self._started.append(subprocess.Popen([_program("sshd"), "-D", "-f", configured, "-E", log]))

    def _start_agent(self) -> str:
        where = str(self.home / "agent.socket")
        self._started.append(subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.DEVNULL))
        _until(lambda: Path(where).exists())
        subprocess.run(
            ["ssh-add", "-q", self.key("agent")], check=True, env={**os.environ, "SSH_AUTH_SOCK": where}, timeout=60
        )
        Path(self.key("agent")).unlink()
        return where

    def _await(self) -> None:
        def listening() -> bool:
            rows = Path("/proc/thread-self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
            open_ = {int(row.split()[1].rpartition(":")[2], 16) for row in rows if row.split()[3] == "0A"}
            return {PLAIN, JUMP, BUSY} <= open_

        _until(listening)

    def _public(self, name: str) -> str:
        return " ".join((self.home / f"{name}.pub").read_text(encoding="ascii").split()[:2])

    def _write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path


def _named(address: str) -> str:
    return f"[{address}]:*"


def _until(true, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not come up"
        time.sleep(0.02)


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
