"""A process that holds sockets as told, for tests that look at it from outside.

Reads one line of JSON from its standard input: ``name`` (of the process, as Latin-1), ``children`` (how many to fork
after binding), ``user`` (a uid to become after binding), ``inside`` (a file that leads into a network namespace,
entered only to make the sockets) and ``sockets``. Writes one line of JSON: its pid, its children's, and where each
socket is. Ends with its standard input.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import threading

PR_SET_NAME = 15  # prctl(2)
CLONE_NEWNET = 0x40000000


def made(spec: dict) -> socket.socket:
    made = socket.socket(
        getattr(socket, spec.get("family", "AF_INET")), getattr(socket, spec.get("kind", "SOCK_STREAM"))
    )
    if "v6only" in spec:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, spec["v6only"])
    if "device" in spec:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, spec["device"].encode())
    for option in spec.get("options", ()):
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
    made.bind((spec["address"], spec["port"]))
    if made.type == socket.SOCK_STREAM and spec.get("listen", True):
        made.listen()
    return made


def all_made(told: dict) -> list[socket.socket]:
    if "inside" not in told:
        return [made(spec) for spec in told["sockets"]]
    result: list[socket.socket] = []

    def enter_and_make() -> None:
        with open(told["inside"], "rb") as door:  # noqa: PTH123
            if ctypes.CDLL(None, use_errno=True).setns(door.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        result.extend(made(spec) for spec in told["sockets"])

    thread = threading.Thread(target=enter_and_make)
    thread.start()
    thread.join()
    return result


def main() -> None:
    told = json.loads(sys.stdin.readline())
    held = all_made(told)
    ctypes.CDLL(None).prctl(PR_SET_NAME, told.get("name", "zoo").encode("latin-1"), 0, 0, 0)
    if "user" in told:
        os.setgroups([])
        os.setresgid(told["user"], told["user"], told["user"])
        os.setresuid(told["user"], told["user"], told["user"])
    children = []
    for _ in range(told.get("children", 0)):
        pid = os.fork()
        if pid == 0:
            sys.stdin.read()
            os._exit(0)
        children.append(pid)
    where = [each.getsockname()[:2] for each in held]
    sys.stdout.write(json.dumps({"pid": os.getpid(), "children": children, "where": where}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    for child in children:
        os.waitpid(child, 0)


main()
