import pytest

from auditor.errors import EvidenceError
from auditor.model.evidence import Kind, Scope
from auditor.model.ports import ALL_TCP, ALL_UDP
from tests.unit.collect.imported.tables import brief, reasons, seen_in

HEADER = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\n"
BOTH = (
    'udp   UNCONN 0      0      127.0.0.53%lo:53    0.0.0.0:*    users:(("resolved",pid=5,fd=3))\n'
    'tcp   LISTEN 0      511          0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=36,fd=6),("nginx",pid=35,fd=6))\n'
    'tcp   LISTEN 0      511             [::]:80 [::]:* users:(("nginx",pid=36,fd=7),("nginx",pid=35,fd=7))\n'
)


def test_a_table_of_both_protocols_and_families_says_everything(tmp_path):
    seen, evidence = seen_in(tmp_path, HEADER + BOTH)
    assert brief(seen) == ["80/tcp 0.0.0.0 nginx", "80/tcp :: nginx", "53/udp 127.0.0.53%lo resolved"]
    assert seen.asked == ALL_TCP | ALL_UDP
    assert seen.unknown == ()
    assert evidence.origin.kind is Kind.SOCKETS
    assert evidence.origin.tool == "ss"
    assert evidence.origin.sha256
    assert evidence.completion.complete
    assert [(one.pid, one.shared_by, one.dual_stack) for one in seen.sockets] == [
        (35, 2, False),
        (35, 2, False),
        (5, 1, False),
    ]


def test_no_time_is_made_up(tmp_path):
    seen, evidence = seen_in(tmp_path, HEADER + BOTH)
    assert (seen.started, seen.finished, evidence.origin.started, evidence.completion.finished) == (None,) * 4


@pytest.mark.parametrize(
    ("local", "peer", "address", "scope", "interface"),
    [
        ("127.0.0.1:7", "0.0.0.0:*", "127.0.0.1", Scope.LOOPBACK, None),
        ("0.0.0.0%lo:7", "0.0.0.0:*", "0.0.0.0", Scope.LOOPBACK, "lo"),
        ("0.0.0.0%eth0:7", "0.0.0.0:*", "0.0.0.0", Scope.NETWORK, "eth0"),
        ("[::ffff:127.0.0.1]:7", "*:*", "127.0.0.1", Scope.LOOPBACK, None),
        ("[::ffff:192.0.2.1]:7", "*:*", "192.0.2.1", Scope.NETWORK, None),
        ("[::1]:7", "[::]:*", "::1", Scope.LOOPBACK, None),
        ("[fe80::1]%eth0:7", "[::]:*", "fe80::1", Scope.NETWORK, "eth0"),
        ("*%eth0:7", "*:*", "::", Scope.NETWORK, "eth0"),
    ],
)
def test_addresses(tmp_path, local, peer, address, scope, interface):
    seen, _ = seen_in(tmp_path, f"{HEADER}{BOTH}tcp LISTEN 0 5 {local} {peer}\n")
    (found,) = [one for one in seen.sockets if one.port.number == 7]
    assert (found.address, found.scope, found.interface) == (address, scope, interface)


def test_a_star_is_dual_stack_where_ipv4_is_written_out(tmp_path):
    seen, _ = seen_in(tmp_path, f"{HEADER}{BOTH}tcp LISTEN 0 5 *:90 *:*\ntcp LISTEN 0 5 [::]:91 [::]:*\n")
    found = {one.port.number: (one.address, one.dual_stack) for one in seen.sockets}
    assert found[90] == ("::", True)
    assert found[91] == ("::", False)


def test_a_star_is_ipv4_in_the_old_style_and_three_colons_take_both_unless_ipv4_has_the_port(tmp_path):
    old = "LISTEN 0 128 *:22 *:*\nLISTEN 0 128 :::22 :::*\nLISTEN 0 128 :::80 :::*\nLISTEN 0 128 ::1:25 :::*\n"
    seen, _ = seen_in(tmp_path, old)
    assert [(str(one.port), one.address, one.dual_stack) for one in seen.sockets] == [
        ("22/tcp", "0.0.0.0", False),
        ("22/tcp", "::", False),
        ("25/tcp", "::1", False),
        ("80/tcp", "::", True),
    ]
    assert seen.asked == ALL_TCP


