import json
from datetime import UTC, datetime

import pytest

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError
from auditor.model.ports import ALL_TCP, ALL_UDP
from tests.unit.collect.imported.tables import brief, reasons, seen_in


def row(port, address="0.0.0.0", protocol="6", family="2", pid="40", **more):
    return {
        "address": address,
        "family": family,
        "fd": "3",
        "net_namespace": "4026531840",
        "path": "",
        "pid": pid,
        "port": str(port),
        "protocol": protocol,
        "socket": "9",
    } | more


ROWS = [
    row(22),
    row(22, "::", family="10"),
    row(53, "127.0.0.1", "17", pid="75"),
    row(0, "", "0", "1", path="/run/x.sock"),
    row(0, protocol="89"),
    row(2049, "::", family="10", pid="-1"),
]
LISTED = ["22/tcp 0.0.0.0", "22/tcp ::", "2049/tcp ::", "53/udp 127.0.0.1"]


def test_an_array_of_rows_is_a_whole_table(tmp_path):
    seen, evidence = seen_in(tmp_path, json.dumps(ROWS, indent=2))
    assert brief(seen) == LISTED
    assert [one.pid for one in seen.sockets] == [40, 40, None, 75]
    assert seen.asked == ALL_TCP | ALL_UDP
    assert (seen.host, seen.finished, evidence.origin.tool) == (None, None, "osquery")


def test_numbers_may_be_numbers(tmp_path):
    numeric = [{k: int(v) if v.lstrip("-").isdigit() else v for k, v in one.items()} for one in ROWS]
    assert brief(seen_in(tmp_path, json.dumps(numeric))[0]) == LISTED


def test_a_join_with_processes_names_them(tmp_path):
    joined = [row(22, name="sshd", path="/usr/sbin/sshd", username="root"), row(22, "::", family="10", name="sshd")]
    seen, _ = seen_in(tmp_path, json.dumps(joined))
    assert brief(seen) == ["22/tcp 0.0.0.0 sshd", "22/tcp :: sshd"]
    assert seen.sockets[0].user == "root"


def test_one_row_a_descriptor_and_a_process_is_one_socket(tmp_path):
    seen, _ = seen_in(tmp_path, json.dumps([row(80, pid="1"), row(80, pid="2"), row(80, pid="2", fd="9"), *ROWS]))
    assert [(one.pid, one.shared_by) for one in seen.sockets if one.port.number == 80] == [(1, 2)]


def test_open_sockets_listen_if_their_state_says_so(tmp_path):
    def opened(port, state, remote="0", protocol="6", family="2", address="0.0.0.0"):
        return {
            "pid": "1",
            "fd": "3",
            "family": family,
            "protocol": protocol,
            "local_address": address,
            "local_port": str(port),
            "remote_address": "",
            "remote_port": remote,
            "state": state,
        }

    rows = [
        opened(22, "LISTEN"),
        opened(23, "CLOSE"),
        opened(22, "ESTABLISHED", "4711"),
        opened(53, "", protocol="17"),
        opened(40123, "", "53", protocol="17"),
        opened(22, "LISTEN", family="10", address="::ffff:127.0.0.1"),
    ]
    seen, _ = seen_in(tmp_path, json.dumps(rows))
    assert brief(seen) == ["22/tcp 0.0.0.0", "22/tcp 127.0.0.1", "53/udp 0.0.0.0"]
    assert seen.unknown == ()


def test_sockets_of_another_network_namespace_are_not_the_hosts(tmp_path):
    inner = row(8080, net_namespace="4026532281")
    seen, _ = seen_in(tmp_path, json.dumps([inner, *ROWS]))
    assert {str(one.port): one.netns for one in seen.sockets if one.port.number > 4000} == {
        "8080/tcp": "net:[4026532281]"
    }
    assert {one.netns for one in seen.sockets if one.port.number < 4000} == {None}


