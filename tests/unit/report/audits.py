"""Audits to render: one that is fixed, for golden files and a look, and Hypothesis strategies for any."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from auditor.errors import ExitCode
from auditor.model.evidence import Completion, Kind, Origin, Way
from auditor.model.findings import (
    Audit,
    Baseline,
    EvidenceUsed,
    Finding,
    HostResult,
    LiftedBy,
    Look,
    Matrix,
    MatrixRow,
    NotAssessed,
    Novelty,
    Requirement,
    Sight,
    Status,
    Unverified,
    Verdict,
)
from auditor.model.location import Location
from auditor.model.network import EVERYWHERE, NetworkSet
from auditor.model.policy import Approval, Control, PolicyFile, Severity
from auditor.model.ports import ALL_TCP, Port, PortSet, Protocol
from auditor.model.reach import Reach

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "::error file=x::pwned",
    "x\n::error::pwned",
    "x\r\n ::warning::pwned",
    "##[group]pwned",
    "##vso[task.setvariable]pwned",
    "]]><script>alert(1)</script><![CDATA[",
    "nul\x00bel\x07",
    "\ud800lone\udfff",
    "\u202egnp.exe",
    "a|b",
    "[x](1)",
    "{0}",
    "@everyone #1 https://example.invalid",
    "=HYPERLINK(1)",
    '"quoted" & <b>bold</b>',
    "\ufffe\uffff",
    "",
)

WHEN = datetime(2026, 11, 22, 21, 4, 5, tzinfo=UTC)


def fingerprint(*parts):
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()


def location(line=12, text="  web-1: 192.0.2.10", mark="web-1", file="exposure.yaml"):
    column = text.index(mark) + 1
    return Location(file=file, line=line, column=column, end_column=column + len(mark), snippet=text)


def finding(host="web-1", port="6379/tcp", **changes):
    port = port and Port.parse(port)
    defaults = {
        "check": "unexpected-open",
        "severity": Severity.HIGH,
        "status": Status.VIOLATION,
        "host": host,
        "address": "192.0.2.10",
        "port": port,
        "vantage": None,
        "expected": "closed or filtered, as nothing allows it",
        "actual": "open",
        "message": f"{port} is open on {host}",
        "help": "Stop what listens there, or add the port to a rule that selects the host.",
        "policy_location": location(),
        "evidence": ("live",),
    }
    made = {**defaults, **changes}
    made.setdefault("fingerprint", fingerprint(made["check"], host, made.get("member"), made["vantage"], port))
    return Finding(**made)


def audit_of(findings=(), unverified=(), hosts=(), **changes):
    if any(found.status is Status.VIOLATION for found in findings):
        verdict, code = Verdict.VIOLATIONS, ExitCode.VIOLATIONS
    elif unverified:
        verdict, code = Verdict.UNVERIFIED, ExitCode.UNVERIFIED
    else:
        verdict, code = Verdict.CONFORMS, ExitCode.CONFORMS
    defaults = {
        "policy": "shop",
        "files": (PolicyFile(path="exposure.yaml", sha256="ab" * 32),),
        "tool_name": "exposure-auditor",
        "tool_version": "0.1.0",
        "started": WHEN,
        "finished": WHEN + timedelta(seconds=12, milliseconds=345),
        "verdict": verdict,
        "exit_code": code,
        "fail_on": Severity.LOW,
        "unverified_fails": True,
        "evidence": (),
        "not_assessed": (),
    }
    return Audit(findings=tuple(findings), unverified=tuple(unverified), hosts=tuple(hosts), **{**defaults, **changes})


def host(name="web-1", verdict=Verdict.CONFORMS, **changes):
    defaults = {"address": "192.0.2.10", "asked": ALL_TCP, "location": location()}
    return HostResult(host=name, verdict=verdict, **{**defaults, **changes})


def fixed_audit():
    """One of everything that a report can have to say."""
    web = location()
    held = (
        Requirement(port=Port.parse("80/tcp"), required=False, state="open", service="http", rule="shopfront"),
        Requirement(
            port=Port.parse("443/tcp"),
            required=True,
            state="open",
            service="https",
            rule="shopfront",
            reason="The public shop",
            owner="web-team",
            approved=Approval(by="ciso", on=date(2026, 6, 1), ticket="SEC-12"),
            review_by=date(2026, 12, 1),
            controls=("pci-dss:1.2.5",),
        ),
    )
    findings = (
        finding(
            "web-1",
            "23/tcp",
            check="forbidden-open",
            severity=Severity.CRITICAL,
            expected="never open: rule no-telnet denies it, finally",
            policy_location=location(31, "    deny: [telnet, ftp]", "telnet"),
            rule="no-telnet",
            owner="security",
            controls=("pci-dss:1.2.6", "nist-800-53:CM-7"),
            service="telnet",
        ),
        finding("web-1", "6379/tcp", vantage=None, service="redis", process="redis-server"),
        finding(
            "web-2", "6379/tcp", address="192.0.2.11", policy_location=location(13, "  web-2: 192.0.2.11", "web-2")
        ),
        finding(
            "db",
            "5432/tcp",
            check="too-wide",
            address=None,
            expected="bound to loopback",
            actual="published to every address",
            message="5432/tcp of db is published to more than the rule allows",
            policy_location=location(20, "      - {port: 5432/tcp, bind: loopback}", "bind: loopback"),
            source_location=location(8, '\t\t- "5432:5432"', '"5432:5432"', file="deploy/docker-compose.yml"),
            evidence=("deploy/docker-compose.yml",),
            sights=(
                Sight(
                    kind=Kind.DECLARED,
                    text="published to everyone",
                    source="deploy/docker-compose.yml",
                    location=location(8, '\t\t- "5432:5432"', '"5432:5432"', file="deploy/docker-compose.yml"),
                ),
                Sight(kind=Kind.SOCKETS, text="listening on 0.0.0.0 as postgres"),
                Sight(kind=Kind.PROBE, text="filtered as seen from ci"),
            ),
        ),
        finding(
            "web-2",
            "443/tcp",
            check="required-not-open",
            severity=Severity.MEDIUM,
            expected="open",
            actual="filtered",
            message="443/tcp is not open on web-2",
            address="192.0.2.11",
            help="Start the service, or take the port out of require.",
            policy_location=location(24, "    require: [443/tcp]", "443/tcp"),
        ),
        finding(
            "192.0.2.77",
            None,
            check="unknown-host",
            address="192.0.2.77",
            message="192.0.2.77 shows open ports and is no host of the policy",
            policy_location=location(10, "hosts:", "hosts"),
        ),
        finding(
            "web-2",
            "8080/tcp",
            status=Status.EXCEPTED,
            exception=LiftedBy(
                id="EX-17",
                reason="Legacy proxy until the move is done",
                owner="platform",
                approved=Approval(by="ciso", on=date(2026, 10, 1), ticket="SEC-99"),
                expires=date(2026, 12, 31),
                location=location(40, "  - id: EX-17", "EX-17"),
            ),
        ),
        finding(
            None,
            None,
            check="unused-exception",
            severity=Severity.INFO,
            status=Status.NOTE,
            address=None,
            expected="something to excuse",
            actual="nothing",
            message="exception EX-9 lifts nothing",
            help="Take it out.",
            rule="EX-9",
            policy_location=location(44, "  - id: EX-9", "EX-9"),
            evidence=(),
        ),
    )
    return audit_of(
        findings,
        unverified=(
            Unverified(
                host="vault",
                address="192.0.2.99",
                ports=ALL_TCP,
                reason="the host answered nothing at all",
                policy_location=location(15, "  vault: 192.0.2.99", "vault"),
            ),
            Unverified(host="mail", reason="no evidence speaks of it", policy_location=web),
        ),
        hosts=(
            host("web-1", Verdict.VIOLATIONS, open=PortSet.parse("23,80,443,6379"), holds=held),
            host("web-2", Verdict.VIOLATIONS, address="192.0.2.11", open=PortSet.parse("80,6379,8080"), holds=held[:1]),
            host("db", Verdict.VIOLATIONS, address=None, asked=PortSet(), kinds=(Kind.DECLARED,)),
            host("vault", Verdict.UNVERIFIED, address="192.0.2.99", unverified=ALL_TCP),
            host("cache", address="192.0.2.40", open=PortSet.parse("22")),
            host("dmz", address="192.0.2.64/26", vacant=54, members=64, asked=PortSet()),
            host("dmz", member="192.0.2.66", address="192.0.2.66"),
        ),
        evidence=(
            EvidenceUsed(
                origin=Origin(
                    kind=Kind.PROBE, source="live", tool="exposure-auditor 0.1.0", started=WHEN, asked=ALL_TCP
                ),
                completion=Completion(complete=True, finished=WHEN + timedelta(seconds=11)),
            ),
            EvidenceUsed(
                origin=Origin(kind=Kind.DECLARED, source="deploy/docker-compose.yml", sha256="cd" * 32),
                completion=Completion(complete=False, reason="${PORT} is not set"),
            ),
        ),
        not_assessed=(NotAssessed(what="vantage office", reason="no evidence from there"),),
        matrices=(
            Matrix(
                host="db",
                vantages=("ci",),
                rows=(
                    MatrixRow(
                        port=Port.parse("22/tcp"),
                        policy="allowed",
                        declared="",
                        listening="0.0.0.0 as sshd",
                        reachable=("open",),
                    ),
                    MatrixRow(
                        port=Port.parse("5432/tcp"),
                        policy="not allowed",
                        declared="to everyone",
                        listening=None,
                        reachable=(None,),
                        locations=(location(8, '\t\t- "5432:5432"', '"5432:5432"', file="deploy/docker-compose.yml"),),
                    ),
                ),
            ),
            Matrix(host="mail"),
        ),
    )


# Strategies. Names may repeat and may be hostile; fingerprints are unique, as those of an audit are.

words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=12),
    st.text("abc-._/: \t\n", max_size=12),
    st.sampled_from(["web-1", "db"]),
)
names = words.filter(bool)
maybe_words = st.none() | words
snippets = maybe_words.map(lambda text: text and text.encode("utf-8", "replace").decode())
"""Lines of files, which are UTF-8: no lone surrogates, or columns would mean something else after an audit was kept."""
ports = st.builds(Port, st.sampled_from(Protocol), st.integers(0, 65535))
port_sets = st.lists(ports, max_size=4).map(lambda found: PortSet.of(*found)) | st.just(ALL_TCP)
moments = st.integers(0, 4 * 10**15).map(lambda micros: WHEN + timedelta(microseconds=micros))
dates = st.dates(date(2000, 1, 1), date(2100, 1, 1))
files = st.sampled_from(
    [
        "exposure.yaml",
        "deploy/a b:c.yml",
        "ünï/\udce9.yml",
        "##vso[task.x]y/##[error].yml",
        "::error::x\n::warning::y.yml",
        "<img src=x onerror=1>|`a`[b](1).yml",
        "=cmd\x1b[2J\u202e.yml",
    ]
)


@st.composite
def locations(draw):
    line, column, length = draw(st.integers(0, 9999)), draw(st.integers(0, 40)), draw(st.integers(0, 40))
    return Location(
        file=draw(files), line=line, column=column, end_column=column and column + length, snippet=draw(snippets)
    )


approvals = st.none() | st.builds(Approval, by=words, on=st.none() | dates, ticket=maybe_words)
lifts = st.builds(
    LiftedBy, id=names, reason=words, owner=words, approved=approvals, expires=dates, location=locations()
)


sights = st.builds(Sight, kind=st.sampled_from(Kind), text=words, source=maybe_words, location=st.none() | locations())
networks = st.sampled_from([EVERYWHERE, NetworkSet.parse("0.0.0.0/0"), NetworkSet.parse("10.0.0.0/8,2001:db8::1")])
reaches = st.builds(
    Reach,
    kind=st.sampled_from(Kind),
    way=st.none() | st.sampled_from(Way),
    ports=port_sets,
    sources=networks,
    at=networks,
    group=maybe_words,
)
matrix_rows = st.builds(
    MatrixRow,
    port=ports,
    policy=words,
    declared=maybe_words,
    listening=maybe_words,
    reachable=st.tuples(maybe_words, maybe_words),
    locations=st.lists(locations(), max_size=2).map(tuple),
)
matrices = st.builds(
    Matrix,
    host=names,
    member=st.none() | st.just("192.0.2.66"),
    vantages=st.tuples(maybe_words, maybe_words),
    rows=st.lists(matrix_rows, max_size=3).map(tuple),
)


@st.composite
def finding_tuples(draw, checks=("unexpected-open", "required-not-open", "unknown-host", "unused-allow", "brand-new")):
    count = draw(st.integers(0, 6))
    return tuple(
        Finding(
            check=draw(st.sampled_from(checks)),
            severity=draw(st.sampled_from(Severity)),
            status=(status := draw(st.sampled_from(Status))),
            host=draw(st.none() | names),
            member=draw(st.none() | st.just("192.0.2.66")),
            address=draw(maybe_words),
            port=(port := draw(st.none() | ports)),
            ports=draw(port_sets) if port is None else PortSet(),
            vantage=draw(st.none() | st.sampled_from(["internet", "office"])),
            expected=draw(words),
            actual=draw(words),
            message=draw(words),
            help=draw(words),
            policy_location=draw(locations()),
            source_location=draw(st.none() | locations()),
            service=draw(maybe_words),
            process=draw(maybe_words),
            exception=draw(lifts) if status is Status.EXCEPTED else None,
            controls=tuple(draw(st.lists(words, max_size=2))),
            rule=draw(maybe_words),
            owner=draw(maybe_words),
            evidence=tuple(draw(st.lists(words, max_size=2))),
            sights=tuple(draw(st.lists(sights, max_size=2))),
            reach=tuple(draw(st.lists(reaches, max_size=2))),
            novelty=draw(st.none() | st.sampled_from(Novelty)),
            grown=draw(maybe_words),
            first_seen=draw(st.none() | moments),
            fingerprint=fingerprint(at, count),
        )
        for at in range(count)
    )


unverifieds = st.builds(
    Unverified,
    host=names,
    member=st.none(),
    address=maybe_words,
    vantage=st.none() | st.just("office"),
    ports=port_sets,
    reason=words,
    policy_location=locations(),
)
requirements = st.builds(
    Requirement,
    port=ports,
    required=st.booleans(),
    state=st.sampled_from(["open", "closed"]),
    service=maybe_words,
    rule=maybe_words,
    reason=maybe_words,
    owner=maybe_words,
    approved=approvals,
    review_by=st.none() | dates,
    controls=st.lists(words, max_size=2).map(tuple),
)
hosts = st.builds(
    HostResult,
    host=names,
    member=st.none() | st.just("192.0.2.66"),
    address=maybe_words,
    vantage=st.none() | st.just("office"),
    verdict=st.sampled_from(Verdict),
    asked=port_sets,
    open=port_sets,
    closed=port_sets,
    filtered=port_sets,
    open_filtered=port_sets,
    unverified=port_sets,
    out_of_scope=port_sets,
    kinds=st.lists(st.sampled_from(Kind), max_size=2).map(tuple),
    holds=st.lists(requirements, max_size=2).map(tuple),
    vacant=st.integers(0, 1 << 128),
    members=st.integers(0, 1 << 128),
    location=locations(),
)
evidences = st.builds(
    EvidenceUsed,
    origin=st.builds(
        Origin,
        kind=st.sampled_from(Kind),
        source=words,
        tool=maybe_words,
        vantage=maybe_words,
        sha256=st.none() | st.just("ef" * 32),
        started=st.none() | moments,
        asked=st.none() | port_sets,
        host=maybe_words,
    ),
    completion=st.builds(Completion, complete=st.booleans(), finished=st.none() | moments, reason=maybe_words),
)


def lists_of(strategy, most=3):
    return st.lists(strategy, max_size=most).map(tuple)


def audits():
    return st.builds(
        Audit,
        policy=words,
        files=lists_of(st.builds(PolicyFile, path=files, sha256=st.just("ab" * 32))),
        tool_name=st.just("exposure-auditor"),
        tool_version=st.just("0.1.0"),
        started=moments,
        finished=moments,
        verdict=st.sampled_from(Verdict),
        exit_code=st.sampled_from(ExitCode),
        fail_on=st.none() | st.sampled_from(Severity),
        unverified_fails=st.booleans(),
        evidence=lists_of(evidences),
        findings=finding_tuples(),
        unverified=lists_of(unverifieds),
        not_assessed=lists_of(st.builds(NotAssessed, what=words, reason=words)),
        controls=lists_of(st.builds(Control, id=names, title=maybe_words, checks=lists_of(words, 2)), 2),
        matrices=lists_of(matrices, 2),
        baseline=st.none()
        | st.builds(
            Baseline,
            source=files,
            sha256=st.none() | st.just("cd" * 32),
            finished=st.none() | moments,
            fixed=finding_tuples(),
            unseen=finding_tuples(),
        ),
        looks=lists_of(st.builds(Look, finished=moments, changes=lists_of(words, 2)), 2),
        hosts=lists_of(hosts),
    )
