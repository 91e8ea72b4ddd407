"""What ss, lsof and netstat print here is read as what this project's own reader of the kernel's tables reports."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from auditor.collect.registry import open_evidence
from auditor.collect.sockets import listening
from auditor.model.ports import ALL_TCP, ALL_UDP
from tests.live.test_sockets_live import EVERY_FORM, v4, v6, zoo

pytestmark = pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone")

SOCKETS = (*EVERY_FORM, v4(8021, "127.0.0.1", kind="SOCK_DGRAM"), v6(8022, "::1", kind="SOCK_DGRAM"))


def printed(folder, *command):
    """Run a tool and read what it prints, with the sockets that our own reader sees at the same time."""
    if shutil.which(command[0]) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{command[0]} is not installed")
    ended = subprocess.run(command, capture_output=True, check=True, timeout=60)
    path = folder / "table"
    path.write_bytes(ended.stdout)
    (seen,) = open_evidence(str(path))
    (own,) = listening(all_namespaces=False)
    return seen, own


def everything(seen):
    return {
        (
            str(one.port),
            one.address,
            one.scope,
            one.interface,
            one.dual_stack,
            one.client,
            one.process,
            one.pid,
            one.shared_by,
        )
        for one in seen.sockets
    }


def ends(seen):
    return {(str(one.port), one.address, one.client) for one in seen.sockets}


HOSTILE = 'x",pid=1,fd=1))'


@pytest.mark.parametrize("flags", [("-tulnp",), ("-H", "-tulnpe"), ("-tuanp",), ("-tulnpeimO",), ("-tulnpeim",)])
def test_ss_shows_what_we_see(tmp_path, flags):
    with zoo(*SOCKETS, name="menagerie", children=3), zoo(v4(8030), v6(8031), name=HOSTILE):
        seen, own = printed(tmp_path, "ss", *flags)
    assert len(own.sockets) >= 17
    assert seen.unknown == ()
    assert seen.asked == ALL_TCP | ALL_UDP
    # ss takes the name of a process to end at its first closing bracket.
    ours = {(*each[:6], each[6].partition(")")[0] if each[6] else None, *each[7:]) for each in everything(own)}
    assert everything(seen) == ours


def test_ss_of_one_protocol_or_family_says_nothing_of_the_rest(tmp_path):
    with zoo(*SOCKETS):
        tcp, _ = printed(tmp_path, "ss", "-tln")
        udp, _ = printed(tmp_path, "ss", "-uln")
        ipv4, _ = printed(tmp_path, "ss", "-4tuln")
        connected, _ = printed(tmp_path, "ss", "-tun")
    assert (tcp.asked, udp.asked) == (ALL_TCP, ALL_UDP)
    assert not ipv4.asked
    assert ipv4.sockets
    assert not connected.asked


@pytest.mark.parametrize("flags", ["-tulpn", "-tulpnW", "-anp", "-tulpen"])
def test_netstat_shows_what_we_see_but_devices(tmp_path, flags):
    with zoo(*SOCKETS, name="menagerie"):
        seen, own = printed(tmp_path, "netstat", flags)
    assert ends(seen) == ends(own)
    assert seen.unknown == ()
    assert seen.asked == ALL_TCP | ALL_UDP
    assert {one.pid for one in seen.sockets} == {one.pid for one in own.sockets}


@pytest.mark.parametrize(
    "flags", [("-i", "-nP"), ("+c0", "-i", "-nP"), ("-i", "-nP", "-F"), ("-i", "-nP", "-F", "0pcLtPnT")]
)
def test_lsof_shows_what_processes_hold(tmp_path, flags):
    with zoo(*SOCKETS, name="animals", children=3) as held:
        seen, own = printed(tmp_path, "lsof", *flags)
    assert ends(seen) == ends(own)
    assert not seen.asked
    of_zoo = [one for one in seen.sockets if one.port.number == 8001]
    assert [(one.process, one.pid, one.shared_by) for one in of_zoo] == [("animals", held["pid"], 4)]
