import pytest

from auditor.model.ports import ALL_TCP
from tests.unit.collect.imported.tables import brief, reasons, seen_in

HEADER = "COMMAND   PID     USER   FD   TYPE  DEVICE SIZE/OFF    NODE NAME\n"
ROWS = (
    "nginx      34     root    5u  IPv6 1760627      0t0     TCP *:80 (LISTEN)\n"
    "nginx      35 www-data    5u  IPv6 1760627      0t0     TCP *:80 (LISTEN)\n"
    "nginx      35 www-data    6u  IPv6 1760627      0t0     TCP *:80 (LISTEN)\n"
    "named      75     bind   31u  IPv4 1751922      0t0     UDP 198.51.100.10:53 \n"
    "client    115     root    4u  IPv4 1760741      0t0     UDP 127.0.0.1:40123->127.0.0.1:53 \n"
    "sshd     4314     root    3u  IPv4   44866      0t0     TCP 192.0.2.1:22->192.168.71.1:58727 (ESTABLISHED)\n"
    "unbound   116     root    4u  IPv4 1760741      0t0     UDP *:* \n"
)
SSHD = "sshd 1 root 3u IPv4 1 0t0 TCP *:22 (LISTEN)\nsshd 1 root 3u IPv6 1 0t0 TCP *:22 (LISTEN)\n"
BLIND = (
    "1-65535/tcp,1-65535/udp",
    "lsof shows what processes hold, and neither the kernel's own sockets nor, without privilege, other users'",
)


def test_one_socket_of_many_descriptors_and_forks_is_one(tmp_path):
    seen, evidence = seen_in(tmp_path, HEADER + ROWS)
    assert brief(seen) == ["80/tcp :: nginx", "53/udp 198.51.100.10 named"]
    assert [(one.pid, one.user, one.shared_by, one.dual_stack) for one in seen.sockets] == [
        (34, "root", 2, True),
        (75, "bind", 1, False),
    ]
    assert evidence.origin.tool == "lsof"


def test_what_lsof_does_not_show_stays_unknown(tmp_path):
    seen, _ = seen_in(tmp_path, HEADER + ROWS)
    assert not seen.asked
    assert reasons(seen) == [BLIND]
    seen, _ = seen_in(tmp_path, HEADER + SSHD)
    assert [each.ports for each in seen.unknown] == [ALL_TCP]


def test_the_form_of_macos(tmp_path):
    rows = (
        "COMMAND     PID    USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME\n"
        "rapportd    512 someone    4u  IPv4 0x7d9e1f2a3b4c5d6e      0t0  TCP *:49152 (LISTEN)\n"
        "Google\\x20Chrome 600 someone 20u IPv4 0x7d9e1f2a3b4c5d6f 0t0  UDP 224.0.0.251:5353\n"
        "ssh         700 someone    3u  IPv6 0x7d9e1f2a3b4c5d70      0t0  TCP [fe80:4::1]:8000 (LISTEN)\n"
    )
    seen, _ = seen_in(tmp_path, rows)
    assert brief(seen) == ["8000/tcp fe80:4::1 ssh", "49152/tcp 0.0.0.0 rapportd", "5353/udp 224.0.0.251 Google Chrome"]


@pytest.mark.parametrize("name", ["$\\x20ss", "$"])
def test_a_process_cannot_hide_its_row_by_the_look_of_a_prompt(tmp_path, name):
    seen, _ = seen_in(tmp_path, HEADER + f"{name} 7 ss 3u IPv4 1 0t0 TCP *:9 (LISTEN)\n" + ROWS)
    assert "9/tcp 0.0.0.0 " + name.replace("\\x20", " ") in brief(seen)


def test_names_that_may_be_cut_off_are_no_names(tmp_path):
    cut = HEADER + "redis-ser  42     root    6u  IPv4 1751861      0t0     TCP 127.0.0.1:6379 (LISTEN)\n"
    seen, _ = seen_in(tmp_path, cut)
    assert brief(seen) == ["6379/tcp 127.0.0.1"]
    assert seen.sockets[0].pid == 42
    assert "lsof cuts names of processes off after nine characters: ask for all of them (+c0)" in seen.notes
    whole = cut + "redis-server  48     root    6u  IPv4 1760651      0t0     TCP *:6390 (LISTEN)\n"
    seen, _ = seen_in(tmp_path, whole)
    assert brief(seen) == ["6379/tcp 127.0.0.1 redis-ser", "6390/tcp 0.0.0.0 redis-server"]