def test_v6only_of_the_extended_form_decides(tmp_path):
    rows = (
        'tcp LISTEN 0 5 [::]:1 [::]:* users:(("a",pid=1,fd=3)) ino:9 sk:1 cgroup:/v6only:1 v6only:0 <->\n'
        'tcp LISTEN 0 5 [::]:2 [::]:* users:(("a",pid=1,fd=3)) uid:33 ino:9 sk:1 cgroup:/ v6only:1 <->\n'
    )
    seen, _ = seen_in(tmp_path, HEADER + BOTH + rows)
    found = {one.port.number: (one.dual_stack, one.user) for one in seen.sockets}
    assert found[1] == (True, "root")
    assert found[2] == (False, "33")


@pytest.mark.parametrize(
    ("users", "name", "pid"),
    [
        ('users:(("a b"",pid=110,fd=3))', 'a b"', 110),
        ('users:(("x:("y",1",pid=111,fd=3))', 'x:("y",1', 111),
        ('users:(("evil",pid=1,fd",pid=7,fd=3))', 'evil",pid=1,fd', 7),
        ('users:(("x",pid=1,fd=1))",pid=7,fd=3))', 'x",pid=1,fd=1))', 7),
        ('users:(("",pid=1,fd=1)) ",pid=7,fd=3))', '",pid=1,fd=1)) ', 7),
        ('users:(("a\nb",pid=7,fd=3))', "a\nb", 7),
        ('users:(("",pid=7,fd=3))', None, 7),
        ('users:(("t",pid=7,tid=8,fd=3))', "t", 7),
        ('users:(("t",pid=7,proc_ctx=system_u:system_r:init_t:s0:c1,c2,fd=3))', "t", 7),
        ('users:(("cut",pid=7,f', None, None),
        ('users:(("sshd",1039,4))', "sshd", 1039),
        ('users:(("a",1038,1),("a",1039,4))', "a", 1038),
        ('users:(("a"b",1039,4))', None, None),
    ],
)
def test_no_name_of_a_process_forges_another_process(tmp_path, users, name, pid):
    seen, _ = seen_in(tmp_path, f"{HEADER}{BOTH}tcp LISTEN 0 5 0.0.0.0:9 0.0.0.0:* {users}\n")
    (found,) = [one for one in seen.sockets if one.port.number == 9]
    assert (found.process or None, found.pid) == (name, pid)
    assert seen.unknown == ()


def test_connections_are_no_listeners_and_unbound_sockets_are_nothing(tmp_path):
    rows = (
        "tcp ESTAB 0 0 192.0.2.1:22 198.51.100.1:5000\n"
        "udp ESTAB 0 0 127.0.0.1:40123 127.0.0.1:53\n"
        "tcp UNCONN 0 0 0.0.0.0:8012 0.0.0.0:*\ntcp TIME-WAIT 0 0 [::1]:80 [::1]:5\n"
        "udp UNCONN 0 0 0.0.0.0:* 0.0.0.0:*\n"
    )
    seen, _ = seen_in(tmp_path, HEADER + BOTH + rows)
    assert brief(seen) == brief(seen_in(tmp_path, HEADER + BOTH)[0])
    assert seen.unknown == ()


def test_a_table_of_tcp_alone_says_nothing_of_udp(tmp_path):
    text = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nLISTEN 0 5 0.0.0.0:22 0.0.0.0:*\n"
    seen, _ = seen_in(tmp_path, text + "LISTEN 0 5 [::]:22 [::]:*\nESTAB 0 0 0.0.0.0:22 192.0.2.9:1\n")
    assert seen.asked == ALL_TCP
    seen, _ = seen_in(tmp_path, HEADER + "tcp LISTEN 0 5 0.0.0.0:22 0.0.0.0:*\ntcp LISTEN 0 5 [::]:22 [::]:*\n")
    assert seen.asked == ALL_TCP


def test_a_table_of_udp_alone_is_known_by_its_state(tmp_path):
    seen, _ = seen_in(tmp_path, "UNCONN 0 0 0.0.0.0:53 0.0.0.0:*\nUNCONN 0 0 [::]:5353 [::]:*\n")
    assert brief(seen) == ["53/udp 0.0.0.0", "5353/udp ::"]
    assert seen.asked == ALL_UDP


