"""``auditor drift``: the exit codes and what is printed."""

from __future__ import annotations

import json

import pytest

from auditor.cli.app import run

HEAD = '{"auditor": "snapshot", "version": 1, "kind": "probe", "started": "2026-11-20T08:00:00Z"}\n'
FOOT = '{"complete": true, "finished": "2026-11-20T08:00:04Z"}\n'
XML = (
    '<?xml version="1.0"?><nmaprun scanner="nmap" args="nmap -p 1-1000 192.0.2.10" start="1763625600" version="7.93">'
    '<scaninfo type="connect" protocol="tcp" numservices="1000" services="1-1000"/>'
    '<host><status state="up" reason="user-set"/><address addr="192.0.2.10" addrtype="ipv4"/><ports>'
    '<extraports state="closed" count="998"/>'
    '<port protocol="tcp" portid="22"><state state="open" reason="syn-ack"/></port>'
    '<port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/></port></ports></host>'
    '<runstats><finished time="1763625604" exit="success"/><hosts up="1" down="0" total="1"/></runstats></nmaprun>'
)


def snapshot(opened, closed="1-21,23-65535"):
    tcp = json.dumps({"open": opened, "closed": closed})
    return f'{HEAD}{{"host": "web-1", "address": "192.0.2.10", "alive": true, "tcp": {tcp}}}\n{FOOT}'


@pytest.fixture
def drift(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def compared(old, new, *options):
        (tmp_path / "old").write_text(old, encoding="utf-8")
        (tmp_path / "new").write_text(new, encoding="utf-8")
        code = run(["drift", "old", "new", *options])
        return code, capsys.readouterr().out

    return compared


def test_nothing_changed_is_a_zero(drift):
    code, out = drift(snapshot("22"), snapshot("22"))
    assert (code, out.splitlines()[0]) == (0, "no drift: 1 host compared")


def test_what_opened_is_a_one(drift):
    code, out = drift(snapshot("22"), snapshot("22,6379", "1-21,23-6378,6380-65535"))
    assert (code, out.splitlines()[0]) == (1, "+ web-1 (192.0.2.10): opened 6379/tcp")


def test_a_snapshot_and_a_file_of_nmap_are_compared_where_both_looked(drift):
    code, out = drift(snapshot("22,8080", "1-21,23-8079,8081-65535"), XML)
    assert code == 1
    assert out.splitlines()[:2] == [
        "+ 192.0.2.10: opened 80/tcp",
        "? 192.0.2.10: was open 8080/tcp, of which the later one does not tell enough",
    ]


def test_doubt_alone_is_a_three(drift):
    code, out = drift(snapshot("22", "1-21"), snapshot("22,80", "1-21"))
    assert code == 3
    assert "? web-1 (192.0.2.10): open 80/tcp, of which the earlier one does not tell enough" in out


def test_the_answer_as_json_is_for_programs(drift):
    code, out = drift(snapshot("22"), snapshot("80", "1-79"), "-o", "json")
    answer = json.loads(out)
    assert (code, answer["drift"], answer["compared"]) == (1, True, 1)
    assert (answer["changes"][0]["opened"], answer["changes"][0]["shut"]) == ("80/tcp", "22/tcp")


def test_what_cannot_be_compared_is_bad_usage(drift):
    sockets = HEAD.replace("probe", "sockets") + '{"host": "web-1", "asked": "1-65535/tcp", "sockets": []}\n' + FOOT
    assert drift(snapshot("22"), sockets)[0] == 2
    assert run(["drift", "old", "nowhere"]) == 4


def test_two_in_the_wrong_order_are_warned_of(tmp_path, capsys):
    for name, hour in (("old", "08"), ("new", "09")):
        (tmp_path / name).write_text(snapshot("22").replace("T08", f"T{hour}"), encoding="utf-8")
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    assert run(["drift", old, new]) == 0
    assert capsys.readouterr().err == ""
    assert run(["drift", new, old, "-o", "json"]) == 0
    told = capsys.readouterr()
    assert told.err == "warning: OLD was taken after NEW: what opened and what shut change places\n"
    assert json.loads(told.out)["auditor"] == "drift"


@pytest.mark.parametrize("published", ['    ports: ["${UNSET_HERE}:6379"]\n', "    network_mode: host\n"])
def test_a_compose_file_that_may_open_more_than_before_is_a_three(drift, published):
    old = 'services:\n  web:\n    image: nginx\n    ports: ["80:80"]\n'
    code, out = drift(old, f"{old}  db:\n    image: redis\n{published}")
    assert code == 3
    assert "131,069 ports not open before (" in out
    assert drift(old, old)[0] == 0


def test_a_scan_that_asked_less_is_a_three_in_one_line(drift):
    code, out = drift(snapshot("22"), snapshot("22", "80"))
    assert (code, out.count("?")) == (3, 1)
    assert "? web-1 (192.0.2.10): 65,533 ports not open before (1-21,23-79,81-65535/tcp), of which" in out


def test_a_host_that_is_not_mentioned_any_more_is_a_three(drift):
    other = '{"host": "db", "address": "192.0.2.20", "alive": true, "tcp": {"closed": "1-65535"}}\n'
    code, out = drift(snapshot("22").replace(FOOT, other + FOOT), snapshot("22"))
    assert (code, out.splitlines()[0]) == (3, "? db (192.0.2.20): only in the earlier one: nothing open")


def test_another_port_behind_published_ones_is_a_one_in_one_line(drift):
    old = 'services:\n  web:\n    image: nginx\n    ports: ["8080:80", "7000-7009:7000-7009"]\n'
    code, out = drift(old, old.replace("8080:80", "8080:6379").replace(":7000-7009", ":6000-6009"))
    assert (code, out.count("~")) == (1, 2)
    assert ": 8080/tcp was 80/tcp, is 6379/tcp\n" in out
    assert ": 7000-7009/tcp was the same ports, is 1000 ports lower\n" in out
