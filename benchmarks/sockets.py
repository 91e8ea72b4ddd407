"""Times ``auditor sockets`` beside ``ss -tulnp`` on a machine with thousands of sockets, and compares what they show.

Both are whole processes, one after the other in turn, so that what else the machine does meets both. Run it through
``tests/isolated``: the sockets belong to a network namespace of their own.

Usage: tests/isolated python benchmarks/sockets.py [SOCKETS ROUNDS]      (default: 10000 15)
"""

import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

FIRST = 5000
PER_PORT = 2
HIGHEST_LIMIT = 19_000
AUDITOR = [str(Path(sys.executable).with_name("auditor")), "sockets"]
SS = ["ss", "-tulnp"]


def hold(count: int) -> list[socket.socket]:
    """Listen on TCP and receive on UDP, half each, on all addresses."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(HIGHEST_LIMIT, count + 100),) * 2)
    held = []
    for number in range(count):
        kind = (socket.SOCK_STREAM, socket.SOCK_DGRAM)[number % PER_PORT]
        made = socket.socket(socket.AF_INET, kind)
        made.bind(("127.0.0.1", FIRST + number // PER_PORT))
        if kind == socket.SOCK_STREAM:
            made.listen()
        held.append(made)
    return held


def timed(command: list[str]) -> tuple[float, str]:
    """Run a program to its end: seconds and output."""
    started = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def places(output: str, column: int) -> set[tuple[str, str]]:
    """Protocol and address with port of each row, whichever of the two printed it."""
    rows = (line.split() for line in output.splitlines())
    return {(row[0], row[column]) for row in rows if row and row[0] in ("tcp", "udp")}


def main() -> None:
    """Print medians, the ratio of each round, and whether both show the same."""
    count, rounds = (int(text) for text in (sys.argv[1:] or ["10000", "15"]))
    held = hold(count)
    times: dict[str, list[float]] = {"ss": [], "auditor": []}
    shown: dict[str, set[tuple[str, str]]] = {}
    for _ in range(rounds):
        for name, command, column in (("ss", SS, 4), ("auditor", AUDITOR, 1)):
            seconds, output = timed(command)
            times[name].append(seconds)
            shown[name] = places(output, column)
    ratios = sorted(mine / theirs for mine, theirs in zip(times["auditor"], times["ss"], strict=True))
    print(f"{len(held):,} sockets, {rounds} rounds; both show the same: {shown['ss'] == shown['auditor']}")
    print(f"ss -tulnp        {statistics.median(times['ss']):6.3f} s")
    print(f"auditor sockets  {statistics.median(times['auditor']):6.3f} s")
    print(f"ratio            {statistics.median(ratios):6.2f}    ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