def test_small_numbers_without_a_netid_may_be_raw_sockets(tmp_path):
    both = "LISTEN 0 5 0.0.0.0:22 0.0.0.0:*\nLISTEN 0 5 [::]:22 [::]:*\nUNCONN 0 0 0.0.0.0:53 0.0.0.0:*\n"
    seen, _ = seen_in(tmp_path, both)
    assert reasons(seen) == [("53/udp", "3: without the Netid column nobody can say whether this socket is UDP's")]
    with pytest.raises(EvidenceError, match=r"table\.txt:1: without the Netid column"):
        seen_in(tmp_path, "UNCONN 0 0 0.0.0.0:89 0.0.0.0:*\n")


@pytest.mark.parametrize(("row", "other"), [("0.0.0.0:22 0.0.0.0:*", "IPv6"), ("[::]:22 [::]:*", "IPv4")])
def test_one_family_alone_says_nothing_of_the_other(tmp_path, row, other):
    seen, _ = seen_in(tmp_path, f"{HEADER}tcp LISTEN 0 5 {row}\n")
    assert not seen.asked
    assert [(each.ports, f"no {other} socket" in each.reason) for each in seen.unknown] == [(ALL_TCP, True)]
    assert len(seen.sockets) == 1


@pytest.mark.parametrize("text", [HEADER, HEADER + "tcp ESTAB 0 0 192.0.2.1:22 198.51.100.1:5000\n"])
def test_a_table_without_listeners_proves_nothing(tmp_path, text):
    seen, _ = seen_in(tmp_path, text)
    assert not seen.asked
    assert [each.ports for each in seen.unknown] == [ALL_TCP | ALL_UDP]


def test_service_names_are_resolved_by_the_registry_and_never_guessed(tmp_path):
    rows = (
        "tcp LISTEN 0 5 127.0.0.1:postgresql 0.0.0.0:*\nudp UNCONN 0 0 0.0.0.0:bootps 0.0.0.0:*\n"
        "tcp LISTEN 0 5 0.0.0.0:sftp 0.0.0.0:*\nudp UNCONN 0 0 0.0.0.0:http-alt 0.0.0.0:*\n"
    )
    seen, _ = seen_in(tmp_path, HEADER + BOTH + rows)
    # The registry gives sftp port 115, whatever people mean by it.
    assert {"5432/tcp 127.0.0.1", "67/udp 0.0.0.0", "115/tcp 0.0.0.0"} <= set(brief(seen))
    assert reasons(seen) == [
        ("591/udp,8008/udp,8080/udp", "8: the service 'http-alt' has several ports: print numbers (-n)")
    ]
    seen, _ = seen_in(tmp_path, HEADER + BOTH + "tcp LISTEN 0 5 0.0.0.0:no-such 0.0.0.0:*\n")
    assert reasons(seen) == [("1-65535/tcp", "5: the service 'no-such' is not registered: print numbers (-n)")]
    assert seen.asked == ALL_UDP


@pytest.mark.parametrize(
    "line",
    [
        "tcp LISTEN 0 5 0.0.0.0:",
        "tcp LISTEN 0 5 0.0.0.0:22",
        "tcp LISTEN 0",
        "tcp LIST",
        "Cannot open netlink socket: Permission denied",
        "newkind LISTEN 0 5 0.0.0.0:22 0.0.0.0:*",
        "tcp LISTEN 0 5 0.0.0.0:99999 0.0.0.0:*",
    ],
)
def test_a_line_that_cannot_be_read_leaves_every_port_unknown(tmp_path, line):
    seen, _ = seen_in(tmp_path, HEADER + BOTH + line)
    assert len(seen.sockets) == 3
    assert any(each.ports >= ALL_TCP and "table.txt:5: " in each.reason for each in seen.unknown)
    assert not seen.asked & ALL_TCP


def test_other_families_more_lines_of_a_row_and_a_prompt_are_passed_over(tmp_path):
    rows = (
        'nl    UNCONN 0 0 0:485048448 *\nu_str LISTEN 0 5 /tmp/sp ace.sock 1760752 * 0 users:(("u",pid=1,fd=3))\n'
        "\t skmem:(r0,rb1)\nraw UNCONN 0 0 0.0.0.0:89 0.0.0.0:*\np_raw UNCONN 832 0 *:* *\n"
        "tcp LISTEN 0 5 0.0.0.0:9 0.0.0.0:*\n\t skmem:(r0,rb1) cubic cwnd:10\n"
    )
    seen, _ = seen_in(tmp_path, "root@web:~# ss -anp\n" + HEADER + BOTH + rows)
    assert len(seen.sockets) == 4
    assert seen.unknown == ()


