"""Socket tables of other tools, through the gate: what passes, what fails, and what stays unverified."""

from __future__ import annotations

import pytest

from auditor.cli.app import run

POLICY = """\
version: 1
hosts: {db: 192.0.2.1}
rules:
  - hosts: db
    require: [{port: 22/tcp, process: sshd}]
    allow: [{port: 5432/tcp, bind: loopback}, 53/udp]
"""
TABLE = """\
Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
udp   UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*
tcp   LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=40,fd=5))
tcp   LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=40,fd=4))
tcp   LISTEN 0 244 127.0.0.1:5432 0.0.0.0:* users:(("postgres",pid=71,fd=5))
"""
NOW = ["--now", "2026-11-20T09:00:00Z"]
TAKEN = ["--taken", "2026-11-20T08:00:00Z"]


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")

    def checked(table, *options):
        (tmp_path / "table.txt").write_text(table, encoding="utf-8")
        code = run(["check", "exposure.yaml", "table.txt", *NOW, *options])
        told = capsys.readouterr()
        return code, told.out + told.err

    return checked


def test_a_whole_table_that_conforms_passes(check):
    assert check(TABLE, "--host", "db", *TAKEN)[0] == 0


def test_a_table_without_a_time_shows_violations_and_verifies_nothing(check):
    code, told = check(TABLE, "--host", "db")
    assert code == 3
    assert "the evidence does not say when it was taken" in told
    code, told = check(TABLE + "tcp LISTEN 0 5 0.0.0.0:6379 0.0.0.0:*\n", "--host", "db")
    assert code == 1
    assert "6379/tcp" in told


def test_a_table_without_a_host_needs_a_name(check):
    code, told = check(TABLE, *TAKEN)
    assert code == 2
    assert "--host NAME" in told


def test_a_listener_that_nothing_allows_and_one_bound_too_widely_are_violations(check):
    wide = TABLE.replace("127.0.0.1:5432", "0.0.0.0:5432") + "tcp LISTEN 0 5 [::]:6379 [::]:*\n"
    code, told = check(wide, "--host", "db", *TAKEN)
    assert code == 1
    assert "unexpected-open" in told
    assert "too-wide" in told


def test_a_process_that_the_tool_might_not_see_is_unverified_and_another_one_a_violation(check):
    code, told = check(TABLE.replace('users:(("sshd",pid=40,fd=5))', ""), "--host", "db", *TAKEN)
    assert code == 3
    assert "process" in told
    code, told = check(TABLE.replace('"sshd",pid=40,fd=5', '"dropbear",pid=40,fd=5'), "--host", "db", *TAKEN)
    assert code == 1
    assert "unexpected-process" in told


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("\n".join(line for line in TABLE.split("\n") if "[::]" not in line), "no IPv6 socket is in the table"),
        (TABLE[:-120], "table.txt:4: this row of ss cannot be read"),
        (TABLE + "tcp LISTEN 0 5 0.0.0.0:no-such 0.0.0.0:*\n", "table.txt:6: the service 'no-such' is not registered"),
    ],
)
def test_what_a_table_does_not_settle_is_unverified_with_the_line(check, table, says):
    code, told = check(table, "--host", "db", *TAKEN)
    assert code == 3
    assert says in told


def test_a_list_of_connections_cannot_be_used(check):
    code, told = check("Active Internet connections (w/o servers)\n", "--host", "db")
    assert code == 4
    assert told.startswith("error: table.txt:1: a list of connections")
    assert told.count("\n") == 1
