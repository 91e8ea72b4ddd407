"""``--asked`` and ``--taken``: what the caller says of files that cannot say it, and what follows for the verdict."""

import json

import pytest

from auditor.cli.app import run

POLICY = """\
version: 1
hosts: {web: 192.0.2.1, db: 192.0.2.2}
rules:
  - {id: shop, hosts: [web], allow: [80]}
scan: {tcp: [80-90]}
"""
LIST = "#masscan\nopen tcp 80 192.0.2.1 1795380666\nopen icmp 0 192.0.2.2 1795380666\n# end\n"
NOW = "--now=2026-11-22T21:00:00Z"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(POLICY)
    (tmp_path / "m.txt").write_text(LIST)
    (tmp_path / "s.jsonl").write_text('{"auditor": "snapshot", "version": 1, "kind": "sockets"}\n{"complete": true}\n')
    return tmp_path


@pytest.fixture
def audit(folder):
    def auditing(*arguments, policy=POLICY, listed=LIST):
        (folder / "p.yaml").write_text(policy)
        (folder / "m.txt").write_text(listed)
        code = run(["check", "p.yaml", "m.txt", "-o", "json=audit.json", NOW, *arguments])
        return code, json.loads((folder / "audit.json").read_text())

    return auditing


def gaps(result):
    return [(gap["host"], gap["ports"], gap["reason"]) for gap in result["unverified"]]


def test_without_a_declaration_only_what_is_listed_was_seen(audit, capsys):
    code, result = audit()
    assert code == 3
    assert "m.txt does not say what was asked" in capsys.readouterr().err
    assert gaps(result) == [
        ("web", "81-90/tcp", "not looked at by m.txt"),
        ("db", "80-90/tcp", "not looked at by m.txt"),
    ]


def test_what_was_asked_and_is_not_listed_is_not_open(audit, capsys):
    code, result = audit("--asked", "80-90")
    assert (code, gaps(result)) == (0, [])
    assert "does not say" not in capsys.readouterr().err
    assert [(row["host"], row["open"], row["closed"], row["asked"]) for row in result["hosts"]] == [
        ("web", "80/tcp", "81-90/tcp", "80-90/tcp"),
        ("db", "", "80-90/tcp", "80-90/tcp"),
    ]


def test_nothing_passes_that_was_not_asked(audit):
    code, result = audit("--asked", "80-85")
    assert code == 3
    assert gaps(result) == [
        ("web", "86-90/tcp", "not looked at by m.txt"),
        ("db", "86-90/tcp", "not looked at by m.txt"),
    ]


def test_a_host_that_the_file_does_not_mention_may_be_dead(audit):
    code, result = audit("--asked", "80-90", listed=LIST.replace("open icmp 0 192.0.2.2 1795380666\n", ""))
    assert code == 3
    assert [(gap["host"], gap["reason"]) for gap in result["unverified"]] == [("db", "no evidence")]


def test_a_required_port_that_was_asked_and_is_not_listed_is_a_violation(audit):
    code, result = audit("--asked", "80-90", policy=POLICY.replace("allow: [80]", "require: [80, 81]"))
    assert code == 1
    [finding] = result["findings"]
    assert (finding["check"], finding["port"], finding["actual"]) == (
        "required-not-open",
        "81/tcp",
        "closed or filtered",
    )


def test_whether_it_is_filtered_as_the_policy_wants_nobody_can_tell(audit):
    code, result = audit("--asked", "80-90", policy=POLICY.replace("allow: [80]", "allow: [80], otherwise: filtered"))
    assert code == 3
    assert gaps(result) == [("web", "81-90/tcp", "closed|filtered: the evidence does not tell which")]


def test_a_file_that_breaks_off_proves_nothing_of_what_it_does_not_list(audit):
    code, result = audit("--asked", "80-90", listed=LIST.replace("# end\n", ""))
    assert code == 3
    assert ("web", "81-90/tcp", "m.txt is not complete: no end mark: masscan was killed") in gaps(result)


