"""One host, all 65,535 ports: our own scan and the whole `auditor check` beside nmap, interleaved, in one run.

Workload a is a host that refuses what it does not serve; b drops everything but three ports. Run it as

    tests/isolated .venv/bin/python benchmarks/scan_one_host.py [--repeat 5] [--drop-nmap]

Ratios are medians of the ratios within each repetition. nmap -T4 takes some 90 seconds for workload b, so it is run
there once, and only with --drop-nmap.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "live"))

import lab as laboratory  # noqa: E402 - it lies beside the live tests

from auditor.collect.probe import scan  # noqa: E402
from auditor.model.ports import ALL_TCP  # noqa: E402
from auditor.model.target import Batch, Target  # noqa: E402

ADDRESS = "192.0.2.10"
FIFTY = tuple(range(1000, 61000, 1200))
THREE = (22, 443, 50001)
NMAP = ("nmap", "-n", "-Pn", "-sT", "-T4", "-p-", ADDRESS)


class Quiet:
    """Nobody watches a benchmark."""

    def progress(self, *_: int) -> None:
        """Not shown."""

    def say(self, _: str) -> None:
        """Not shown."""


def own_scan(opens: tuple[int, ...]) -> float:
    """Seconds of the scan itself, in this process; wrong answers end the benchmark."""
    batch = Batch(targets=[Target(host="host", address=ADDRESS, ask=ALL_TCP)])
    begun = time.perf_counter()
    (one,) = scan(batch, Quiet())
    seconds = time.perf_counter() - begun
    assert [port.number for port in one.open] == sorted(opens), one.open
    return seconds


def process(words: tuple[str, ...], *codes: int) -> float:
    """Seconds of a whole process, which must end in one of these codes."""
    begun = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    assert done.returncode in codes, f"{' '.join(words)}: {done.returncode}: {done.stderr}"
    return seconds


def policy(folder: str, opens: tuple[int, ...]) -> str:
    """A policy that the host conforms to."""
    path = Path(folder) / "exposure.yaml"
    path.write_text(
        f"version: 1\nhosts: {{host: {ADDRESS}}}\nscan: {{rate: unlimited}}\n"
        f"rules:\n  - {{id: all, hosts: [host], require: [{', '.join(map(str, opens))}]}}\n",
        encoding="utf-8",
    )
    return str(path)


def show(name: str, figures: list[float]) -> None:
    print(f"  {name:<32} {statistics.median(figures):7.3f} s   ({', '.join(f'{figure:.3f}' for figure in figures)})")


def ratio(name: str, ours: list[float], theirs: list[float], goal: float) -> None:
    median = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    print(f"  {name:<32} {median:7.3f}     goal {goal}: {'met' if median <= goal else 'MISSED'}")


def responsive(repeat: int) -> None:
    """Workload a."""
    print(f"a. a host that refuses, {len(FIFTY)} ports open, {repeat} repetitions")
    scans, checks, nmaps = [], [], []
    with laboratory.Lab() as lab, tempfile.TemporaryDirectory() as folder:
        lab.host("host", ADDRESS).listen(*FIFTY)
        check = (sys.executable, "-m", "auditor", "check", policy(folder, FIFTY))
        for _ in range(repeat):
            scans.append(own_scan(FIFTY))
            checks.append(process(check, 0))
            nmaps.append(process(NMAP, 0))
    show("own scan, in process", scans)
    show("auditor check, whole process", checks)
    show("nmap -n -Pn -sT -T4 -p-", nmaps)
    ratio("own scan / nmap", scans, nmaps, 0.65)
    ratio("auditor check / nmap", checks, nmaps, 0.9)


def dropping(repeat: int, *, with_nmap: bool) -> None:
    """Workload b."""
    print(f"b. a host that drops everything but {len(THREE)} ports, {repeat} repetitions")
    scans, checks = [], []
    with laboratory.Lab() as lab, tempfile.TemporaryDirectory() as folder:
        host = lab.host("host", ADDRESS)
        host.listen(*THREE)
        host.firewall(f"tcp dport != {{ {', '.join(map(str, THREE))} }} drop")
        check = (sys.executable, "-m", "auditor", "check", policy(folder, THREE))
        for _ in range(repeat):
            scans.append(own_scan(THREE))
            checks.append(process(check, 0))
        show("own scan, in process", scans)
        show("auditor check, whole process", checks)
        if with_nmap:
            nmaps = [process(NMAP, 0)]
            show("nmap -n -Pn -sT -T4 -p-", nmaps)
            ratio("auditor check / nmap", [statistics.median(checks)], nmaps, 0.05)


def main() -> None:
    """Both workloads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of each workload")
    parser.add_argument("--drop-nmap", action="store_true", help="run nmap on workload b, too (90 seconds)")
    given = parser.parse_args()
    missing = laboratory.Lab.needs() or ("" if shutil.which("nmap") else "nmap not installed")
    if missing:
        parser.exit(2, f"no benchmark: {missing}\n")
    responsive(given.repeat)
    dropping(min(3, given.repeat), with_nmap=given.drop_nmap)


if __name__ == "__main__":
    main()
