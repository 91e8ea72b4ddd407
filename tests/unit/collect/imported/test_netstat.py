import pytest

from auditor.errors import EvidenceError
from auditor.model.evidence import Scope
from auditor.model.ports import ALL_TCP, ALL_UDP
from tests.unit.collect.imported.tables import brief, reasons, seen_in

SERVERS = "Active Internet connections (only servers)\n"
COLUMNS = "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    \n"
LINUX = (
    SERVERS
    + COLUMNS
    + "tcp        0      0 127.0.0.1:25            0.0.0.0:*               LISTEN      71/master           \n"
    "tcp6       0      0 127.0.0.1:7003          :::*                    LISTEN      112/python          \n"
    "tcp6       0      0 :::22                   :::*                    LISTEN      40/sshd: /usr/sbin/ \n"
    "udp        0      0 0.0.0.0:5353            0.0.0.0:*                           123/python          \n"
    "udp        0      0 127.0.0.1:40123         127.0.0.1:53            ESTABLISHED 115/python          \n"
)
LISTED = ["22/tcp :: sshd", "25/tcp 127.0.0.1 master", "7003/tcp 127.0.0.1 python", "5353/udp 0.0.0.0 python"]


def test_the_table_of_linux(tmp_path):
    seen, evidence = seen_in(tmp_path, LINUX)
    assert brief(seen) == LISTED
    assert seen.asked == ALL_TCP | ALL_UDP
    assert seen.unknown == ()
    assert evidence.origin.tool == "netstat"
    assert [one.pid for one in seen.sockets] == [40, 71, 112, 123]


def test_other_sections_other_protocols_and_remarks_are_passed_over(tmp_path):
    rest = (
        "udpl       0      0 0.0.0.0:7012            0.0.0.0:*                           126/python\n"
        "raw6       0      0 :::58                   :::*                    7           125/python\n"
        "Active UNIX domain sockets (servers and established)\n"
        "Proto RefCnt Flags       Type       State         I-Node   PID/Program name     Path\n"
        "unix  2      [ ACC ]     STREAM LISTENING 1751890  71/postgres  /tmp/tcp 0 0 0.0.0.0:9 0.0.0.0:*\n"
    )
    remark = '(No info could be read for "-p": geteuid()=65534 but you should be root.)\n'
    seen, _ = seen_in(tmp_path, remark + LINUX + rest)
    assert brief(seen) == LISTED
    assert seen.unknown == ()


def test_without_privilege_there_is_no_process(tmp_path):
    row = "tcp        0      0 0.0.0.0:9            0.0.0.0:*               LISTEN      -                   \n"
    seen, _ = seen_in(tmp_path, LINUX + row)
    assert "9/tcp 0.0.0.0" in brief(seen)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("34/nginx: master pr", "nginx"),
        ("42/redis-server 127", "redis-server"),
        ("885/systemd-resolve", None),  # as wide as the column: it may be cut off
        ("87/memcached", "memcached"),
        ("1817931/zabbix_agen  off (0.00/0/0)", None),
        ("87/memcached         off (0.00/0/0)", "memcached"),
        ("-                    off (0.00/0/0)", None),
        ("-", None),
        ("7/$ ss x", "$"),
    ],
)
def test_a_title_stands_for_the_process_unless_it_may_be_cut_off(tmp_path, program, name):
    seen, _ = seen_in(tmp_path, LINUX + f"tcp 0 0 0.0.0.0:9 0.0.0.0:* LISTEN {program}\n")
    (found,) = [one for one in seen.sockets if one.port.number == 9]
    assert found.process == name


def test_a_title_with_a_newline_hides_no_row(tmp_path):
    row = "tcp 0 0 0.0.0.0:9 0.0.0.0:* LISTEN 7/\nActive sockets x\ntcp 0 0 0.0.0.0:10 0.0.0.0:* LISTEN -\n"
    seen, _ = seen_in(tmp_path, LINUX + row)
    assert {"9/tcp 0.0.0.0", "10/tcp 0.0.0.0"} <= set(brief(seen))
    assert not seen.asked


