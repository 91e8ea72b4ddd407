"""One scan of our own as a process: ``python -m benchmarks.scan.own METHOD tcp|udp PORTS TALKERS ADDRESS…``.

Prints JSON: the seconds and processor seconds of the scan itself, without interpreter and imports; what is open, what
stayed unknown, and after how many seconds as many ports as TALKERS were known to be open.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from auditor.collect.probe import scan
from auditor.model.ports import PortSet, Protocol
from auditor.model.target import Batch, Target


class Watcher:
    """Notes when so many open ports were known, to a fifth of a second: so often the scanner tells."""

    def __init__(self, talkers: int) -> None:
        self._talkers = talkers
        self.found: float | None = None

    def progress(self, _done: int, _total: int, opened: int) -> None:
        """Every fifth of a second."""
        if self.found is None and opened >= self._talkers:
            self.found = time.perf_counter()

    def say(self, message: str) -> None:
        """Of interest where a run fails."""
        print(message, file=sys.stderr)


def spent() -> float:
    """Processor seconds of this process and of those that it started and waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Scan and tell."""
    method, protocol, ports, talkers, *addresses = sys.argv[1:]
    ask = PortSet.parse(ports, Protocol(protocol))
    targets = [Target(host=address, address=address, ask=ask) for address in addresses]
    batch = Batch(targets=targets) if method == "connect" else Batch(targets=targets, method=method)
    watcher = Watcher(int(talkers))
    before, begun = spent(), time.perf_counter()
    seen = list(scan(batch, watcher))
    ended = time.perf_counter()
    found = (watcher.found or ended) - begun
    opens = [(one.address, port.number) for one in seen for port in one.open]
    unknown = [(one.address, str(part.ports)) for one in seen for part in one.unknown]
    told = {"seconds": ended - begun, "cpu": spent() - before, "opens": opens, "unknown": unknown, "found": found}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
