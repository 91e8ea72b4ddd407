"""A firewall's rules that are not all there keep nothing out, and decide nothing."""

import json
from pathlib import Path

import pytest

from auditor.cli.app import run

EXAMPLE = Path(__file__).parents[3] / "examples" / "firewall"
RULES = (EXAMPLE / "open.rules").read_text(encoding="utf-8")
TABLE = (EXAMPLE / "sockets.txt").read_text(encoding="utf-8")
TIMES = ("--taken", "2026-11-20T08:30:00Z", "--now", "2026-11-20T09:00:00Z", "--host", "db")
POLICY = "version: 1\nhosts: {db: 192.0.2.20}\nrules: [{hosts: db, allow: [22, 5432, 6379]}]\n"
UFW = """Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
22/tcp                     ALLOW IN    Anywhere
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"p.yaml": POLICY, "sockets.txt": TABLE, "whole.rules": RULES}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def check(folder, text, name="cut.rules"):
    (folder / name).write_text(text, encoding="utf-8")
    code = run(["check", "p.yaml", name, "sockets.txt", *TIMES, "-o", "json=audit.json"])
    return code, [one["reason"] for one in json.loads((folder / "audit.json").read_text())["unverified"]]


def test_a_whole_file_passes(folder):
    assert check(folder, RULES) == (0, [])
    assert check(folder, RULES.rstrip("\n")) == (0, [])
    plain = "".join(line for line in RULES.splitlines(keepends=True) if not line.startswith("#"))
    assert check(folder, plain) == (0, [])
    assert check(folder, plain.rstrip("\n")) == (0, [])


@pytest.mark.parametrize("size", [*range(120, RULES.index("# Completed"), 37), RULES.index("# Completed") + 4])
def test_no_cut_of_the_file_passes(folder, capsys, size):
    code, reasons = check(folder, RULES[:size])
    assert code == 3, capsys.readouterr().out
    assert any(one.startswith("cut.rules is not complete: cut.rules:") for one in reasons)


def test_the_line_at_which_the_file_ends_is_named(folder):
    lines = RULES.splitlines(keepends=True)
    assert check(folder, "".join(lines[:9]))[1][-1] == (
        "cut.rules is not complete: cut.rules:9:1: the table 'filter' has no COMMIT at its end"
    )
    assert check(folder, RULES[:240])[1][-1] == (
        "cut.rules is not complete: cut.rules:9:1: the file ends in the midst of a line"
    )
    assert check(folder, "".join(lines[:-1]))[1][-1] == (
        "cut.rules is not complete: cut.rules:1:1: no line '# Completed on' ends what begins here"
    )


def test_a_table_that_another_follows_without_its_end_is_cut_off(folder):
    nat = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
    assert check(folder, RULES.replace("COMMIT\n", nat))[0] == 3


def test_rules_of_ip6tables_are_held_to_the_same(folder):
    text = RULES.replace("iptables-save", "ip6tables-save").replace("198.51.100.0/24", "2001:db8::/32")
    code, reasons = check(folder, RULES + text[:-80])
    assert code == 3
    assert any("midst of a line" in one for one in reasons)


def test_a_cut_table_opens_nothing_by_what_is_missing(folder):
    text = RULES.replace(":INPUT DROP", ":INPUT ACCEPT")
    assert check(folder, text[:240])[0] == 3


def test_half_a_line_of_a_listing_decides_nothing(folder):
    listing = "-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
    assert check(folder, listing)[0] == 0
    assert check(folder, listing[:-20])[0] == 3


@pytest.mark.parametrize("size", [len(UFW) - 1, len(UFW) - 30, UFW.index("22/tcp"), UFW.index("allow (")])
def test_a_summary_of_ufw_that_is_cut_off_does_not_pass(folder, size):
    assert check(folder, UFW, "ufw.txt") == (0, [])
    code, reasons = check(folder, UFW[:size], "ufw.txt")
    assert code == 3
    assert any(one.startswith("ufw.txt is not complete: ufw.txt:") for one in reasons)


def test_a_listing_of_nft_that_is_cut_off_is_no_evidence(folder):
    (folder / "nft.json").write_text('{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": ', encoding="utf-8")
    assert run(["check", "p.yaml", "nft.json", *TIMES]) == 4


def test_drift_does_not_take_what_is_cut_off_for_shut(folder, capsys):
    (folder / "cut.rules").write_text(RULES[:240], encoding="utf-8")
    assert run(["drift", "whole.rules", "cut.rules"]) == 3
    out = capsys.readouterr().out
    assert "no longer open" not in out
    assert "INCOMPLETE: cut.rules:9:1: the file ends in the midst of a line" in out
