"""Three kinds of evidence through the gate: one finding that tells all, and the matrix on request."""

from __future__ import annotations

import json

import pytest

from auditor.cli.app import run

POLICY = "version: 1\nhosts: {web-1: 192.0.2.10, web-2: 192.0.2.11}\nrules: [{hosts: [web-1], allow: [443]}]\n"
WHEN = '"started": "2026-11-20T08:00:00Z"'
END = '{"complete": true, "finished": "2026-11-20T08:00:04Z"}\n'
FILES = {
    "compose.jsonl": '{"auditor": "snapshot", "version": 1, "kind": "declared", "tool": "compose"}\n'
    '{"host": "web-1", "openings": [{"port": "6379/tcp", "location": {"file": "compose.yaml", "line": 14}}]}\n' + END,
    "sockets.jsonl": '{"auditor": "snapshot", "version": 1, "kind": "sockets", ' + WHEN + "}\n"
    '{"host": "web-1", "asked": "1-65535/tcp,1-65535/udp", "sockets": [{"port": "6379/tcp", "address": "0.0.0.0",'
    ' "scope": "network", "process": "redis-server"}]}\n' + END,
    "ci.jsonl": '{"auditor": "snapshot", "version": 1, "kind": "probe", "vantage": "ci", ' + WHEN + "}\n"
    '{"host": "web-1", "address": "192.0.2.10", "alive": true, "tcp": {"open": "443", "filtered": "1-442,444-65535"}}\n'
    + END,
}
NOW = ["--now", "2026-11-20T09:00:00Z"]


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in {"exposure.yaml": POLICY, **FILES}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def checked(*arguments):
        code = run(["check", "exposure.yaml", *arguments, *NOW, "--only", "web-1"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return checked


def test_one_finding_says_published_listening_and_filtered(check):
    code, out, _ = check(*FILES)
    assert code == 1
    assert out.count("6379/tcp of web-1") + out.count("6379/tcp is open on web-1") == 1
    assert " ".join(out.split()).count(
        "seen: published to everyone in compose.yaml:14, listening on 0.0.0.0 as redis-server, filtered as seen from ci"
    )


def test_the_matrix_is_printed_on_request_alone(check):
    assert "matrix of" not in check(*FILES)[1]
    out = check(*FILES, "--matrix", "web-1")[1]
    lines = [line.split("  ") for line in out.split("matrix of web-1", 1)[1].splitlines()[1:4]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells == [
        ["port", "policy", "declared", "listening", "from ci", "opened by"],
        ["443/tcp", "allowed", "-", "-", "open"],
        ["6379/tcp", "not allowed", "to everyone", "0.0.0.0 as redis-server", "filtered", "compose.yaml:14"],
    ]


def test_the_matrix_is_in_the_audit_file_and_renders_again(check, capsys):
    code, _, _ = check(*FILES, "--matrix", "web-*", "-o", "json=audit.json")
    assert code == 1
    with open("audit.json", encoding="utf-8") as file:  # noqa: PTH123 - beside the policy
        matrices = json.load(file)["matrices"]
    assert [one["host"] for one in matrices] == ["web-1"]
    assert run(["report", "audit.json"]) == 1
    assert "matrix of web-1" in capsys.readouterr().out


def test_a_matrix_of_nobody_is_refused_before_anything_is_read(check):
    code, out, err = check("missing.jsonl", "--matrix", "mail")
    assert (code, out) == (2, "")
    assert "--matrix" in err
    assert "'mail'" in err
