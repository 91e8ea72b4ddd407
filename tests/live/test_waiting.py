"""Waiting after a deployment: the gate looks again until what is required answers and nothing moves any more."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

AUDITOR = Path(sys.executable).with_name("auditor")
POLICY = """\
version: 1
hosts: {{here: 127.0.0.1}}
rules: [{{hosts: [here], require: [{port}]}}]
scan: {{tcp: [{port}, {other}]}}
"""


def _accept(server):
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


@pytest.fixture
def ports():
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return numbers


def check(folder, *options):
    command = [AUDITOR, "check", "exposure.yaml", "-o", "json=audit.json", "-o", "text", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done, json.loads((folder / "audit.json").read_text(encoding="utf-8"))


def test_a_service_that_comes_up_late_is_waited_for(tmp_path, ports):
    (tmp_path / "exposure.yaml").write_text(POLICY.format(port=ports[0], other=ports[1]), encoding="utf-8")
    opened = []

    def deploy():
        time.sleep(1.5)
        opened.append(socket.create_server(("127.0.0.1", ports[0]), backlog=64))
        threading.Thread(target=_accept, args=(opened[0],), daemon=True).start()

    thread = threading.Thread(target=deploy)
    thread.start()
    done, audit = check(tmp_path, "--retry-for", "40s")
    thread.join()
    opened[0].close()
    assert done.returncode == 0, done.stdout + done.stderr
    changes = [change for look in audit["looks"] for change in look["changes"]]
    assert changes == [f"here: opened {ports[0]}/tcp"]
    assert f"opened {ports[0]}/tcp" in done.stdout


def test_a_service_that_never_comes_fails_when_the_time_is_up(tmp_path, ports):
    (tmp_path / "exposure.yaml").write_text(POLICY.format(port=ports[0], other=ports[1]), encoding="utf-8")
    done, audit = check(tmp_path, "--retry-for", "1s")
    assert done.returncode == 1
    assert len(audit["looks"]) >= 2
    assert [found["check"] for found in audit["findings"]] == ["required-not-open"]


def test_evidence_files_are_not_waited_for(tmp_path, ports):
    (tmp_path / "exposure.yaml").write_text(POLICY.format(port=ports[0], other=ports[1]), encoding="utf-8")
    command = [AUDITOR, "check", "exposure.yaml", "scan.xml", "--retry-for", "1s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--retry-for" in done.stderr


class Service:
    """A port of loopback that can be opened and closed again; ``with`` closes it for good."""

    def __init__(self, port):
        self._port, self._server = port, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        self._server = socket.create_server(("127.0.0.1", self._port), backlog=64)
        threading.Thread(target=_accept, args=(self._server,), daemon=True).start()

    def close(self):
        if self._server:
            with suppress(OSError):  # wakes who accepts
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            self._server = None


def test_a_port_that_flaps_while_the_service_starts_is_told_and_passes_once_it_stays_closed(tmp_path, ports):
    """What the auditor says of each look moves the ports, so that no clock decides what a look sees."""
    (tmp_path / "exposure.yaml").write_text(POLICY.format(port=ports[0], other=ports[1]), encoding="utf-8")
    command = [
        AUDITOR,
        "check",
        "exposure.yaml",
        "--retry-for",
        "55s",
        "-o",
        "json=audit.json",
        "-o",
        "text=report.txt",
    ]
    with Service(ports[0]) as late, Service(ports[1]) as flapping:
        steps = [
            ("looking again", [flapping.open]),
            (f"opened {ports[1]}/tcp", [flapping.close, late.open]),
        ]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as gate:
            for line in gate.stderr:
                if steps and steps[0][0] in line:
                    for move in steps.pop(0)[1]:
                        move()
    assert steps == []
    assert gate.returncode == 0
    audit = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert audit["findings"] == audit["unverified"] == []
    told = "\n".join(change for look in audit["looks"] for change in look["changes"])
    report = (tmp_path / "report.txt").read_text(encoding="utf-8")
    for move in (f"opened {ports[1]}/tcp", f"no longer open {ports[1]}/tcp", f"opened {ports[0]}/tcp"):
        assert move in told
        assert move in report


def test_a_port_that_flaps_to_the_end_is_never_a_pass(tmp_path, ports):
    (tmp_path / "exposure.yaml").write_text(POLICY.format(port=ports[0], other=ports[1]), encoding="utf-8")
    command = [AUDITOR, "check", "exposure.yaml", "--retry-for", "3s", "-o", "json=audit.json", "-o", "text=report.txt"]
    with Service(ports[0]) as there, Service(ports[1]) as flapping:
        there.open()
        flapping.open()
        closed = False
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as gate:
            for line in gate.stderr:
                if "looking again" in line or line.startswith("look "):
                    (flapping.open if closed else flapping.close)()
                    closed = not closed
    audit = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert gate.returncode in {1, 3}, audit
    assert f"{ports[1]}/tcp" in (tmp_path / "report.txt").read_text(encoding="utf-8")
