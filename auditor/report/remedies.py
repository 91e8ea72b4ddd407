"""What to do about what is not verified: one table from reasons to advice, for reports and for ``auditor scan``.

A reason may end in particulars (``no answer: refused by …``), so that it is told by how it begins. It may come from a
file of others, too: what is said about it never repeats any of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from auditor.model.evidence import EVERY_PORT, GONE, INTERRUPTED, LOOKED, NO_ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FROM_INSIDE: Final = "ask the host itself what listens there (check --ssh, or check --sockets on it)"

_BEGINNINGS: Final[tuple[tuple[str, str], ...]] = (
    (
        f"{NO_ANSWER}: refused by",
        (
            "something on the way refuses for the host: look from a place that it lets in; a host that ought to "
            f"be silent is declared with 'dark: true'; or {_FROM_INSIDE}"
        ),
    ),
    (
        NO_ANSWER,
        (
            "see whether the host is up and the address is right; over a slow way wait longer (--timeout 5s); a "
            f"host that ought to be silent is declared with 'dark: true'; or {_FROM_INSIDE}"
        ),
    ),
    (
        EVERY_PORT,
        (
            "something in front answers for the host (a tarpit, a proxy, a guard against floods): look from "
            f"behind it, or {_FROM_INSIDE}"
        ),
    ),
    (
        GONE,
        (
            "it went down, or shut the scanner out: see whether it is up, and scan again, slower (--host-rate 100), or "
            "have its guard let the scanner's address be"
        ),
    ),
    ("the host limits its answers", f"ask slower than the limit (--host-rate 100), or {_FROM_INSIDE}"),
    (
        "the host refuses connections that it accepted before",
        f"ask slower (--host-rate 100), have the guard let the scanner's address be, or {_FROM_INSIDE}",
    ),
    (
        "the host limits ICMP",
        (
            "name in a rule the UDP ports that matter, as those are asked at the host's own pace, and narrow "
            f"scan.udp to them; or {_FROM_INSIDE}"
        ),
    ),
    (
        LOOKED,
        (
            "something in front answers for the host when much is asked, or the service comes and goes: look "
            f"again, slower (--host-rate 100), or {_FROM_INSIDE}"
        ),
    ),
    ("loss:", "too much gets lost on the way: send less at once (--rate 1000), or look from nearer by"),
    (
        INTERRUPTED,
        "let the scan run to its end; one with --save goes on where it stopped: auditor scan --resume SNAPSHOT",
    ),
    (
        "the service was not identified",
        (
            "see what answers there; an import that did not speak to the port leaves this open: let the auditor "
            "scan, or give evidence from nmap -sV; where the protocol is none that the auditor knows, leave "
            "'service' out"
        ),
    ),
    (
        "local: this machine's connection table",
        (
            "raise net.netfilter.nf_conntrack_max on the machine that scans, exempt the scan with a notrack "
            "rule, or lower --rate"
        ),
    ),
    (
        "local: this machine's firewall",
        (
            "the machine that scans keeps these packets in: let the scan out through its own firewall, or scan from "
            "elsewhere"
        ),
    ),
    (
        "local: this machine",
        (
            "the machine that scans has no way there: look at its addresses and routes (ip route get ADDRESS), or scan "
            "from elsewhere"
        ),
    ),
    ("local: there is no such network interface", "name an interface of the machine that scans behind the %"),
    (
        "local: Too many open files",
        "raise the number of descriptors (ulimit -n) on the machine that scans, or lower --max-inflight",
    ),
    ("local: no socket", "raise the number of descriptors (ulimit -n) on the machine that scans"),
    (
        "local: every connection met itself",
        "a machine cannot tell all of its own ports by connecting: scan it from elsewhere, or check --sockets on it",
    ),
    (
        "local: a first connection",
        "a machine cannot tell all of its own ports by connecting: scan it from elsewhere, or check --sockets on it",
    ),
    ("local: the scanner itself", "scan this machine from elsewhere, or check --sockets on it"),
    ("local:", "the cause is on the machine that scans, not at the host: mend it there, and scan again"),
    (
        "open|filtered",
        (
            "silence is no answer where a UDP service may keep silent: "
            f"{_FROM_INSIDE}; or settings.udp_silence: filtered, which counts it as filtered where it was asked "
            "in its own protocol"
        ),
    ),
    ("closed|filtered", "'otherwise: filtered' needs evidence that tells the two apart: let the auditor scan"),
    ("UDP was not asked", "scan again, to the end: UDP is asked in the same run"),
    ("the evidence is from the future", "set the clocks of both machines"),
    (
        "the evidence does not say when",
        "say when it was taken (--taken), or collect it with the auditor itself",
    ),
    (
        "the process is hidden",
        "read the sockets as root: sudo auditor ..., or 'sudo: true' in the host's 'ssh'",
    ),
    ("still changing", "wait longer for the hosts to settle: a longer --retry-for"),
    ("nothing looked from", "scan from there, and say so: auditor scan --from VANTAGE --save SNAPSHOT"),
    (
        "nothing was looked at",
        "have 'scan' or a rule of the policy name ports to look at, or give evidence of the host",
    ),
    (
        "not looked at",
        (
            "give evidence that asked these ports, or narrow 'scan' in the policy to what is to be looked at; without "
            "evidence files the auditor scans"
        ),
    ),
    (
        "no evidence",
        (
            "give evidence of the host, by a name or an address that the policy knows ('aliases' tell it "
            "others); without evidence files the auditor scans"
        ),
    ),
)

_INSIDE: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r" is not complete(: |$)"),
        "collect it again, to the end; a scan with --save goes on where it stopped: auditor scan --resume SNAPSHOT",
    ),
    (
        re.compile(r" does not resolve: "),
        "correct the name in the policy, or mend the resolver of the machine that scans",
    ),
    (
        re.compile(r"^the evidence is \S+ old \(limit "),
        "collect it anew; settings.max_evidence_age says how old it may be",
    ),
)


def remedy(reason: str) -> str | None:
    """Say what to do where something is unknown for this reason; None where the reason says all that there is."""
    for beginning, advice in _BEGINNINGS:
        if reason.startswith(beginning):
            return advice
    return next((advice for pattern, advice in _INSIDE if pattern.search(reason)), None)


def remedies(reasons: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Give each reason once, in their order, with what to do; None where that was said before, or is not known."""
    told: set[str] = set()
    for reason in dict.fromkeys(reasons):
        advice = remedy(reason)
        yield reason, None if advice in told else advice
        if advice:
            told.add(advice)
