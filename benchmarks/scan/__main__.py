"""Our scanner beside its peers, interleaved, in one run.

Run it as

    tests/isolated .venv/bin/python -m benchmarks.scan [--repeat 7] [--only a,b] [--table FILE]

Ratios are medians of the ratios within each repetition; missed ports and phantoms are added up over all repetitions.
Exit codes: 0; 1 one of our own scans missed or invented a port or did not finish; 2 bad usage.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scan.goals import outcomes
from benchmarks.scan.lab import Lab
from benchmarks.scan.programs import PROGRAMS
from benchmarks.scan.runner import Results, lineup, measure
from benchmarks.scan.table import document, write
from benchmarks.scan.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable


def words(known: frozenset[str]) -> Callable[[str], tuple[str, ...]]:
    """A comma-separated list of known names."""

    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(text.split(",")))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return names

    return parse


def at_least_one(text: str) -> int:
    """A count."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a number from 1 on is needed")
    return int(text)


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.scan", description=__doc__.partition("\n")[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeat", type=at_least_one, default=7, help="repetitions of each workload (7)")
    parser.add_argument(
        "--only", type=words(frozenset(WORKLOADS)), help="only these workloads, with commas between them"
    )
    parser.add_argument("--programs", type=words(frozenset(PROGRAMS)), help="only these programs")
    parser.add_argument("--limit", type=float, default=45, help="seconds after which a program is ended (45)")
    parser.add_argument(
        "--budget",
        type=float,
        default=10,
        help="seconds for all runs of a peer in a workload, if no goal needs it (10)",
    )
    parser.add_argument("--table", type=Path, help="write the figures to this file as Markdown")
    shown = (f"  {name:<14} {one.title}" for name, one in WORKLOADS.items() if not one.hidden)
    programs = (f"  {name:<14} {one.title}" for name, one in PROGRAMS.items())
    parser.epilog = "\n".join(("workloads:", *shown, "programs:", *programs))
    return parser


def plan(names: tuple[str, ...], wanted: frozenset[str] | None, repeat: int) -> str:
    """What is about to be done, how long it takes, and whether now is the time for it."""
    chosen = [WORKLOADS[name] for name in names]
    runs = sum(len(lineup(workload, wanted)) for workload in chosen) * repeat
    minutes = sum(workload.about * repeat + workload.once for workload in chosen) / 60
    load, processors = os.getloadavg()[0], len(os.sched_getaffinity(0))
    busy = f"\nThe machine is busy (load {load:.1f}, {processors} processors): do not quote these figures."
    return (
        f"{len(names)} workloads, {repeat} repetitions, {runs} runs at most; with all programs, the usual limits and "
        f"a quiet machine some {minutes:.0f} minutes.{busy * (load > processors / 4)}"
    )


def faults(everything: dict[str, Results]) -> list[str]:
    """Where one of our own scans was wrong."""
    return [
        f"{results.name}: {PROGRAMS[run.program].title}: {run.failed or 'not finished' * run.limited}"
        f"{f'{run.missed} missed, {run.unverified} unverified, {run.phantoms} phantoms' * run.finished}"
        for results in everything.values()
        for run in results.runs
        if PROGRAMS[run.program].ours and not run.truthful
    ]


def main() -> int:
    """Everything that is asked for."""
    parser = options()
    given = parser.parse_args()
    names = given.only or tuple(name for name, one in WORKLOADS.items() if not one.hidden)
    if missing := Lab.needs():
        parser.exit(2, f"no benchmark: {missing}\n")
    wanted = frozenset(given.programs) if given.programs else None
    print(plan(names, wanted, given.repeat), flush=True)
    everything: dict[str, Results] = {}
    for name in names:
        everything[name] = measure(
            name, WORKLOADS[name], repeat=given.repeat, limit=given.limit, budget=given.budget, wanted=wanted
        )
        text = document(everything, given.repeat)
        if given.table:  # after each workload: a run that is broken off has shown something
            write(given.table, text)
    print(f"\n{text}\n")
    for one in outcomes(everything):
        print(f"{one.verdict:<13} {one.text}: {one.figure} (goal {one.goal})")
    wrong = faults(everything)
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