@pytest.mark.parametrize(
    ("odd", "ports", "says"),
    [
        ({"pid": "223", "port": "22"}, "22/tcp,22/udp", "this row does not tell the protocol"),
        ({"pid": "223", "port": "22", "protocol": "6"}, "22/tcp", "this row does not tell the address"),
        (row(22, family="77"), "22/tcp,22/udp", "this row's family of addresses is not known"),
        (row("x y"), "1-65535/tcp", "the service 'x y' is not registered: print numbers (-n)"),
        (row(22, "web-1"), "22/tcp", "'web-1' is not an address: print numbers (-n)"),
    ],
)
def test_a_row_that_cannot_be_understood_leaves_its_ports_unknown(tmp_path, odd, ports, says):
    seen, _ = seen_in(tmp_path, json.dumps([*ROWS, odd]))
    assert reasons(seen) == [(ports, f"row 7: {says}")]


def line(action=None, rows=None, counter=0, when=1795381200, host="lab1", name="pack_listening", **more):
    told = {"name": name, "hostIdentifier": host, "unixTime": when, "epoch": 0, "counter": counter}
    body = {"snapshot": rows, "action": "snapshot"} if action is None else {"columns": rows, "action": action}
    return json.dumps(told | body | more) + "\n"


def test_the_latest_snapshot_of_each_host_counts_with_its_time(tmp_path):
    path = tmp_path / "osqueryd.snapshots.log"
    path.write_text(line(rows=[row(1), *ROWS]) + line(rows=ROWS, when=1795384800) + line(rows=[row(9)], host="lab2"))
    evidence = open_evidence(str(path))
    first, second = evidence
    assert (first.host, brief(first)) == ("lab1", LISTED)
    assert first.finished == datetime.fromtimestamp(1795384800, UTC)
    assert (second.host, brief(second)) == ("lab2", ["9/tcp 0.0.0.0"])


def test_changes_are_replayed_from_the_first_run(tmp_path):
    log = "".join(line("added", one) for one in ROWS)
    log += (
        line("removed", ROWS[0], 1)
        + line("added", row(80), 2, when=1795384800)
        + line("added", {"name": "cron"}, name="other")
    )
    seen, _ = seen_in(tmp_path, log)
    assert brief(seen) == ["22/tcp ::", "80/tcp 0.0.0.0", "2049/tcp ::", "53/udp 127.0.0.1"]
    assert seen.asked == ALL_TCP | ALL_UDP
    assert seen.finished == datetime.fromtimestamp(1795384800, UTC)


def test_a_new_epoch_begins_with_every_row(tmp_path):
    log = "".join(line("added", one) for one in (*ROWS, row(80)))
    log += "".join(line("added", one, when=1795384800, epoch=1) for one in ROWS)
    assert brief(seen_in(tmp_path, log)[0]) == LISTED


def test_a_log_that_begins_later_shows_what_it_shows_and_proves_nothing_else(tmp_path):
    seen, _ = seen_in(tmp_path, "".join(line("added", one, 7) for one in ROWS))
    assert brief(seen) == LISTED
    assert not seen.asked
    assert "does not go back to the query's first run" in seen.unknown[0].reason


def test_a_log_that_breaks_off_leaves_every_port_unknown(tmp_path):
    seen, _ = seen_in(tmp_path, line(rows=ROWS) + line("added", row(80))[:70])
    assert reasons(seen) == [("1-65535/tcp,1-65535/udp", "2: this line is not JSON, or breaks off")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(ROWS)[:-5], r"table\.txt:1:\d+: not JSON: "),
        (json.dumps([*ROWS, 7]), "these are no rows of osquery"),
        (json.dumps(ROWS).replace('"pid": "40"', '"pid": "40", "pid": "41"', 1), "the key 'pid' is here twice"),
        (json.dumps(ROWS)[:-1] + "," + "[" * 100_000, "not JSON"),
        (line("added", row(22), columns=[row(22)]), r"table\.txt:1: these are no rows of osquery"),
    ],
)
def test_what_is_no_table_is_one_clear_error(tmp_path, text, says):
    with pytest.raises(EvidenceError, match=says) as caught:
        seen_in(tmp_path, text)
    assert "\n" not in str(caught.value)