def test_an_import_keeps_what_was_declared(folder):
    assert run(["import", "m.txt", "--asked", "80-90", "--from", "office", "-o", "m.jsonl"]) == 0
    header, web, *_ = map(json.loads, (folder / "m.jsonl").read_text().splitlines())
    assert (header["tool"], header["asked"], header["vantage"]) == ("masscan", "80-90/tcp", "office")
    assert web["tcp"] == {"open": "80", "closed|filtered": "81-90"}
    assert run(["check", "p.yaml", "m.jsonl", NOW]) == 0
    assert run(["check", "p.yaml", "m.jsonl", "--asked", "80-90", NOW]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["m.txt", "--asked", "81-90"], "m.txt lists 80/tcp of 192.0.2.1, which --asked leaves out"),
        (["m.txt", "--asked", "90-80"], "--asked: "),
        (["m.txt", "--asked", ""], "--asked: "),
        (["m.txt", "--taken", "today"], "--taken: not an RFC 3339 time: 'today'"),
        (["--asked", "80"], "--asked and --taken go with evidence files"),
        (["--sockets", "--taken", "2026-11-22T20:00:00Z"], "--asked and --taken go with evidence files"),
        (["s.jsonl", "--asked", "80"], "--asked is for what a scanner saw"),
        (["n.jsonl", "--asked", "80"], "n.jsonl says itself what was asked of each host: leave out --asked for it"),
    ],
)
def test_a_declaration_that_cannot_be_is_a_usage_error(folder, capsys, arguments, says):
    text = '{"auditor": "snapshot", "version": 1, "kind": "probe", "asked": "80-90"}\n{"complete": true}\n'
    (folder / "n.jsonl").write_text(text)
    assert run(["check", "p.yaml", *arguments, NOW]) == 2
    assert says in capsys.readouterr().err


PAIRS = "192.0.2.1:80\n192.0.2.2:81\n"


def test_undated_evidence_shows_what_is_open_and_passes_nothing_until_it_is_dated(audit):
    policy = POLICY.replace("allow: [80]}", "allow: [80]}\n  - {id: db, hosts: [db], allow: [81]}")
    code, result = audit("--asked", "80-90", policy=policy, listed=PAIRS)
    assert code == 3
    assert {gap[2] for gap in gaps(result)} == {"the evidence does not say when it was taken"}
    code, _ = audit("--asked", "80-90", "--taken", "2026-11-22T20:00:00Z", policy=policy, listed=PAIRS)
    assert code == 0
    code, _ = audit("--asked", "80-90", "--taken", "2026-11-20T20:00:00Z", policy=policy, listed=PAIRS)
    assert code == 3


def test_a_socket_table_in_text_is_dated_by_the_caller(audit):
    table = "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
    table += "tcp   LISTEN 0      128    0.0.0.0:80         0.0.0.0:*\ntcp   LISTEN 0      128    [::]:80   [::]:*\n"
    policy = POLICY.replace(", db: 192.0.2.2", "")
    code, result = audit("--host", "web", policy=policy, listed=table)
    assert (code, result["evidence"][0]["kind"]) == (3, "sockets")
    assert audit("--host", "web", "--taken", "2026-11-22T20:00:00Z", policy=policy, listed=table)[0] == 0


def test_what_the_evidence_says_of_its_time_outweighs_the_caller(audit):
    code, _ = audit("--asked", "80-90", "--taken", "2026-11-22T20:00:00Z", listed=LIST.replace("17953", "17943"))
    assert code == 3


def test_a_time_for_a_file_that_has_its_own_is_said_not_to_be_used(audit, capsys):
    _, result = audit("--asked", "80-90", "--taken", "2026-11-01T00:00:00Z")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "--taken" in line]
    assert line.startswith("--taken is not used for m.txt: it says itself that it is of 2026-11-22 ")
    assert result["evidence"][0]["started"].startswith("2026-11-22")


def test_a_time_for_a_file_without_one_is_used_and_nothing_said(audit, capsys):
    undated = "web:80\n"
    audit("--asked", "80-90", "--taken", "2026-11-22T20:00:00Z", listed=undated.replace("web", "192.0.2.1"))
    assert "--taken" not in capsys.readouterr().err


def test_importing_says_so_too(capsys):
    run(["import", "m.txt", "--asked", "80-90", "--taken", "2026-11-01T00:00:00Z", "--save", "new.jsonl"])
    assert "--taken is not used for m.txt" in capsys.readouterr().err
