"""UDP, 1,000 ports of one host: our own scan beside nmap -sU, interleaved, in one run.

Workload f is a host that refuses every closed port, f' one with Linux's default limits on ICMP. Run it as

    tests/isolated .venv/bin/python benchmarks/scan_udp.py [--repeat 7] [--patience 20]

Ratios are medians of the ratios within each repetition. What nmap has not finished after the patience is ended and
counted with that time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "live"))

import lab as laboratory  # noqa: E402 - it lies beside the live tests

ADDRESS = "192.0.2.10"
TALKERS = {53, 123, 161, 500, 777}
PORTS = "1-1000"
RESPONDER = """
import select, socket, sys
socks = []
for word in sys.argv[1:]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", int(word)))
    socks.append(sock)
print("ready", flush=True)
while True:
    for sock in select.select(socks, [], [])[0]:
        sock.sendto(b"here I am", sock.recvfrom(4096)[1])
"""
NMAP = ("nmap", "-n", "-Pn", "-sU", f"-p{PORTS}", "-oX", "-")


class Watcher:
    """Notes when all talkers were known, to a fifth of a second: so often the scanner tells."""

    def __init__(self) -> None:
        self.found: float | None = None

    def progress(self, _done: int, _total: int, opened: int) -> None:
        """Every fifth of a second."""
        if self.found is None and opened >= len(TALKERS):
            self.found = time.perf_counter()

    def say(self, _: str) -> None:
        """Not shown."""


def child(begun: float) -> None:
    """One scan as a process of its own; prints what it found, and how long after its parent began."""
    from auditor.collect.probe.udp import scan_udp
    from auditor.model.ports import PortSet, Protocol
    from auditor.model.target import Batch, Target

    watcher = Watcher()
    target = Target(host="host", address=ADDRESS, ask=PortSet.parse(PORTS, Protocol.UDP))
    started = time.perf_counter()
    (seen,) = scan_udp(Batch(targets=[target]), watcher)
    took = time.perf_counter() - started
    doubtful = len(seen.open_filtered) + sum(len(one.ports) for one in seen.unknown)
    opened = [port.number for port in seen.open]
    found = (watcher.found or time.perf_counter()) - begun
    print(json.dumps({"open": opened, "closed": len(seen.closed), "doubtful": doubtful, "scan": took, "found": found}))


def ours() -> dict:
    begun = time.perf_counter()
    words = (sys.executable, __file__, "--child", str(begun))
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begun
    return {**json.loads(done.stdout), "seconds": seconds}


def nmap(patience: float, *options: str) -> dict:
    from defusedxml.ElementTree import fromstring

    begun = time.perf_counter()
    try:
        done = subprocess.run((*NMAP, *options, ADDRESS), capture_output=True, text=True, check=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return {"seconds": time.perf_counter() - begun, "open": None, "closed": 0, "doubtful": 0}
    seconds = time.perf_counter() - begun
    counts: dict[str, int] = {}
    opened = []
    ports = fromstring(done.stdout).find("host/ports")
    for extra in ports.iter("extraports"):
        counts[extra.get("state")] = counts.get(extra.get("state"), 0) + int(extra.get("count"))
    for port in ports.iter("port"):
        state = port.find("state").get("state")
        counts[state] = counts.get(state, 0) + 1
        if state == "open":
            opened.append(int(port.get("portid")))
    return {"seconds": seconds, "open": opened, "closed": counts.get("closed", 0),
            "doubtful": counts.get("open|filtered", 0) + counts.get("filtered", 0)}  # fmt: skip


def show(name: str, runs: list[dict]) -> None:
    seconds = [one["seconds"] for one in runs]
    finished = [one for one in runs if one["open"] is not None]
    missed = sum(len(TALKERS - set(one["open"])) for one in finished)
    phantoms = sum(len(set(one["open"]) - TALKERS) for one in finished)
    unfinished = f", {len(runs) - len(finished)} of {len(runs)} unfinished" if len(finished) < len(runs) else ""
    print(f"  {name:<34} {statistics.median(seconds):7.3f} s  ({min(seconds):.3f}-{max(seconds):.3f}){unfinished}")
    if finished:
        closed, doubtful = (statistics.median(one[key] for one in finished) for key in ("closed", "doubtful"))
        print(
            f"  {'':<34} missed {missed} of {len(TALKERS) * len(finished)}, phantoms {phantoms}; "
            f"closed {closed:g}, in doubt {doubtful:g}"
        )
    if "scan" in runs[0]:
        print(f"  {'  the scan itself':<34} {statistics.median(one['scan'] for one in runs):7.3f} s")


def ratio(name: str, mine: list[float], theirs: list[dict]) -> None:
    ratios = [one / other["seconds"] for one, other in zip(mine, theirs, strict=True)]
    print(f"  {name:<34} {statistics.median(ratios):7.3f}")


def interleaved(repeat: int, patience: float) -> None:
    """Both tools in turn, and the ratios."""
    mine, fast, faster = [], [], []
    for _ in range(repeat):
        mine.append(ours())
        fast.append(nmap(patience, "-T4"))
        faster.append(nmap(patience, "-T5", "--min-rate", "20000"))
    show("own scan, whole process", mine)
    show("nmap -sU -T4", fast)
    show("nmap -sU -T5 --min-rate 20000", faster)
    ratio("own / nmap -T4", [one["seconds"] for one in mine], fast)
    ratio("own / nmap -T5", [one["seconds"] for one in mine], faster)
    found = [one["found"] for one in mine]
    ratio("own, up to the talkers / nmap -T4", found, fast)
    print(f"  talkers known after {statistics.median(found):.3f} s, at most {max(found):.3f}", end="; ")
    print(f"goal 0.5: {'met' if max(found) <= 0.5 else 'MISSED'}")


def generous(lab: laboratory.Lab, repeat: int, patience: float) -> None:
    """Workload f."""
    print(f"f. a host that refuses every closed port, {repeat} repetitions")
    lab.hosts[0].sysctl(
        net__ipv4__icmp_ratelimit=0, net__ipv4__icmp_msgs_per_sec=1_000_000, net__ipv4__icmp_msgs_burst=100_000
    )
    interleaved(repeat, patience)


def limited(lab: laboratory.Lab, repeat: int, patience: float) -> None:
    """Workload f'."""
    print(f"f'. Linux's default limits on ICMP, {repeat} repetitions, patience {patience:g} s")
    lab.hosts[0].sysctl(
        net__ipv4__icmp_ratelimit=1000, net__ipv4__icmp_msgs_per_sec=1000, net__ipv4__icmp_msgs_burst=50
    )
    interleaved(repeat, patience)


def main() -> None:
    """Both workloads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=7, help="repetitions of each workload")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds after which nmap is ended")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child)
        return
    missing = laboratory.Lab.needs() or ("" if shutil.which("nmap") else "nmap not installed")
    if missing:
        parser.exit(2, f"no benchmark: {missing}\n")
    with laboratory.Lab() as lab:
        host = lab.host("host", ADDRESS)
        words = [sys.executable, "-c", RESPONDER, *map(str, sorted(TALKERS))]
        host.start(*words, stdout=subprocess.PIPE).stdout.readline()
        generous(lab, given.repeat, given.patience)
        limited(lab, given.repeat, given.patience)


if __name__ == "__main__":
    main()
