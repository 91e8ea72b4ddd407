"""Fuzz a parser: coverage-guided, with a limit of time and memory for each input.

What is found is kept in .fuzz/TARGET: crashes/ has each crashing input beside its traceback, corpus/ every input that
reached something new, so that the next run goes on from there. Ends in 1 if there are crashes.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path

from fuzzing.seeds import LARGEST, ROOT, seeds
from fuzzing.targets import TARGETS

_TIMEOUT = 60
"""Seconds of the clock that one input may take before the run ends; the machine may be busy."""

_MEGABYTES = 2048
_RUNS = re.compile(r"stat::number_of_executed_units: +(\d+)|^#(\d+)\s", re.MULTILINE)
_COVERED = re.compile(r" cov: (\d+)")


def main() -> int:
    """Fuzz what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="fuzzing/run", description=__doc__)
    parser.add_argument("targets", help=f"all, or some of: {', '.join(sorted(TARGETS))}", choices=["all", *TARGETS],
                        metavar="TARGET", nargs="+")  # fmt: skip
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument(
        "--try",
        dest="input",
        type=Path,
        metavar="FILE",
        help="read one input, and let it crash: a traceback is the answer",
    )
    given = parser.parse_args()
    if given.input:
        folder = ROOT / ".fuzz" / given.targets[0]
        folder.mkdir(parents=True, exist_ok=True)
        TARGETS[given.targets[0]].door(given.input.read_bytes(), folder)
        return 0
    names = list(TARGETS) if "all" in given.targets else given.targets
    return max(_fuzz(name, given.seconds) for name in names)


def _fuzz(name: str, seconds: int) -> int:
    folder = ROOT / ".fuzz" / name
    corpus, crashes = folder / "corpus", folder / "crashes"
    for each in (corpus, crashes):
        each.mkdir(parents=True, exist_ok=True)
    for data in seeds(name, TARGETS[name].format):
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    options = [f"-max_total_time={seconds}", f"-timeout={_TIMEOUT}", f"-rss_limit_mb={_MEGABYTES}",
               f"-max_len={LARGEST}", "-print_final_stats=1", f"-artifact_prefix={crashes}/", str(corpus)]  # fmt: skip
    with (folder / "log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            [sys.executable, "-m", "fuzzing.child", name, str(folder), *options],
            cwd=ROOT, stdout=log, stderr=log, check=False,
        ).returncode  # fmt: skip
    said = (folder / "log").read_text("utf-8", "replace")
    runs = max((int(one or two) for one, two in _RUNS.findall(said)), default=0)
    covered = _COVERED.findall(said)
    found = [path.name for path in sorted(crashes.iterdir()) if path.suffix != ".txt"]
    print(
        f"{name}: {seconds} s, {runs:,} inputs, {covered[-1] if covered else 0} edges, {len(found)} crashes", flush=True
    )
    for crash in found:
        print(f"  {crashes.relative_to(ROOT) / crash}")
    if ended and not found:
        print(f"  ended with {ended}: see {(folder / 'log').relative_to(ROOT)}")
    return int(bool(found or ended))


if __name__ == "__main__":
    sys.exit(main())
