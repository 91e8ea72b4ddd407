"""Small worlds: a policy in YAML, evidence by hand, and the audit that comes of it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.diff.attribute import Attribution
from auditor.diff.gather import gather
from auditor.diff.reconcile import Reconciler
from auditor.findings.conclude import conclude
from auditor.findings.judge import Judge
from auditor.model.evidence import (
    Completion,
    Kind,
    Observation,
    Opening,
    Origin,
    Scope,
    ServiceSeen,
    Socket,
    Unknown,
)
from auditor.model.location import Location
from auditor.model.network import NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, Port, PortSet
from auditor.policy.load import load_policy
from auditor.policy.resolve import Resolver

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERYTHING = ALL_TCP | ALL_UDP


@dataclass(frozen=True)
class Given:
    """Evidence by hand."""

    origin: Origin
    observations: tuple[Observation, ...]
    completion: Completion = field(default_factory=lambda: Completion(complete=True))

    def __iter__(self):
        return iter(self.observations)


def policy_of(text):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "exposure.yaml"
        path.write_text(text)
        return load_policy(str(path))


def audit(policy, *evidence, host=None, vantage=None, now=NOW, hosts=None):
    policy = policy_of(policy) if isinstance(policy, str) else policy
    resolver = Resolver(policy, now.date())
    gathered = gather(evidence, Attribution(policy, host), policy, vantage)
    reconciler, judge = Reconciler(policy, resolver, gathered, now), Judge(policy, resolver, now.date())

    def parts():
        for subject in gathered.subjects(policy.hosts.values() if hosts is None else hosts):
            yield judge.judge(reconciler.reconcile(subject))
        yield judge.conclude(gathered.unknown.values(), gathered.idle)

    return conclude(
        policy,
        parts(),
        evidence=gathered.used,
        tool_name="auditor",
        tool_version="0",
        started=now,
        finished=now,
    )


def ports(text):
    return PortSet.parse(text)


def probe(
    *observations, vantage=None, source="scan.xml", started=NOW, complete=True, reason=None, tool="nmap 7.93", host=None
):
    origin = Origin(kind=Kind.PROBE, source=source, vantage=vantage, started=started, tool=tool, host=host)
    return Given(origin, observations, Completion(complete=complete, reason=reason))


def seen(address, *, open="", closed=None, filtered="", maybe="", host=None, names=(), alive=True, **more):  # noqa: A002
    """One address; every other TCP and UDP port is closed unless ``closed`` says which are."""
    shown = [ports(text) for text in (open, filtered, maybe)]
    rest = EVERYTHING
    for one in shown:
        rest -= one
    return Observation(
        host=host,
        names=names,
        address=address,
        open=shown[0],
        filtered=shown[1],
        open_filtered=shown[2],
        closed=rest if closed is None else ports(closed),
        alive=alive,
        **more,
    )


def dead(address):
    return Observation(address=address, filtered=EVERYTHING, alive=False)


def unknown(address, text, reason="no descriptors left"):
    return Observation(address=address, unknown=(Unknown(ports=ports(text), reason=reason),))


def service(port, name, **more):
    return ServiceSeen(port=Port.parse(port), service=name, **more)


def socket(port, address="0.0.0.0", process=None, **more):
    scope = Scope.LOOPBACK if address.startswith("127.") or address == "::1" else Scope.NETWORK
    return Socket(port=Port.parse(port), address=address, scope=scope, process=process, **more)


def table(*sockets, host="web-1", source="sockets.jsonl", started=NOW, asked=EVERYTHING, complete=True, **more):
    origin = Origin(kind=Kind.SOCKETS, source=source, started=started)
    observation = Observation(host=host, sockets=sockets, asked=asked, alive=True, **more)
    return Given(origin, (observation,), Completion(complete=complete))


def opening(port, sources=None, bind=None, line=7, what=None, last=None, group=None):
    return Opening(
        port=Port.parse(port),
        last=last,
        group=group,
        sources=None if sources is None else NetworkSet.parse(sources),
        bind=None if bind is None else NetworkSet.parse(bind),
        what=what,
        location=Location(file="compose.yaml", line=line, column=5, end_column=15),
    )


def declared(
    *openings, host="web-1", source="compose.yaml", complete=True, reason=None, unknown=(), started=None, **more
):
    origin = Origin(kind=Kind.DECLARED, source=source, started=started)
    observation = Observation(host=host, openings=openings, unknown=unknown, **more)
    return Given(origin, (observation,), Completion(complete=complete, reason=reason))


def said(audit):
    """What was found, in short: (check, host, port, status)."""
    return {
        (one.check, one.host, str(one.port) if one.port else None, one.status.value)
        for one in audit.findings
        if one.host is not None
    }


def checks(audit):
    return sorted(one.check for one in audit.findings)


def only(audit, check):
    (found,) = [one for one in audit.findings if one.check == check]
    return found


def reasons(audit):
    return [one.reason for one in audit.unverified]


def with_settings(policy, **changes):
    return replace(policy, settings=replace(policy.settings, **changes))


def days_ago(days):
    return NOW - timedelta(days=days)