def test_users_are_told_by_the_extended_form(tmp_path):
    rows = "tcp 0 0 0.0.0.0:9 0.0.0.0:* LISTEN bind 1751920 75/named\n"
    rows += "udp 0 0 0.0.0.0:9 0.0.0.0:* root 20830 1029/dhclient\n"
    seen, _ = seen_in(tmp_path, LINUX + rows)
    found = {str(one.port): (one.user, one.process) for one in seen.sockets if one.port.number == 9}
    assert found == {"9/tcp": ("bind", "named"), "9/udp": ("root", "dhclient")}


def test_names_are_resolved_where_they_are_registered_and_unknown_otherwise(tmp_path):
    rows = "tcp 0 0 localhost:smtp 0.0.0.0:* LISTEN\ntcp 0 0 web-1:ssh 0.0.0.0:* LISTEN\n"
    seen, _ = seen_in(tmp_path, LINUX + rows)
    assert "25/tcp 127.0.0.1" in brief(seen)
    assert reasons(seen) == [("22/tcp", "9: 'web-1' is not an address: print numbers (-n)")]


def test_an_address_that_linux_cut_off_is_a_listener_of_the_network_all_the_same(tmp_path):
    row = "tcp6       0      0 2001:db8:aaaa:bbbb:5432 :::*                    LISTEN      71/postgres\n"
    seen, _ = seen_in(tmp_path, LINUX + row)
    (found,) = [one for one in seen.sockets if one.port.number == 5432]
    assert (found.address, found.scope) == ("2001:db8:aaaa:bbbb…", Scope.NETWORK)


@pytest.mark.parametrize("title", ["Active Internet connections (w/o servers)", "Active Internet connections"])
def test_a_list_of_connections_is_refused(tmp_path, title):
    with pytest.raises(EvidenceError, match=r"table\.txt:1: a list of connections, without the sockets that listen"):
        seen_in(tmp_path, f"{title}\ntcp 0 0 192.0.2.1:22 198.51.100.1:1 ESTABLISHED\n")


@pytest.mark.parametrize(
    "row", ["tcp 0 0 0.0.0.0:", "tcp 0 0 0.0.0.0:22", "tc", "netstat: no support for `AF INET6' on this system."]
)
def test_a_line_that_cannot_be_read_leaves_every_port_unknown(tmp_path, row):
    seen, _ = seen_in(tmp_path, LINUX + row)
    assert len(seen.sockets) == 4
    assert [(each.ports, ":8: " in each.reason) for each in seen.unknown] == [(ALL_TCP | ALL_UDP, True)]


def test_tcp_alone_and_ipv4_alone_say_nothing_of_the_rest(tmp_path):
    seen, _ = seen_in(tmp_path, SERVERS + "tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN\n")
    assert not seen.asked
    assert [each.ports for each in seen.unknown] == [ALL_TCP]
    seen, _ = seen_in(tmp_path, "tcp 0 0 0.0.0.0:22 0.0.0.0:* LISTEN\ntcp6 0 0 :::22 :::* LISTEN\n")
    assert seen.asked == ALL_TCP


BSD = (
    "Active Internet connections (including servers)\n"
    "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)    \n"
    "tcp46      0      0  *.80                   *.*                    LISTEN     \n"
    "tcp4       0      0  *.22                   *.*                    LISTEN     \n"
    "tcp6       0      0  *.22                   *.*                    LISTEN     \n"
    "tcp4       0      0  127.0.0.1.631          *.*                    LISTEN     \n"
    "tcp6       0      0  fe80::1%lo0.53         *.*                    LISTEN     \n"
    "tcp6       0      0  ::1.25                 *.*                    LISTEN     \n"
    "tcp4       0      0  192.168.1.5.54860      140.82.113.26.443      ESTABLISHED\n"
    "tcp4       0      0  *.9999                 *.*                    CLOSED     \n"
    "udp4       0      0  *.5353                 *.*                               \n"
    "udp4       0      0  *.*                    *.*                               \n"
    "udp4       0      0  192.168.1.5.60000      8.8.8.8.53                        \n"
    "icm6       0      0  *.*                    *.*                               \n"
)


