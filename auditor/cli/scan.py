"""``auditor scan``: look, and judge nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import environment
from auditor.cli import options as given
from auditor.cli.say import show, show_json, tell
from auditor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.cli.progress import Watcher
    from auditor.model.evidence import Evidence, Observation


def scan(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="POLICY | TARGET...", help="A policy file, or addresses, networks and names."),
    ] = None,
    ports: Annotated[
        str | None,
        typer.Option("--ports", "-p", metavar="PORTS", help="For TARGETs: 22,80-90,https or all. Default: all TCP."),
    ] = None,
    vantage: given.From = None,
    only: given.Only = None,
    output: given.SnapshotForm = given.Shape.TEXT,
    save: given.Save = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="SNAPSHOT", help="Go on with the scan that this --save was for, if it was cut short."
        ),
    ] = None,
    method: given.Method = None,
    rate: given.Rate = None,
    host_rate: given.HostRate = None,
    timeout: given.Timeout = None,
    max_inflight: given.MaxInflight = None,
    max_targets: given.MaxTargets = None,
    quiet: given.Quiet = False,
) -> int:
    """Scan hosts and show or save what was seen; nothing is compared.

    Hosts that show open ports come first, then the others, those with the same outcome together. A service with a
    question mark is guessed by the port's number: only where a rule says what must answer is the port spoken to.

    A scan with --save that was killed or stopped goes on with --resume and the same name: what was answered is not
    asked again, and the whole is saved there, unless --save says otherwise. Of SNAPSHOT and SNAPSHOT.partial the
    latter is taken, as it is the later one.

    Exit codes: 0 every port has a state; 2 bad usage; 3 some have none, with the reasons; 4 could not scan;
    130 interrupted, and a saved snapshot says so.
    """
    from auditor import pipeline
    from auditor.cli.progress import Watcher
    from auditor.files.spare import spare

    limits = given.limits(
        method=method,
        rate=rate,
        host_rate=host_rate,
        timeout=timeout,
        max_inflight=max_inflight,
        max_targets=max_targets,
    )
    with Watcher(quiet=quiet) as watcher:
        if resume is not None:
            if targets or ports or only or environment.spoken(context, ("vantage",)):
                raise UsageError("--resume goes alone: the snapshot says what is asked, and from where")
            seen = pipeline.resume(resume, limits=limits, save=save, observer=watcher)
            return _shown(seen, output, save or resume, watcher)
        targets = targets or [os.environ.get("AUDITOR_POLICY", "")]
        if not targets[0]:
            raise UsageError("name a POLICY, or TARGETs to scan; or a snapshot to go on with, by --resume")
        if _is_policy(targets):
            if ports:
                raise UsageError("--ports goes with addresses; a policy says its own ports under 'scan:'")
            loaded = pipeline.load(targets[0], today=given.moment(None).date())
            spare(pipeline.read_by(loaded), snapshot=save)
            seen = pipeline.scan(loaded, vantage=vantage, only=only or (), limits=limits, save=save, observer=watcher)
        else:
            if only:
                raise UsageError("--only goes with a policy")
            seen = pipeline.scan_targets(
                targets, ports or "all", vantage=vantage, limits=limits, save=save, observer=watcher
            )
        return _shown(seen, output, save, watcher)


def _is_policy(targets: list[str]) -> bool:
    from pathlib import Path

    return len(targets) == 1 and (Path(targets[0]).is_file() or targets[0].endswith((".yaml", ".yml")))


def _shown(evidence: Evidence, output: given.Shape, saved: str | None, watcher: Watcher) -> int:
    import sys

    from auditor.cli.output import is_terminal

    unknown = False
    lines, say = (_json(evidence), show_json) if output is given.Shape.JSON else (_text(evidence), show)
    try:
        for observation, text in lines:
            if text and is_terminal(sys.stdout):
                watcher.aside()
            say(text, end=False)
            unknown |= observation is not None and bool(observation.unknown)
    except KeyboardInterrupt:
        watcher.aside()
        if saved:
            tell(f"what was seen is in {saved}; go on with: auditor scan --resume {saved}")
        raise
    return ExitCode.UNVERIFIED if unknown or not evidence.completion.complete else ExitCode.CONFORMS


def _json(evidence: Evidence) -> Iterator[tuple[Observation | None, str]]:
    from auditor.snapshot.encode import footer_line, header_line, observation_line

    yield None, header_line(evidence.origin)
    for observation in evidence:
        yield observation, observation_line(observation)
    yield None, footer_line(evidence.completion)


def _text(evidence: Evidence) -> Iterator[tuple[Observation | None, str]]:
    import sys

    from auditor.cli.output import ascii_only, colour, width
    from auditor.cli.scan_text import ScanText
    from auditor.report.text_style import Style

    text = ScanText(Style(colour(sys.stdout)), width(), plain=ascii_only(sys.stdout))
    try:
        for observation in evidence:
            yield observation, text.told(observation)
    except KeyboardInterrupt:
        yield None, text.end()
        raise
    yield None, text.end()
