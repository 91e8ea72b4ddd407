"""Runs the programs of a workload in turn, and compares what they found with the truth."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.scan.goals import GOALS
from benchmarks.scan.lab import Lab
from benchmarks.scan.programs import PROGRAMS, TCP, UDP

if TYPE_CHECKING:
    from benchmarks.scan.programs import Program
    from benchmarks.scan.scenes import Scene
    from benchmarks.scan.workloads import Workload

ROOT: Final = Path(__file__).resolve().parents[2]
_METER: Final = ROOT / "benchmarks" / "scan" / "meter.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one program. ``whole`` is the process, ``seconds`` the scan itself where the program tells.

    ``missed`` open ports were called something else, ``unverified`` ones are among what it says it cannot know.
    ``limited`` runs were ended at the limit: ``seconds`` is the least that it would have taken. ``failed`` says why
    there is no answer. ``cpu`` in seconds, ``memory`` the peak in bytes.
    """

    program: str
    repetition: int
    whole: float
    seconds: float
    cpu: float = 0.0
    memory: int = 0
    missed: int = 0
    unverified: int = 0
    phantoms: int = 0
    unknown: int = 0
    found: float | None = None
    limited: bool = False
    failed: str = ""

    @property
    def finished(self) -> bool:
        """Whether it has an answer."""
        return not self.limited and not self.failed

    @property
    def truthful(self) -> bool:
        """Whether the answer is the truth."""
        return self.finished and not self.missed and not self.unverified and not self.phantoms


@dataclass(slots=True, kw_only=True)
class Results:
    """All runs of one workload. ``opens`` is how many there are to find."""

    name: str
    workload: Workload
    opens: int = 0
    runs: list[Run] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, program: str) -> dict[int, Run]:
        """Its runs by repetition."""
        return {run.repetition: run for run in self.runs if run.program == program}


def lineup(workload: Workload, wanted: frozenset[str] | None) -> list[str]:
    """The programs of a workload, in their order."""
    usual = UDP if workload.udp else (*TCP, *workload.programs)
    chosen = [name for name in usual if name not in workload.without and (wanted is None or name in wanted)]
    return [name for name in PROGRAMS if name in chosen]


def measure(
    name: str, workload: Workload, *, repeat: int, limit: float, budget: float, wanted: frozenset[str] | None
) -> Results:
    """Build it and run everything, one line a run on standard output.

    A program that reached the ``limit`` is not run again. A peer whose runs come to ``budget`` seconds is not either,
    unless a goal speaks of it. In each repetition every program has its turn, the first place going round.
    """
    results = Results(name=name, workload=workload)
    print(f"{name}. {workload.title}", flush=True)
    with Lab() as lab, tempfile.TemporaryDirectory() as folder:
        scene = workload.build(lab, Path(folder))
        results.opens = len(scene.truth)
        names = []
        for program in lineup(workload, wanted):
            missing = PROGRAMS[program].missing()
            if missing:
                results.notes.append(f"{PROGRAMS[program].title} left out: {missing}")
                print(f"  {results.notes[-1]}")
            else:
                names.append(program)
        for repetition in range(repeat):
            first = repetition % len(names) if names else 0
            for program in names[first:] + names[:first]:
                if _again(results, program, budget):
                    time.sleep(workload.rest)
                    results.runs.append(run(program, repetition, scene, limit))
                    print(f"  {_line(results.runs[-1], results.opens)}", flush=True)
    return results


def _again(results: Results, program: str, budget: float) -> bool:
    before = list(results.of(program).values())
    if not before:
        return True
    if not all(run.finished for run in before):
        return False
    needed = PROGRAMS[program].ours or any(goal.needs(results.name, program) for goal in GOALS)
    return needed or sum(run.whole for run in before) + before[-1].whole <= budget


def run(program: str, repetition: int, scene: Scene, limit: float) -> Run:
    """One run."""
    entry = PROGRAMS[program]
    reader, writer = os.pipe()
    meter = (sys.executable, "-I", "-S", str(_METER), str(writer), str(limit))
    done = subprocess.run(
        [*meter, *entry.words(scene)],
        pass_fds=(writer,),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as stream:
        told = stream.read().split()
    if done.returncode != 0 or len(told) != 5:
        raise RuntimeError(f"{entry.title} could not be measured: {done.stderr.strip()}")
    return _judged(entry, done, told, Run(program=program, repetition=repetition, whole=limit, seconds=limit), scene)


def _judged(entry: Program, done: subprocess.CompletedProcess[str], told: list[str], ended: Run, scene: Scene) -> Run:
    """What the run came to; ``ended`` is one that was ended at the limit."""
    whole, user, system, kilobytes = (float(word) for word in told[:4])
    ended = replace(ended, cpu=user + system, memory=int(kilobytes) * 1024)
    if told[4] == "limit":
        return replace(ended, limited=True)
    one = replace(ended, whole=whole, seconds=whole)
    if int(told[4]) not in entry.codes:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        return replace(one, failed=f"exit code {told[4]}: {said}")
    answer = entry.read(done.stdout, scene)
    return replace(
        one,
        seconds=one.seconds if answer.seconds is None else answer.seconds,
        cpu=one.cpu if answer.cpu is None else answer.cpu,
        missed=len(scene.truth - answer.opens - answer.unsure),
        unverified=len(answer.unsure - answer.opens),
        phantoms=len(answer.opens - scene.truth),
        unknown=answer.unknown,
        found=answer.found,
    )


def _line(one: Run, opens: int) -> str:
    title = f"{one.repetition + 1}. {PROGRAMS[one.program].title}"
    if one.failed:
        return f"{title:<44} failed: {one.failed}"
    if one.limited:
        return f"{title:<44} > {one.seconds:g} s"
    whole = f", whole process {one.whole:.3f}" if one.whole != one.seconds else ""
    wrong = f"; missed {one.missed} of {opens}" * bool(one.missed) + f"; {one.phantoms} phantoms" * bool(one.phantoms)
    wrong += f"; unverified {one.unverified} of {opens}" * bool(one.unverified)
    doubt = f"; unknown {one.unknown}" * bool(one.unknown)
    cost = f"cpu {one.cpu:.2f} s, {one.memory / 1e6:.0f} MB"
    return f"{title:<44} {one.seconds:8.3f} s{whole}; {cost}{wrong}{doubt}"