def test_the_table_of_bsd_and_macos(tmp_path):
    seen, _ = seen_in(tmp_path, BSD)
    assert [(str(one.port), one.address, one.scope.value, one.dual_stack) for one in seen.sockets] == [
        ("22/tcp", "0.0.0.0", "network", False),
        ("22/tcp", "::", "network", False),
        ("25/tcp", "::1", "loopback", False),
        ("53/tcp", "fe80::1", "loopback", False),
        ("80/tcp", "::", "network", True),
        ("631/tcp", "127.0.0.1", "loopback", False),
        ("5353/udp", "0.0.0.0", "network", False),
    ]
    assert seen.asked == ALL_TCP | ALL_UDP
    assert seen.unknown == ()


def test_a_text_as_wide_as_bsds_column_may_have_lost_a_part_of_the_port(tmp_path):
    seen, _ = seen_in(tmp_path, BSD + "tcp6       0      0  2600:1700:bab0:d40::.8 *.*                    LISTEN\n")
    assert [each.ports for each in seen.unknown] == [ALL_TCP]
    assert ":15: the address may be cut off" in seen.unknown[0].reason


WINDOWS = (
    "\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State           PID\r\n"
    "  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       1712\r\n"
    "  TCP    127.0.0.1:5354         0.0.0.0:0              LISTENING       4\r\n"
    "  TCP    192.0.2.7:139          198.51.100.2:4711      ESTABLISHED     4\r\n"
    "  TCP    0.0.0.0:50999          0.0.0.0:0              BOUND           77\r\n"
    "  TCP    [::]:135               [::]:0                 LISTENING       1712\r\n"
    "  UDP    0.0.0.0:500            *:*                                    3944\r\n"
    "  UDP    [fe80::1%12]:1900      *:*                                    3945\r\n"
)
OF_WINDOWS = [
    "135/tcp 0.0.0.0",
    "135/tcp ::",
    "5354/tcp 127.0.0.1",
    "500/udp 0.0.0.0",
    "1900/udp fe80::1%12",
]


def test_the_table_of_windows(tmp_path):
    seen, evidence = seen_in(tmp_path, WINDOWS)
    assert brief(seen) == OF_WINDOWS
    assert [one.pid for one in seen.sockets] == [1712, 1712, 4, 3944, 3945]
    assert seen.asked == ALL_TCP | ALL_UDP
    assert evidence.origin.tool == "netstat of Windows"


@pytest.mark.parametrize("encoding", ["utf-8", "cp850", "utf-16"])
def test_windows_speaks_other_languages_in_other_encodings(tmp_path, encoding):
    german = (
        WINDOWS.replace("LISTENING", "ABHÖREN  ")
        .replace("ESTABLISHED", "HERGESTELLT")
        .replace("BOUND", "GEBUNDEN")
        .replace("Active Connections", "Aktive Verbindungen")
        .replace(
            "Local Address          Foreign Address        State ",
            "Lokale Adresse         Remoteadresse         Status",
        )
    )
    seen, _ = seen_in(tmp_path, german.encode(encoding))
    assert brief(seen) == OF_WINDOWS
    assert seen.unknown == ()


def test_the_lines_after_a_row_name_its_program(tmp_path):
    text = WINDOWS.replace("1712\r\n", "1712\r\n  RpcSs\r\n [svchost.exe]\r\n").replace(
        "3944\r\n", "3944\r\n Can not obtain ownership information\r\n"
    )
    seen, _ = seen_in(tmp_path, text)
    assert brief(seen)[:2] == ["135/tcp 0.0.0.0 svchost.exe", "135/tcp :: svchost.exe"]
    assert seen.unknown == ()


@pytest.mark.parametrize("row", ["  TCP    0.0.0.0:1", "  TC", "  TCP    0.0.0.0:445     0.0.0.0", "end"])
def test_a_row_of_windows_that_breaks_off_leaves_every_port_unknown(tmp_path, row):
    seen, _ = seen_in(tmp_path, WINDOWS + row)
    assert [each.ports for each in seen.unknown] == [ALL_TCP | ALL_UDP]
    assert ":12: " in seen.unknown[0].reason
