"""A program that scans the addresses given and prints a line each, for tests that limit, interrupt or kill it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from auditor.collect.probe import scan
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target


class Telling:
    """Says once that the scan is under way."""

    def __init__(self) -> None:
        self._begun = False

    def progress(self, *_: int) -> None:
        if not self._begun:
            self._begun = True
            print("under way", flush=True)  # noqa: T201

    def say(self, message: str) -> None:
        print(f"says {message}", flush=True)  # noqa: T201


def main(ask: str, *addresses: str) -> None:
    """One line an observation; after an interrupt, the partial ones and how many descriptors are open."""
    os.sched_getaffinity = lambda _: {0, 1}  # where there is but one processor a second process is tested all the same
    targets = [Target(host=address, address=address, ask=PortSet.parse(ask)) for address in addresses]
    evidence = scan(Batch(targets=targets), Telling())
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    try:
        for one in evidence:
            reasons = sorted({unknown.reason for unknown in one.unknown})
            print(one.address, one.open, len(one.closed), len(one.filtered), reasons, flush=True)  # noqa: T201
    except KeyboardInterrupt:
        for one in evidence.partial():
            reasons = {unknown.reason: len(unknown.ports) for unknown in one.unknown}
            print("partial", one.open.text("tcp"), len(one.asked), sum(reasons.values()) + len(one.seen), reasons)  # noqa: T201
    leaked = sum(1 for _ in Path("/proc/self/fd").iterdir()) - before
    print("end", evidence.completion.complete, evidence.completion.reason, "leaked", leaked, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
