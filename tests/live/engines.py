"""Real container engines with containers that listen, for tests of what a host exposes; all inside ``tests/isolated``.

Everything that an engine keeps lies under ``/run``, which is the namespaces' own and ends with them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

OUTER = "192.0.2.1"
"""An address of this machine that is not loopback's: what connects to it comes the way that the network does."""
BUSYBOX = "/bin/busybox"
IMAGE = "localhost/box:1"
SERVERS = {
    "web": ("-p", "8080:80", "-p", "127.0.0.1:8081:80", "-p", "5353:53/udp", 80),
    "hostly": ("--network", "host", 7070),
    "hidden": ("--network", "inner", "-p", "6379:6379", 6379),
}
"""The containers by name: options, and the port on which its server listens inside."""
RANGED = {"ranged": ("-p", "9200-9205:80", 80)}


def unfit(*tools: str) -> str:
    """Why no engine can be started here; '' if it can."""
    if os.geteuid() or os.environ.get("AUDITOR_ISOLATED") != "1":
        return "needs root inside tests/isolated"
    wanted = [tool for tool in tools if shutil.which(tool) is None]
    return ", ".join([*wanted, *([] if Path(BUSYBOX).exists() else ["busybox-static"])])


class _Engine:
    """An engine of its own, with its containers; a context manager, at whose end none of them runs."""

    name: str
    tools: tuple[str, ...]
    servers = SERVERS

    def __init__(self) -> None:
        self.state = Path("/run", self.name)
        self.command: list[str] = []

    def __enter__(self):
        Path("/run/lock").mkdir(exist_ok=True)
        (self.state / "rootfs" / "bin").mkdir(parents=True)
        shutil.copy(BUSYBOX, self.state / "rootfs" / "bin" / "busybox")
        subprocess.run(["tar", "-C", self.state / "rootfs", "-cf", self.state / "rootfs.tar", "."], check=True)
        subprocess.run(["ip", "address", "replace", f"{OUTER}/32", "dev", "lo"], check=True)
        self.start()
        self("import", str(self.state / "rootfs.tar"), IMAGE)
        self("network", "create", "--internal", "inner")
        for name, (*options, port) in self.servers.items():
            self("run", "-d", "--name", name, *options, IMAGE, BUSYBOX, "httpd", "-f", "-p", str(port))
        return self

    def __exit__(self, *_):
        self("kill", *self.servers)
        self.stop()

    def __call__(self, *words: str) -> None:
        subprocess.run([*self.command, *words], check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        """Bring the engine up, so far as it is a daemon."""

    def stop(self) -> None:
        """Take it down."""


class Podman(_Engine):
    """It has no daemon: each container has a monitor, conmon, which holds the published ports."""

    name = "podman"
    tools = ("podman", "runc", "conmon")

    def start(self) -> None:
        state = self.state
        self.command = ["podman", f"--root={state}/R", f"--runroot={state}/U", f"--tmpdir={state}/T", "--runtime=runc",
                        "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file",
                        f"--network-config-dir={state}/N"]  # fmt: skip


class Docker(_Engine):
    """Its daemon starts a proxy for each published port, and one more for IPv6."""

    name = "docker"
    tools = ("dockerd", "docker-proxy", "containerd", "runc", "docker")
    servers = SERVERS | RANGED

    def start(self) -> None:
        state = self.state
        self.command = ["docker", "-H", f"unix://{state}/S"]
        with (state / "log").open("wb") as log:
            self._daemon = subprocess.Popen(
                ["dockerd", f"--data-root={state}/R", f"--exec-root={state}/U", f"--pidfile={state}/pid",
                 f"--host=unix://{state}/S", "--storage-driver=vfs"], stdout=log, stderr=log)  # fmt: skip
        deadline = time.monotonic() + 60
        while subprocess.run([*self.command, "info"], check=False, capture_output=True, timeout=60).returncode:
            assert time.monotonic() < deadline, (state / "log").read_text(encoding="utf-8")
            time.sleep(0.1)

    def stop(self) -> None:
        self._daemon.terminate()
        self._daemon.wait(60)
