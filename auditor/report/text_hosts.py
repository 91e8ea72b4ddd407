"""The hosts of an audit, a line each: first those that need looking at, then those that conform, together."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from auditor.model.evidence import Kind
from auditor.model.findings import Verdict
from auditor.model.ports import HIGHEST, Protocol
from auditor.report import wording
from auditor.report.escape import one_line
from auditor.report.text_wrap import columns, padded
from auditor.report.tolerated import tolerated_by_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.model.findings import Audit, HostResult
    from auditor.model.ports import PortSet
    from auditor.report.options import ReportOptions
    from auditor.report.text_style import Style
    from auditor.report.tolerated import Tolerated

_LISTED = 20
"""Hosts that do not conform and get a line of their own; ``verbose`` lists them all."""

_FEW = 5
"""So many conforming hosts still get a line each."""

_NAME, _ADDRESS = 28, 24
"""Hundredths of a line that names and addresses are padded to at most; longer ones push the rest to the right."""


def host_lines(audit: Audit, options: ReportOptions, style: Style) -> Iterator[str]:
    """Show the hosts. Networks say how many of their addresses are silent."""
    if not audit.hosts:
        return
    yield style.bold("hosts")
    let_pass = dict(zip(map(id, audit.hosts), tolerated_by_row(audit), strict=True))
    clean = [host for host in audit.hosts if host.verdict is Verdict.CONFORMS and not let_pass[id(host)]]
    troubled = _urgent_first([host for host in audit.hosts if host.verdict is not Verdict.CONFORMS])
    troubled += [host for host in audit.hosts if host.verdict is Verdict.CONFORMS and let_pass[id(host)]]
    shown = troubled if options.verbose or len(troubled) <= _LISTED else troubled[: _LISTED - 1]
    spelled = clean if options.verbose or len(clean) <= _FEW else []
    rows = [*shown, *spelled]
    named = len({row.vantage for row in audit.hosts if not row.members}) > 1
    widths = (
        _widest(map(wording.subject, rows), options.width * _NAME // 100),
        _widest(map(_address, rows), options.width * _ADDRESS // 100),
        _widest((one_line(row.vantage or "") for row in rows), options.width * _ADDRESS // 100) if named else 0,
    )
    for row in rows:
        yield _line(row, let_pass[id(row)], widths, options, style)
    if len(shown) < len(troubled):
        conform = any(row.verdict is Verdict.CONFORMS for row in troubled[len(shown) :])
        what = "with deviations or gaps" if conform else "that do not conform"
        yield f"  and {len(troubled) - len(shown):,} more {what} (--verbose shows them)"
    if clean and not spelled:
        yield from _together(clean, frozenset(row.host for row in troubled), options, style)
    yield from _not_asked(audit.hosts, options)


def _urgent_first(rows: Sequence[HostResult]) -> list[HostResult]:
    """Put hosts with violations before those that are not verified; the rows of a host stay together."""
    failing = {(row.host, row.member) for row in rows if row.verdict is Verdict.VIOLATIONS}
    return sorted(rows, key=lambda row: (row.host, row.member) not in failing)


def _widest(cells: Iterable[str], most: int) -> int:
    return min(most, max(map(columns, cells), default=0))


def _line(
    row: HostResult, let_pass: Tolerated, widths: tuple[int, int, int], options: ReportOptions, style: Style
) -> str:
    cells = [padded(wording.subject(row), widths[0]), padded(_address(row), widths[1])]
    if widths[2]:
        cells.append(padded(one_line(row.vantage or ""), widths[2]))
    head = "  ".join(cell for cell in cells if cell)
    word = f"{_word(row.verdict):<10}"
    amber = row.verdict is Verdict.CONFORMS and let_pass
    mark = style.warn(word) if amber else style.verdict(row.verdict, word)
    room = None if options.verbose else max(24, options.width - columns(head) - 16)
    state = ", ".join(filter(None, (_state(row, room), let_pass.spelled)))
    return f"  {mark}  {head}  {state}".rstrip()


def _address(row: HostResult) -> str:
    return one_line(row.address) if row.address and row.address not in (row.member, row.host) else ""


def _word(verdict: Verdict) -> str:
    match verdict:
        case Verdict.CONFORMS:
            return "conforms"
        case Verdict.VIOLATIONS:
            return "violations"
        case Verdict.UNVERIFIED:
            return "unverified"
        case _:
            assert_never(verdict)


def _state(row: HostResult, room: int | None) -> str:
    if row.members:
        return f"{row.vacant:,} of {wording.plural(row.members, 'address')} silent"
    parts = []
    if row.open:
        parts.append(f"{_verb(row)} {wording.ports(row.open, room)}")
    elif row.asked and not row.unverified:  # with gaps, "nothing open" would be a pass without evidence
        parts.append("nothing open")
    if row.unverified:
        parts.append(f"{wording.plural(len(row.unverified), 'port')} unverified")
    if not parts and row.kinds == (Kind.DECLARED,):
        parts.append("known from what is declared alone")
    return ", ".join(parts)


def _verb(row: HostResult) -> str:
    """What the evidence of a row shows of its open ports: a file opens, a table listens, a probe sees open."""
    if row.kinds == (Kind.DECLARED,):
        return "opens"  # a compose file publishes, a firewall lets in
    return "listens on" if row.kinds == (Kind.SOCKETS,) else "open"


def _together(
    clean: Sequence[HostResult], troubled: frozenset[str], options: ReportOptions, style: Style
) -> Iterator[str]:
    names = list(dict.fromkeys(one_line(row.host) for row in clean if row.host not in troubled))
    others = sum(row.host in troubled for row in clean)
    heading = f"{wording.plural(len(names), 'host')} conform{'s' if len(names) == 1 else ''}"
    listed = wording.listed(names, "host", max(24, options.width - len(heading) - 24))
    if names:
        yield f"  {style.verdict(Verdict.CONFORMS, heading)}: {listed}"
    if others:
        yield f"  {wording.plural(others, 'more row')} of the hosts above conform, by other addresses or vantages"
    for row in clean:
        if row.members:
            yield f"  {wording.subject(row)}: {_state(row, None)}"


def _not_asked(rows: Sequence[HostResult], options: ReportOptions) -> Iterator[str]:
    """Say what nobody looked at because the policy does not ask for it, hosts with the same ports together."""
    names: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.out_of_scope:
            names.setdefault(_amount(row.out_of_scope, options), {}).setdefault(one_line(row.host))
    for ports, hosts in names.items():
        room = None if options.verbose else max(24, options.width - len(ports) - 44)
        yield f"  not looked at, as the policy does not ask: {ports} of {wording.listed(list(hosts), 'host', room)}"


def _amount(ports: PortSet, options: ReportOptions) -> str:
    if options.verbose:
        return wording.ports(ports)
    parts = []
    for protocol in Protocol:
        number = len(ports.only(protocol))
        if number >= HIGHEST:
            parts.append(f"all {protocol.value} ports")
        elif number:
            parts.append(f"{number:,} {protocol.value} port{'s' if number > 1 else ''}")
    return " and ".join(parts)
