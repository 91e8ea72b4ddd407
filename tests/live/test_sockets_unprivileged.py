"""What an ordinary user is shown: every socket, its own processes, and that those of others are hidden."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.cli.app import run
from auditor.collect.sockets import listening
from auditor.collect.sockets.nat.reading import may_translate
from auditor.model.ports import ALL_TCP, ALL_UDP, PortSet

UID_MAP = [int(number) for number in Path("/proc/self/uid_map").read_text().split()]
pytestmark = [
    pytest.mark.skipif(os.environ.get("AUDITOR_ISOLATED") != "1", reason="runs inside tests/isolated alone"),
    pytest.mark.skipif(sum(UID_MAP[2::3]) < 2, reason="there is only one user in this user namespace"),
]

NOBODY = 65534
PR_SET_DUMPABLE, PR_SET_NAME = 4, 15  # prctl(2)
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


@contextmanager
def as_nobody(function):
    """Call in a child that has become an ordinary user; yields its pid and what it returned. It lives on until the end.

    A fork rather than a fresh interpreter, as that may lie where such a user may not look.
    """
    results, life = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            let_go_of_all_but(results[1], life[0])
            become_nobody()
            os.write(results[1], json.dumps(function()).encode())
            os.close(results[1])
            os.read(life[0], 1)
        finally:
            os._exit(0)
    os.close(results[1])
    os.close(life[0])
    try:
        with open(results[0], "rb") as answer:  # noqa: PTH123
            yield pid, json.loads(answer.read())
    finally:
        os.close(life[1])
        os.waitpid(pid, 0)


def let_go_of_all_but(*kept: int) -> None:
    """Close what a fork inherits: a listening socket among it would be the child's too."""
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number not in kept:
            with contextlib.suppress(OSError):
                os.close(number)


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as after an exec: else even its own folder in /proc is root's
    libc.prctl(PR_SET_NAME, b"nobodys", 0, 0, 0)


def look() -> dict:
    (seen,) = listening()
    rows = [
        [str(each.port), each.dual_stack, each.process, each.pid, each.user, each.netns is None]
        for each in seen.sockets
    ]
    unknown = [(str(each.ports), each.reason) for each in seen.unknown]
    return {"notes": seen.notes, "asked": str(seen.asked), "rows": rows, "unknown": unknown}


def command(*arguments: str) -> tuple[int, str]:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = run(arguments)
    return code, output.getvalue()


def told_nobody(*arguments: str) -> tuple[int, dict]:
    command(*arguments)  # loads what the child may not be allowed to load
    with as_nobody(lambda: command(*arguments)) as (_, (code, text)):
        return code, json.loads(text)["ports"][0]


def listener(port: int, *, dual: bool = False, options=()) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if dual else socket.AF_INET)
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    made.bind(("::" if dual else "0.0.0.0", port))
    made.listen()
    return made


def test_every_socket_is_shown_with_its_user_and_others_processes_are_said_to_be_hidden():
    kept = []

    def hold() -> None:
        kept.append(listener(8201))

    look()
    with listener(8200, dual=True), as_nobody(hold) as (pid, _), as_nobody(look) as (_, seen):
        rows = {row[0]: row[1:] for row in seen["rows"]}
    assert rows["8200/tcp"] == [True, None, None, "root", True]
    assert rows["8201/tcp"] == [False, "nobodys", pid, "nobody", True]
    assert seen["asked"] == str(ALL_TCP | ALL_UDP)
    assert "processes of other users are hidden: run as root (sockets without a process in sight: 1)" in seen["notes"]
    if may_translate():
        ((ports, reason),) = seen["unknown"]
        assert reason.startswith("the rules of address translation (NAT) are shown to root alone")
        assert PortSet.parse(ports) == (ALL_TCP | ALL_UDP) - PortSet.parse("8200/tcp,8201/tcp")
    else:
        assert seen["unknown"] == []


def test_a_namespace_that_may_not_be_entered_is_read_from_outside():
    kept = []

    def hold_elsewhere() -> int:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            return ctypes.get_errno()
        kept.extend([listener(8202), listener(8203, dual=True)])
        return 0

    look()
    with as_nobody(hold_elsewhere) as (pid, error), as_nobody(look) as (_, seen):
        if error:
            pytest.skip(f"an ordinary user may make no namespaces here: {os.strerror(error)}")
    elsewhere = [row[:4] for row in seen["rows"] if not row[5]]
    assert elsewhere == [["8202/tcp", False, "nobodys", pid], ["8203/tcp", True, "nobodys", pid]]


def test_a_low_port_is_privileged_and_is_said_to_be_taken_all_the_same():
    with listener(81):
        code, facts = told_nobody("port", "81", "-o", "json", "--check")
    assert code == 1
    assert {each["outcome"] for each in facts["binds"]} == {"privileged"}
    assert all("in use by an unseen process (user root)" in each["why"] for each in facts["binds"])
    assert facts["steps"][0] == "run this as root to see whose process it is"
    assert facts["next_free"] == "8081/tcp"


def test_a_port_of_another_user_cannot_be_shared():
    with listener(8204, options=[socket.SO_REUSEPORT]):
        code, facts = told_nobody("port", "8204", "-o", "json")
    assert code == 0
    assert not any(each["sharable"] for each in facts["binds"])