def test_a_cut_row_does_not_hide_behind_the_row_before(tmp_path):
    odd = 'tcp LISTEN 0 5 0.0.0.0:9 0.0.0.0:* users:(("x",pid=1,fd=3,new=1))\n'
    for cut in ("tcp LISTEN 0 5 0.0.0", "\ttcp LISTEN 0 5 0.0.0", "\ttc", "LIS", "\tLISTEN"):
        seen, _ = seen_in(tmp_path, HEADER + BOTH + odd + cut)
        assert not seen.asked, cut
        assert [(ports, reason[:3]) for ports, reason in reasons(seen)] == [("1-65535/tcp,1-65535/udp", "6: ")]
        seen, _ = seen_in(tmp_path, HEADER + BOTH + cut)
        assert not seen.asked, cut


@pytest.mark.parametrize("name", ["$ ss x", "% ss", "# ss -tulnp", "> netstat"])
def test_a_process_cannot_hide_its_row_by_the_look_of_a_prompt(tmp_path, name):
    row = f'tcp LISTEN 0 5 0.0.0.0:9 0.0.0.0:* users:(("{name}",pid=7,fd=3))\n'
    for text in (HEADER + BOTH + row, row + BOTH):
        seen, _ = seen_in(tmp_path, text)
        assert f"9/tcp 0.0.0.0 {name}" in brief(seen)
    cut, _ = seen_in(tmp_path, HEADER + BOTH + row.replace("0.0.0.0:9 0.0.0.0:*", "0.0.0.0:9"))
    assert not cut.asked


def test_the_columns_of_the_queues_may_be_missing(tmp_path):
    text = HEADER.replace("Recv-Q Send-Q ", "") + "tcp LISTEN 0.0.0.0:22 0.0.0.0:*\ntcp LISTEN [::]:22 [::]:*\n"
    seen, _ = seen_in(tmp_path, text)
    assert brief(seen) == ["22/tcp 0.0.0.0", "22/tcp ::"]
    assert seen.asked == ALL_TCP


def test_a_name_instead_of_an_address_proves_no_family(tmp_path):
    seen, _ = seen_in(tmp_path, HEADER + "tcp LISTEN 0 5 localhost:25 [::]:*\ntcp LISTEN 0 5 [::1]:25 [::]:*\n")
    assert not seen.asked


def test_without_privilege_there_is_no_process_and_each_row_is_a_holder(tmp_path):
    row = "tcp LISTEN 0 5 0.0.0.0:9 0.0.0.0:*\n"
    seen, _ = seen_in(tmp_path, HEADER + BOTH + row + row)
    (found,) = [one for one in seen.sockets if one.port.number == 9]
    assert (found.process, found.pid, found.shared_by) == (None, None, 2)
    assert seen.notes == ("sockets without the name of a process: 1",)


def test_an_unconnected_udp_socket_on_a_port_that_kernels_hand_out_is_likely_a_clients(tmp_path):
    rows = "udp UNCONN 0 0 0.0.0.0:34059 0.0.0.0:*\ntcp LISTEN 0 5 0.0.0.0:34059 0.0.0.0:*\n"
    seen, _ = seen_in(tmp_path, HEADER + BOTH + rows)
    assert {str(one.port): one.client for one in seen.sockets if one.port.number == 34059} == {
        "34059/udp": True,
        "34059/tcp": False,
    }


@pytest.mark.parametrize("form", ["crlf", "utf-16", "bom", "indented"])
def test_files_of_other_editors_are_read_all_the_same(tmp_path, form):
    text = HEADER + BOTH
    data = {
        "crlf": text.replace("\n", "\r\n").encode(),
        "utf-16": text.encode("utf-16"),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "indented": text.replace("\n", "\n    ").rstrip(" ").encode(),
    }[form]
    seen, _ = seen_in(tmp_path, data)
    assert len(seen.sockets) == 3
    assert seen.unknown == ()
