"""``auditor check``: the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import complete, environment
from auditor.cli import options as given
from auditor.cli import ssh as over
from auditor.cli.say import tell
from auditor.errors import EvidenceError, ExitCode, PolicyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NO_SCAN = "options of the scan do not go with evidence files, --sockets or --ssh: nothing is scanned"
_NO_COLLECTION = "--sockets and --save do not go with evidence files: nothing is collected"
_NO_LOGIN = "--sudo and the options --ssh-… go with --ssh: nobody logs in anywhere"
_SAYS_ITSELF = "--asked and --taken go with evidence files: what is collected here says so itself"


def check(
    context: typer.Context,
    policy: given.PolicyFile = given.DEFAULT_POLICY,
    evidence: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EVIDENCE...",
            help="Evidence files of any kind, or docker: or podman: for the engine here; without them, a live scan.",
        ),
    ] = None,
    sockets: Annotated[bool, typer.Option("--sockets", help="Judge what listens on this machine; no scan.")] = False,
    ssh: Annotated[
        bool, typer.Option("--ssh", help="Judge what listens on the hosts with 'ssh' in the policy; no scan.")
    ] = False,
    vantage: given.From = None,
    host: given.HostName = None,
    asked: given.Asked = None,
    taken: given.Taken = None,
    skip_unrelated: Annotated[
        bool,
        typer.Option(
            "--skip-unrelated",
            help="Pass over YAML that plainly declares nothing: empty, a policy, values. For hooks.",
        ),
    ] = False,
    only: given.Only = None,
    matrix: given.Matrix = None,
    baseline: given.BaselineFile = None,
    retry_for: given.RetryFor = None,
    output: given.Reports = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            envvar="AUDITOR_FAIL_ON",
            autocompletion=complete.severities,
            help="info, low, medium, high, critical or never.",
        ),
    ] = None,
    save: given.Save = None,
    method: given.Method = None,
    rate: given.Rate = None,
    host_rate: given.HostRate = None,
    timeout: given.Timeout = None,
    max_inflight: given.MaxInflight = None,
    max_targets: given.MaxTargets = None,
    sudo: over.Sudo = False,
    ssh_config: over.Configuration = None,
    ssh_known_hosts: over.KnownHosts = None,
    ssh_concurrency: over.Concurrency = None,
    ssh_timeout: over.Timeout = None,
    sarif_anchor: given.SarifAnchor = None,
    sarif_category: given.SarifCategory = None,
    sarif_include_excepted: given.SarifIncludeExcepted = False,
    github: given.GitHub = None,
    verbose: given.Verbose = False,
    quiet: given.Quiet = False,
    now: given.Now = None,
) -> int:
    """Compare what is exposed with what the policy allows, report the difference, and fail on violations.

    Without EVIDENCE files, --sockets and --ssh the declared hosts are scanned. Exit codes: 0 conforms and all verified;
    1 violations at or above fail_on; 2 bad usage or invalid policy; 3 no violation, but not all verified; 4 the audit
    could not be carried out; 130 interrupted.
    """
    from pathlib import Path

    from auditor import pipeline
    from auditor.cli import github as actions
    from auditor.cli import output as reports
    from auditor.cli.progress import Watcher
    from auditor.files.paths import repository_root

    limits = given.limits(
        method=method,
        rate=rate,
        host_rate=host_rate,
        timeout=timeout,
        max_inflight=max_inflight,
        max_targets=max_targets,
    )
    logins = over.limits(
        sudo=sudo,
        configuration=ssh_config,
        known_hosts=ssh_known_hosts,
        concurrency=ssh_concurrency,
        timeout=ssh_timeout,
    )
    _refuse(
        (
            ((evidence or sockets or ssh) and environment.spoken(context, given.SCAN_OPTIONS), _NO_SCAN),
            (evidence and (sockets or (save and not ssh)), _NO_COLLECTION),
            (sockets and ssh, "--sockets is about this machine, and --ssh about others: give one of them"),
            (logins != pipeline.SshLimits() and not ssh, _NO_LOGIN),
            ((asked or taken) and not evidence, _SAYS_ITSELF),
            (skip_unrelated and not evidence, "--skip-unrelated goes with evidence files: there are none"),
            (retry_for and evidence, "--retry-for does not go with evidence files: they say the same each time"),
        )
    )
    wanted = reports.outputs(output)
    if skip_unrelated and not (evidence := _related(evidence or (), quiet=quiet)):
        pipeline.load(policy, today=given.clock(now)().date())
        return ExitCode.CONFORMS
    if not evidence or ssh:
        reports.expect_room(wanted)
    request = pipeline.Request(
        policy=policy,
        clock=given.clock(now),
        root=repository_root(Path.cwd()),
        evidence=evidence or (),
        sockets=sockets,
        ssh=logins if ssh else None,
        vantage=vantage,
        host=host,
        asked=given.asked(asked),
        taken=given.taken(taken),
        only=only or (),
        matrix=matrix or (),
        baseline=baseline,
        retry_for=given.seconds(retry_for, "--retry-for"),
        settings=given.settings(fail_on=fail_on),
        save=save,
        reports=[
            *(output.path for output in wanted if output.path),
            *(actions.summary_beside(wanted) if actions.is_wanted(github) else ()),
        ],
        limits=limits,
    )
    try:
        with Watcher(quiet=quiet, of="hosts" if ssh else "ports") as watcher:
            audit = pipeline.check(request, watcher)
    except PolicyError:
        if _is_evidence(policy):
            raise UsageError(f"{policy} is evidence; the policy comes first on the command line") from None
        raise
    options = reports.options(
        verbose=verbose,
        sarif_anchor=sarif_anchor,
        sarif_category=sarif_category,
        sarif_include_excepted=sarif_include_excepted,
    )
    try:
        reports.write(audit, wanted, options)
    finally:
        if actions.is_wanted(github):
            actions.announce(audit, wanted, options)
    return audit.exit_code


def _refuse(rules: Iterable[tuple[object, str]]) -> None:
    """Refuse the first combination of options that makes no sense.

    :raises UsageError: one of the conditions holds; the text beside it says why that is wrong.
    """
    for holds, why in rules:
        if holds:
            raise UsageError(why)


def _related(files: Iterable[str], *, quiet: bool) -> list[str]:
    """Take out the files that declare nothing, and say which."""
    from auditor.collect.unrelated import declares_nothing
    from auditor.report.escape import one_line

    kept = []
    for file in files:
        if not declares_nothing(file):
            kept.append(file)
        elif not quiet:
            tell(f"passed over, as it declares nothing: {one_line(file)}")
    if not kept and not quiet:
        tell("nothing to judge: no file is left, and no report is written")
    return kept


def _is_evidence(path: str) -> bool:
    """Whether what was given as the policy is a file of evidence: two arguments were swapped."""
    from pathlib import Path

    from auditor.collect.registry import open_evidence

    try:
        return Path(path).is_file() and bool(open_evidence(path))
    except (EvidenceError, ValueError):
        return False
