"""``auditor sockets``: what listens on this machine, or on others over SSH, and who."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as given
from auditor.cli import say
from auditor.cli import ssh as over
from auditor.errors import CollectError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.evidence import Evidence, Observation, Socket
    from auditor.model.ports import Protocol
    from auditor.model.ssh import Asked
    from auditor.pipeline import SshLimits

_HEADINGS = ("PROTO", "ADDRESS:PORT", "SCOPE", "SERVICE", "PROCESS", "USER", "UNIT OR CONTAINER")
_LEAST_WANTED = ("SERVICE", "USER", "SCOPE")
_UNKNOWN = "-"
_NAT = "NAT"


def sockets(
    policy: Annotated[
        str | None, typer.Argument(metavar="[POLICY]", help="Look at the hosts with 'ssh' in this policy.")
    ] = None,
    ssh: Annotated[
        list[str] | None,
        typer.Option("--ssh", metavar="USER@HOST", help="Look at this host, by a login over SSH; repeatable."),
    ] = None,
    only: given.Only = None,
    output: given.SnapshotForm = given.Shape.TEXT,
    save: given.Save = None,
    tcp: Annotated[bool, typer.Option("--tcp", "-t", help="TCP alone.")] = False,
    udp: Annotated[bool, typer.Option("--udp", "-u", help="UDP alone.")] = False,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-a", help="Show other network namespaces too, such as containers'.")
    ] = False,
    host: given.HostName = None,
    sudo: over.Sudo = False,
    ssh_config: over.Configuration = None,
    ssh_known_hosts: over.KnownHosts = None,
    ssh_concurrency: over.Concurrency = None,
    ssh_timeout: over.Timeout = None,
    quiet: given.Quiet = False,
) -> int:
    """Show what listens on this machine: address, scope, process and user, as 'ss -tulnp' and 'lsof -i' do.

    The address * takes IPv4 and IPv6, [::] IPv6 alone. A port that the host's address translation (NAT) publishes is
    shown, too, with where it goes. Processes of other users, and the rules of NAT, can be seen by root alone. What is
    saved, or printed as json, holds every network namespace.

    With --ssh, or a POLICY whose hosts have 'ssh', other machines are looked at, with nothing installed there but a
    shell. Keys, agent, jump hosts and known hosts are those of the OpenSSH client; a host key that is not known is
    never accepted.

    Exit codes: 0 all was read; 2 bad usage; 3 a part could not be read, with the reason; 4 nothing could;
    130 interrupted.
    """
    from auditor import pipeline
    from auditor.model.ports import Protocol

    asked = [protocol for protocol, wanted in ((Protocol.TCP, tcp), (Protocol.UDP, udp)) if wanted or tcp == udp]
    limits = over.limits(
        sudo=sudo,
        configuration=ssh_config,
        known_hosts=ssh_known_hosts,
        concurrency=ssh_concurrency,
        timeout=ssh_timeout,
    )
    if policy or ssh:
        logins = _logins(policy, ssh or (), only or (), host, save)
        return _others(logins, limits, asked, output, save, all_namespaces=all_namespaces, quiet=quiet)
    if only or limits != pipeline.SshLimits():
        raise UsageError("--only, --sudo and the options --ssh-… go with --ssh or a policy")
    from auditor.collect.sockets import listening

    evidence = listening(host, protocols=asked)
    seen = tuple(evidence)
    if save:
        from auditor.snapshot import record

        record(evidence, save)
    if output is given.Shape.JSON:
        _print_lines(evidence, seen)
    else:
        for observation in seen:
            _print_table(observation, all_namespaces=all_namespaces)
    unknown = [unknown for observation in seen for unknown in observation.unknown]
    if not any(observation.asked for observation in seen):
        raise CollectError("; ".join(each.reason for each in unknown))
    return ExitCode.UNVERIFIED if unknown else ExitCode.CONFORMS


def _logins(
    policy: str | None, ssh: Sequence[str], only: Sequence[str], host: str | None, save: str | None
) -> tuple[Asked, ...]:
    if not policy:
        if only:
            raise UsageError("--only goes with a policy")
        return over.logins(ssh, host)
    if ssh or host:
        raise UsageError(
            "a policy says itself where to log in, and what the hosts are called: leave out --ssh and --host"
        )
    from auditor import pipeline
    from auditor.files.spare import spare
    from auditor.plan.logins import planned_logins

    loaded = pipeline.load(policy, today=given.moment(None).date())
    spare(pipeline.read_by(loaded), snapshot=save)
    return planned_logins(pipeline.chosen(loaded.policy, only))


def _others(
    logins: Sequence[Asked],
    limits: SshLimits,
    protocols: Sequence[Protocol],
    output: given.Shape,
    save: str | None,
    *,
    all_namespaces: bool,
    quiet: bool,
) -> int:
    """Look at other hosts, and show them in the order given; what was seen before an interruption is saved."""
    from auditor import pipeline
    from auditor.cli.progress import Watcher

    with Watcher(quiet=quiet, of="hosts") as watcher:
        evidence = pipeline.over_ssh(logins, limits, watcher, protocols)
        if save:
            evidence = pipeline.saved(evidence, save)
        places = {asked.name: place for place, asked in enumerate(logins)}
        ordered = sorted(evidence, key=lambda seen: places[seen.host or ""])
    if output is given.Shape.JSON:
        _print_lines(evidence, ordered)
    else:
        for observation in ordered:
            _print_host(observation, all_namespaces=all_namespaces)
    return ExitCode.UNVERIFIED if any(each.unknown for each in ordered) else ExitCode.CONFORMS


def address_text(each: Socket) -> str:
    """``*:443`` (IPv4 and IPv6), ``[::]:443`` (IPv6 alone), ``0.0.0.0%eth0:443``: as other tools write it."""
    address = "*" if each.dual_stack else each.address
    device = f"%{each.interface}" if each.interface else ""
    return f"[{address}{device}]:{each.port.number}" if ":" in address else f"{address}{device}:{each.port.number}"


def holder_text(each: Socket) -> str:
    """``nginx(812)``; ``nginx(812)+4`` where more processes hold it; ``NAT`` where there is no socket at all."""
    if each.process is None:
        return _NAT if each.nat else _UNKNOWN
    others = f"+{each.shared_by - 1}" if each.shared_by > 1 else ""
    behind = f"{_NAT}, " if each.nat else ""
    return f"{behind}{each.process}({each.pid}){others}"


def whose_text(each: Socket) -> str:
    """``nginx.service``; ``docker web``; ``docker web -> 172.17.0.2:80`` where a proxy or NAT sends it on."""
    whose = str(each.container) if each.container else each.unit or ""
    return f"{whose} -> {each.forwards}".lstrip() if each.forwards else whose


def cells(each: Socket) -> tuple[str, ...]:
    """Return the row of one socket, made harmless."""
    return next(rows((each,)))


def rows(sockets: Iterable[Socket]) -> Iterator[tuple[str, ...]]:
    """Yield the row of each socket, made harmless; tens of thousands are quick."""
    from auditor.files import iana
    from auditor.report.escape import one_line

    for each in sockets:
        row = (
            each.port.protocol,
            address_text(each),
            each.scope,
            "(client)" if each.client else iana.name_of(each.port) or _UNKNOWN,
            holder_text(each),
            each.user or _UNKNOWN,
            whose_text(each),
        )
        yield row if "".join(row).isprintable() else tuple(map(one_line, row))


def _print_lines(evidence: Evidence, observations: Iterable[Observation]) -> None:
    from auditor.snapshot.encode import footer_line, header_line, observation_line

    lines = [header_line(evidence.origin), *map(observation_line, observations), footer_line(evidence.completion)]
    say.show_json("".join(lines), end=False)


def _print_host(observation: Observation, *, all_namespaces: bool) -> None:
    from auditor.report.escape import one_line

    say.show(one_line(f"{observation.host}{_own_name(observation)}"))
    _print_table(observation, all_namespaces=all_namespaces)
    say.show("")


def _own_name(observation: Observation) -> str:
    name = next(iter(observation.names), None)
    return f" ({name})" if name and name != observation.host else ""


def _print_table(observation: Observation, *, all_namespaces: bool) -> None:
    from auditor.cli.columns import show
    from auditor.report.escape import one_line

    for netns, members in groupby(observation.sockets, key=lambda each: each.netns):
        if netns is None or all_namespaces:
            shown = list(members)
            if netns:
                say.show(f"\nNetwork namespace {one_line(netns)}{_inside(shown)}: not this host's")
            show(_HEADINGS, list(rows(shown)), marked="network", spare=_LEAST_WANTED)
    for line in summary(observation, all_namespaces=all_namespaces):
        say.show(f"\n{one_line(line)}")
    for note in observation.notes:
        say.tell(f"note: {one_line(note)}")


def _inside(members: Iterable[Socket]) -> str:
    """Name the containers that live in a network namespace: those of a pod share one."""
    from auditor.report.escape import one_line

    names = sorted({str(each.container) for each in members if each.container})
    return f" ({one_line(', '.join(names))})" if names else ""


def summary(observation: Observation, *, all_namespaces: bool) -> Iterator[str]:
    """Say in a line what there is, and in one each what could not be read."""
    own = [each for each in observation.sockets if each.netns is None]
    others = len(observation.sockets) - len(own)
    if observation.asked:
        line = f"{_count(len(own), 'socket')}{_parts(own)}"
        if others and not all_namespaces:
            line += f"; {others} more in other network namespaces (--all-namespaces)"
        yield f"{line}."
    for unknown in observation.unknown:
        yield f"Not known: {unknown.reason}."


def _parts(own: Sequence[Socket]) -> str:
    if not own:
        return ": nothing listens"
    parts = _counts(each.port.protocol.value.upper() for each in own)
    scopes = _counts("reachable from the network" if each.scope == "network" else "on loopback alone" for each in own)
    clients = sum(each.client for each in own)
    translated = sum(each.nat for each in own)
    return (
        f": {parts}; {scopes}"
        + (f"; {clients} likely of clients" if clients else "")
        + (f"; {translated} by address translation (NAT) alone" if translated else "")
    )


def _counts(labels: Iterable[str]) -> str:
    from collections import Counter

    return ", ".join(f"{count} {label}" for label, count in sorted(Counter(labels).items(), key=lambda each: each[0]))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
