"""The figures as Markdown."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks.scan.goals import median_ratio, outcomes
from benchmarks.scan.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from benchmarks.scan.runner import Results

BEGIN, END = "<!-- figures: written by benchmarks/run -->", "<!-- end of figures -->"
_COLUMNS = MappingProxyType(
    {
        "connect": ("connect", "udp"),
        "SYN": ("syn",),
        "`auditor scan` connect / SYN": ("scan", "scan-syn"),
        "nmap -T4 sT / sS": ("nmap-sT-T4", "nmap-sS-T4", "nmap-sU-T4"),
        "nmap -T5 --min-rate 20000 sT / sS": ("nmap-sT-T5", "nmap-sS-T5", "nmap-sU-T5"),
        "masscan": ("masscan",),
    }
)
_OTHERS = MappingProxyType(
    {
        "check": "`auditor check`",
        "epoll": "C epoll loop",
        "nmap-sT-ping": "nmap sT with discovery",
        "nmap-sS-ping": "nmap sS with discovery",
        "masscan-r3": "masscan, 3 retries",
    }
)
_OURS = MappingProxyType({"connect": "connect", "udp": "UDP", "syn": "SYN"})


def document(everything: Mapping[str, Results], repeat: int) -> str:
    """All of it: where it was measured, the goals, and the tables."""
    parts = (
        setting(repeat),
        "### Seconds, and open ports missed",
        _table(everything, _time),
        "### Ratios",
        _ratios(everything),
        "### Processor seconds and peak memory",
        _table(everything, _cost),
        "### Goals",
        _goals(everything),
        *_notes(everything),
    )
    return "\n\n".join(parts)


def write(path: Path, text: str) -> None:
    """Between the marks of a page that has them; else as the whole file."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    whole = f"{before}{begin}\n\n{text}\n\n{end}{after}" if begin and end else f"{text}\n"
    path.write_text(whole, encoding="utf-8")


def setting(repeat: int) -> str:
    """The machine and the programs."""
    versions = [f"Linux {platform.release().partition('-')[0]}", f"Python {platform.python_version()}"]
    for tool in ("nmap", "masscan"):
        if shutil.which(tool):
            said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout.split()
            versions.append(f"{tool} {said[said.index('version') + 1 if 'version' in said else 2]}")
    processors = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    busy = f" Others used the machine (load {load:.1f}): not to be quoted." * (load > 1.5 * processors)
    return f"{', '.join(versions)}; {processors} processors; {repeat} repetitions, interleaved; medians.{busy}"


def _notes(everything: Mapping[str, Results]) -> Iterator[str]:
    said = dict.fromkeys(note for results in everything.values() for note in results.notes)
    failed = dict.fromkeys(
        f"{results.name}: {PROGRAMS[run.program].title} failed: {run.failed}"
        for results in everything.values()
        for run in results.runs
        if run.failed
    )
    if said or failed:
        yield "\n".join(f"- {line}" for line in (*said, *failed))


# -- cells ---------------------------------------------------------------------------------------------------------


def seconds(value: float) -> str:
    """Three digits at most."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def _time(results: Results, program: str) -> str:
    runs = list(results.of(program).values())
    finished = [run for run in runs if run.finished]
    if not finished:
        return "" if not runs else f"> {runs[0].seconds:g}" if runs[0].limited else "failed"
    text = seconds(statistics.median(run.seconds for run in finished))
    missed, phantoms = sum(run.missed for run in finished), sum(run.phantoms for run in finished)
    wrong = [f"{missed} of {results.opens * len(finished)} missed"] * bool(missed)
    doubtful = sum(run.unverified for run in finished)
    wrong += [f"{doubtful} of {results.opens * len(finished)} unverified"] * bool(doubtful)
    wrong += [f"{phantoms} phantoms"] * bool(phantoms)
    wrong += [f"{len(runs) - len(finished)} of {len(runs)} unfinished"] * (len(runs) > len(finished))
    return f"{text} ({', '.join(wrong)})" if wrong else text


def _cost(results: Results, program: str) -> str:
    finished = [run for run in results.of(program).values() if run.finished]
    if not finished:
        return ""
    memory = statistics.median(run.memory for run in finished) / 1e6
    return f"{seconds(statistics.median(run.cpu for run in finished))} s, {memory:.0f} MB"


# -- tables --------------------------------------------------------------------------------------------------------


def _table(everything: Mapping[str, Results], cell: Callable[[Results, str], str]) -> str:
    rows = []
    for results in everything.values():
        cells = (" / ".join(filter(None, (cell(results, name) for name in names))) for names in _COLUMNS.values())
        others = ((title, cell(results, name)) for name, title in _OTHERS.items())
        rest = "; ".join(f"{title} {text}" for title, text in others if text)
        rows.append((f"{results.name}. {results.workload.title}", *cells, rest))
    return markdown(("workload", *_COLUMNS, "others"), rows)


def _ratios(everything: Mapping[str, Results]) -> str:
    peers = {title: names for title, names in _COLUMNS.items() if title.startswith(("nmap", "masscan"))}
    rows = []
    for results in everything.values():
        for ours, title in _OURS.items():
            if not results.of(ours):
                continue
            cells = (" / ".join(_ratio(results, ours, name) for name in names) for names in peers.values())
            others = ((text, _ratio(results, ours, name)) for name, text in _OTHERS.items() if name != "check")
            rest = "; ".join(f"{text} {figure}" for text, figure in others if figure)
            rows.append((results.name, title, *(cell.strip(" /") for cell in cells), rest))
    return markdown(("workload", "ours", *(f"/ {title}" for title in peers), "/ others"), rows)


def _ratio(results: Results, ours: str, peer: str) -> str:
    ratio = median_ratio(results, ours, peer)
    return "" if ratio is None else ratio.text


def _goals(everything: Mapping[str, Results]) -> str:
    rows = [(one.text, one.goal, one.figure, one.verdict) for one in outcomes(everything)]
    return markdown(("figure", "goal", "measured", ""), rows)


def markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table; an empty cell is a dash."""
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    lines += [f"| {' | '.join(cell or '-' for cell in row)} |" for row in rows]
    return "\n".join(lines)
