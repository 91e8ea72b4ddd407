import pytest

from auditor.errors import EvidenceError
from tests.unit.collect.declared.firewall.reading import of, opened, undecided

HEAD = """Status: active
Logging: on (low)
Default: {default} (incoming), allow (outgoing), disabled (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
"""
V4, V6 = "0.0.0.0/0", "::/0"


def let(rows, default="deny"):
    return [(ports, sources) for ports, sources, _, _ in opened("ufw", HEAD.format(default=default) + rows + "\n\n")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("22/tcp                     ALLOW IN    Anywhere", [("22/tcp", V4)]),
        ('22/tcp (v6)                LIMIT IN    Anywhere (v6)   # say "ALLOW IN Anywhere"', [("22/tcp", V6)]),
        ("53                         ALLOW IN    10.0.0.0/8", [("53/tcp,53/udp", "10.0.0.0/8")]),
        ("7000:7003/udp              ALLOW IN    Anywhere      (log)", [("7000-7003/udp", V4)]),
        ("80,443/tcp (Nginx Full)    ALLOW IN    Anywhere", [("80/tcp,443/tcp", V4)]),
        ("80,443/tcp (Nginx Full (v6)) ALLOW IN  Anywhere (v6)", [("80/tcp,443/tcp", V6)]),
        ("OpenSSH                    ALLOW       Anywhere", [("22/tcp", V4)]),
        ("Anywhere/tcp               ALLOW IN    Anywhere/tcp", [("1-65535/tcp", V4)]),
        ("Anywhere                   ALLOW IN    10.0.0.0/8/udp", [("1-65535/udp", "10.0.0.0/8")]),
        ("Anywhere                   ALLOW IN    10.0.0.7/tcp", [("1-65535/tcp", "10.0.0.7")]),
        ("22/tcp                     ALLOW IN    10.0.0.7 1024:65535/tcp", [("22/tcp", "10.0.0.7")]),
        ("Anywhere                   ALLOW IN    53/udp", [("1-65535/udp", V4)]),
        ("25/tcp                     ALLOW OUT   Anywhere   (out)", []),
        ("172.20.0.2 80/tcp on br0   ALLOW FWD   Anywhere on ext0", []),
        ("22/tcp                     DENY IN     Anywhere", []),
        ("10.0.0.1/esp               ALLOW IN    Anywhere", []),
    ],
)  # fmt: skip
def test_a_row_lets_through_what_it_says(row, expected):
    assert let(row) == expected
    assert undecided("ufw", HEAD.format(default="deny") + row + "\n\n") == []


def test_an_address_of_the_host_is_told_with_its_protocol():
    text = HEAD.format(default="deny") + "192.0.2.1/tcp   ALLOW IN   Anywhere\n\n"
    assert opened("ufw", text) == [("1-65535/tcp", V4, "192.0.2.1", None)]
    assert undecided("ufw", text) == []


def test_the_first_row_that_fits_counts():
    assert let("22/tcp  DENY IN  10.0.0.0/8\n22/tcp  ALLOW IN  10.0.0.0/7\n") == [("22/tcp", "11.0.0.0/8")]


def test_an_interface_lets_in_whoever_is_behind_it():
    rows = "53/udp on eth1  ALLOW IN  Anywhere\n53/udp (v6) on eth1  ALLOW IN  Anywhere (v6)\n"
    found = opened("ufw", HEAD.format(default="deny") + rows + "\n")
    assert {group for _, _, _, group in found} == {"whoever comes in at eth1"}


def test_a_default_that_allows_and_an_inactive_firewall_let_everything_through():
    assert let("22/tcp  DENY IN  Anywhere\n22/tcp (v6)  DENY IN  Anywhere (v6)\n", "allow") == [
        ("1-21/tcp,23-65535/tcp,1-65535/udp", None)
    ]
    assert opened("ufw", "Status: inactive\n") == [("1-65535/tcp,1-65535/udp", None, None, None)]


def test_without_verbose_the_default_is_not_known():
    text = "Status: active\n\nTo                    Action      From\n--    ------   ----\n22/tcp  ALLOW  Anywhere\n\n"
    assert opened("ufw", text) == [("22/tcp", V4, None, None)]
    ((ports, reason),) = undecided("ufw", text)
    assert ports == "1-65535/tcp,1-65535/udp"
    assert "ufw status verbose" in reason


def test_an_application_that_nobody_knows_is_undecided():
    text = HEAD.format(default="deny") + "My Own App   ALLOW   Anywhere\n\n"
    ((_, reason),) = undecided("ufw", text)
    assert reason.startswith("fw.txt:8:1: cannot be decided (the ports of the application are not said")


def test_a_summary_keeps_nothing_out():
    assert [str(seen.guarded) for seen in of("ufw", HEAD.format(default="deny") + "22/tcp ALLOW IN Anywhere\n\n")] == [
        ""
    ]


def test_another_line_is_an_error_with_its_place():
    with pytest.raises(EvidenceError, match=r"fw\.txt:2:1: this line is not what ufw prints"):
        of("ufw", "Status: active\nwhat is this\n")
