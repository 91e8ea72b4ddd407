"""``check --sockets`` asks about this machine, whatever else the policy declares."""

from __future__ import annotations

import json
import socket

import pytest

from auditor.cli.app import run

POLICY = """\
version: 1
hosts: {other: 192.0.2.1, here: {address: 192.0.2.2, aliases: [NAME]}}
rules: [{hosts: "*", allow: [all, all/udp]}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exposure.yaml").write_text(POLICY.replace("NAME", socket.gethostname()), encoding="utf-8")
    return tmp_path


def test_the_other_hosts_are_left_out_and_that_is_said(folder, capsys):  # noqa: ARG001
    run(["check", "--sockets", "-o", "json"])
    audit = json.loads(capsys.readouterr().out)
    assert {host["host"] for host in audit["hosts"]} == {"here"}
    assert "left out of this audit" in json.dumps(audit["not_assessed"])


def test_a_machine_that_the_policy_does_not_know_needs_a_name(folder, capsys):
    (folder / "exposure.yaml").write_text(POLICY.replace("NAME", "somebody-else"), encoding="utf-8")
    assert run(["check", "--sockets"]) == 2
    assert "--host NAME" in capsys.readouterr().err


def test_selecting_another_host_does_not_make_this_machine_that_host(folder, capsys):  # noqa: ARG001
    assert run(["check", "--sockets", "--only", "other", "-o", "json"]) == 3
    audit = json.loads(capsys.readouterr().out)
    assert audit["verdict"] == "unverified"