def test_other_files_and_remarks_are_passed_over_and_cannot_pose_as_sockets(tmp_path):
    rows = (
        "systemd      1         root  cwd   unknown             /proc/1/cwd (readlink: Permission denied)\n"
        "systemd      1         root NOFD             /proc/1/fd (opendir: Permission denied)\n"
        "cat         99         root    3r   REG 8,1 0 123 /tmp/x 1 root 3u IPv4 1 0t0 TCP *:666 (LISTEN)\n"
        "odd        125         root    3u   raw               0t0 1760 00000000:0059->00000000:0000 st=07\n"
        "odd        126         root    3u  IPv4 1752010      0t0 UDPLITE *:7012 \n"
        "unix       127         root    3u  unix 0xffff      0t0 1752010 /tmp/a type=STREAM\n"
        "lsof: WARNING: can't stat() fuse.portal file system /run/user/1000/doc\n"
        "      Output information may be incomplete.\n"
    )
    seen, _ = seen_in(tmp_path, HEADER + ROWS + rows)
    assert brief(seen) == ["80/tcp :: nginx", "53/udp 198.51.100.10 named"]
    assert reasons(seen) == [BLIND]


@pytest.mark.parametrize(
    ("row", "ports"),
    [
        ("x 1 root 3u IPv4 1 0t0 TCP *:80", "80/tcp"),
        ("x 1 root 3u IPv4 1 0t0 TCP *:80 (LIS", "1-65535/tcp"),
        ("x 1 root 3u IPv4 1 0t0 TCP", "1-65535/tcp,1-65535/udp"),
        ("x 1 root 3u IP", "1-65535/tcp,1-65535/udp"),
        ("x 1 root 3u IPv4 1 0t0 TCP somewhere:80 (LISTEN)", "80/tcp"),
        ("x 1 root 3u IPv4 1 0t0 UDP *:no-such ", "1-65535/udp"),
        ("hello", "1-65535/tcp,1-65535/udp"),
    ],
)
def test_a_row_that_cannot_be_read_leaves_its_ports_unknown_and_says_where(tmp_path, row, ports):
    seen, _ = seen_in(tmp_path, HEADER + ROWS + row)
    assert any(str(each.ports) == ports and "table.txt:9: " in each.reason for each in seen.unknown)


FIELDS = (
    "p34\ncnginx\nu0\nLroot\nf4\ntIPv4\nd1\nPTCP\nn*:80\nTST=LISTEN\nTQR=0\nf5\ntIPv6\nPTCP\nn[::1]:81\nTST=LISTEN\n"
    "f6\ntREG\nn/etc/passwd\np75\ncnamed\nLbind\nf3\ntIPv4\nPUDP\nn127.0.0.1:53\nf4\ntIPv4\nPUDP\nn127.0.0.1:9->127.0.0.1:53\n"
)
WANTED = ["80/tcp 0.0.0.0 nginx", "81/tcp ::1 nginx", "53/udp 127.0.0.1 named"]


def test_fields_are_read_set_by_set(tmp_path):
    seen, evidence = seen_in(tmp_path, FIELDS)
    assert brief(seen) == WANTED
    assert [one.user for one in seen.sockets] == ["root", "root", "bind"]
    assert reasons(seen) == [BLIND]
    assert evidence.origin.tool == "lsof -F"


def test_fields_that_end_with_nul_are_read_also_without_descriptors(tmp_path):
    ended = (
        b"p34\0cnginx\0\ntIPv4\0PTCP\0n*:80\0TST=LISTEN\0\ntIPv6\0PTCP\0n[::1]:81\0TST=LISTEN\0\n"
        b"p75\0cnamed\0\ntIPv4\0PUDP\0n127.0.0.1:53\0\n"
    )
    seen, _ = seen_in(tmp_path, ended)
    assert brief(seen) == WANTED


def test_fields_without_descriptors_begin_anew_where_one_is_repeated(tmp_path):
    seen, _ = seen_in(tmp_path, "".join(line + "\n" for line in FIELDS.split("\n") if line and line[0] != "f"))
    assert brief(seen) == WANTED


def test_fields_that_leave_out_the_protocol_or_the_state_leave_the_port_unknown(tmp_path):
    seen, _ = seen_in(tmp_path, FIELDS + "p9\ncx\nf3\ntIPv4\nn*:7000\nf4\ntIPv4\nPTCP\nn*:7001\n")
    assert [(each[0], each[1].partition(": ")[2]) for each in reasons(seen)[:2]] == [
        ("7001/tcp", "lsof does not tell the state of this socket"),
        ("7000/tcp,7000/udp", "lsof does not tell the protocol of this socket"),
    ]
    assert not seen.asked
