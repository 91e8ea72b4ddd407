"""What was set out to be reached, and whether it was."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from benchmarks.scan.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.scan.runner import Results


class Measure(Enum):
    """What a goal is about."""

    RATIO = "seconds of ours to the peer's, median over the repetitions"
    FLOOR = "seconds of ours to the least possible, median"
    FOUND = "seconds from the start of the process until all that is open was known, median"
    MISSED = "open ports that were not found, over all repetitions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """In this workload, this figure of our program is at most ``most``."""

    workload: str
    ours: str
    measure: Measure
    most: float
    peer: str = ""

    def needs(self, workload: str, program: str) -> bool:
        """Whether it speaks of the program there."""
        return workload == self.workload and program in {self.ours, self.peer}

    @property
    def text(self) -> str:
        """In words."""
        ours = f"{self.workload}: {PROGRAMS[self.ours].title}"
        match self.measure:
            case Measure.RATIO:
                return f"{ours} / {PROGRAMS[self.peer].title}"
            case Measure.FLOOR:
                return f"{ours} / floor"
            case Measure.FOUND:
                return f"{ours}: seconds until all open ports are known"
            case Measure.MISSED:
                return f"{ours}: open ports not found"


_METHODS = ("connect", "syn")
_UNFAIR = ("epoll",)
"""It knows neither loss nor silence: a floor, no scanner."""


def _ratio(workload: str, ours: str, peer: str, most: float) -> Goal:
    return Goal(workload=workload, ours=ours, measure=Measure.RATIO, most=most, peer=peer)


def _other(workload: str, ours: str, measure: Measure, most: float) -> Goal:
    return Goal(workload=workload, ours=ours, measure=measure, most=most)


GOALS = (
    _ratio("a", "connect", "nmap-sT-T4", 0.65),
    _ratio("a", "check", "nmap-sT-T4", 0.9),
    _ratio("a", "connect", "epoll", 1.5),
    _ratio("a", "syn", "nmap-sS-T4", 0.85),
    _ratio("b", "connect", "nmap-sT-T5", 0.35),
    _ratio("b", "connect", "nmap-sT-T4", 0.03),
    _ratio("b", "syn", "masscan", 0.3),
    _ratio("c1", "syn", "nmap-sS-T5", 1.0),
    _ratio("c2x100", "connect", "nmap-sT-ping", 0.5),
    _other("c2x100", "connect", Measure.MISSED, 0),
    _ratio("c2x1000", "syn", "masscan", 0.35),
    _ratio("c2x1000", "connect", "masscan", 1.0),
    _other("d", "connect", Measure.MISSED, 0),
    _ratio("d", "connect", "nmap-sT-T4", 0.15),
    _ratio("g-all", "connect", "nmap-sT-T5", 0.4),
    _other("h", "connect", Measure.FLOOR, 1.25),
    _other("h", "connect", Measure.MISSED, 0),
    _ratio("h", "connect", "nmap-sT-T4", 1.0),
    _other("f-limited", "udp", Measure.FOUND, 0.5),
    _other("f-limited", "udp", Measure.MISSED, 0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a goal ended: a figure in words, and whether it was met; None where it was not measured."""

    text: str
    goal: str
    figure: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """In one word or two."""
        return "not measured" if self.met is None else "met" if self.met else "MISSED"


def outcomes(everything: Mapping[str, Results]) -> list[Outcome]:
    """Every goal of the workloads that were run; the last is of phantoms, everywhere."""
    found = [_outcome(goal, everything[goal.workload]) for goal in GOALS if goal.workload in everything]
    mine = [run for results in everything.values() for run in results.runs if PROGRAMS[run.program].ours]
    phantoms = sum(run.phantoms for run in mine)
    text = f"phantoms in {len(mine)} runs of ours"
    found += filter(None, (fastest(results) for results in everything.values() if not results.workload.udp))
    return [*found, Outcome(text=text, goal="0", figure=str(phantoms), met=phantoms == 0)]


def fastest(results: Results) -> Outcome | None:
    """Our fastest method beside the fastest peer that found everything and invented nothing."""
    truthful = {}
    for name, program in PROGRAMS.items():
        runs = list(results.of(name).values())
        if (
            runs
            and all(run.truthful for run in runs)
            and name not in _UNFAIR
            and (name in _METHODS or not program.ours)
        ):
            truthful[name] = statistics.median(run.seconds for run in runs)
    ours = [name for name in truthful if PROGRAMS[name].ours]
    theirs = [name for name in truthful if not PROGRAMS[name].ours]
    if not ours or not theirs:
        return None
    mine, peer = min(ours, key=truthful.__getitem__), min(theirs, key=truthful.__getitem__)
    ratio = median_ratio(results, mine, peer)
    assert ratio is not None
    text = f"{results.name}: {PROGRAMS[mine].title} / the fastest peer that missed nothing, {PROGRAMS[peer].title}"
    return Outcome(text=text, goal="≤ 1", figure=ratio.text, met=ratio.value <= 1)


def _outcome(goal: Goal, results: Results) -> Outcome:
    runs = results.of(goal.ours)
    finished = [run for run in runs.values() if run.finished]
    ended = len(finished) == len(runs) > 0
    figure, known, within = "", ended, False
    if ended:
        match goal.measure:
            case Measure.RATIO:
                ratio = median_ratio(results, goal.ours, goal.peer)
                known = ratio is not None
                if ratio is not None:
                    figure, within = ratio.text, ratio.value <= goal.most
            case Measure.FLOOR:
                assert results.workload.floor is not None
                value = statistics.median(run.seconds for run in finished) / results.workload.floor
                figure, within = f"{value:.2f}", value <= goal.most
            case Measure.FOUND:
                value = statistics.median(run.whole - run.seconds + (run.found or run.seconds) for run in finished)
                figure, within = f"{value:.2f} s", value <= goal.most
            case Measure.MISSED:
                missed = sum(run.missed + run.unverified for run in finished)
                figure, within = f"{missed} of {results.opens * len(finished)}", missed <= goal.most
    unfinished = bool(runs) and not ended
    met = False if unfinished else within if known else None
    limit = f"{goal.most:g}"
    return Outcome(text=goal.text, goal=limit if limit == "0" else f"≤ {limit}", figure=figure, met=met)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Ours to theirs; ``bound`` says that theirs was ended, so that it is less."""

    value: float
    bound: bool

    @property
    def text(self) -> str:
        """As it is printed."""
        digits = f"{self.value:.2f}" if self.value >= 0.1 else f"{self.value:.3f}"
        return f"< {digits}" if self.bound else digits


def median_ratio(results: Results, ours: str, peer: str) -> Ratio | None:
    """The median of the ratios within each repetition; None without any.

    A peer that reached the limit counts with the limit in each repetition: it was not run again.
    """
    theirs = results.of(peer)
    stuck = next((run for run in theirs.values() if run.limited), None)
    ratios = []
    for repetition, mine in results.of(ours).items():
        other = stuck or theirs.get(repetition)
        if mine.finished and other is not None and not other.failed:
            ratios.append(mine.seconds / other.seconds)
    return Ratio(value=statistics.median(ratios), bound=stuck is not None) if ratios else None
