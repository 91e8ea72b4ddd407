"""The plan of a scan in its snapshot: what was to be asked, so that a killed scan can go on from the file alone. Pure.

Right after the header stands one line with what holds for the whole scan (``{"plan": {...}}``), then its targets in
lines of a thousand (``{"targets": [...], "ports": [...]}``); equal port sets stand once in ``ports``, and targets name
them by their place there. Every field of :class:`Batch` and :class:`Target` goes through here, by its declared type: a
field of a new type needs an entry in ``_TYPES``, and nothing else. Unlike evidence, a plan with a field that this
version does not know is refused, as it is acted upon.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from auditor.model.network import parse_address
from auditor.model.ports import PortSet
from auditor.model.target import Batch, ServiceAsked, Surprises, Target
from auditor.snapshot.encode import line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from dataclasses import Field

SETTINGS, TARGETS = "plan", "targets"
_COUNT, _PORTS = "count", "ports"
_A_LINE: Final = 1000
_MOST: Final = 1_000_000_000
_LONGEST_ZONE: Final = 15
"""An interface's name has no more characters (if_nametoindex(3), IFNAMSIZ)."""


def plan_lines(batch: Batch) -> Iterator[str]:
    """The lines of a plan, settings first."""
    settings = {
        field.name: getattr(batch, field.name)
        for field in fields(Batch)
        if field.name != TARGETS and getattr(batch, field.name) != field.default
    }
    yield line_of({SETTINGS: {**settings, _COUNT: len(batch.targets)}})
    targets = iter(batch.targets)
    while some := list(islice(targets, _A_LINE)):
        table = _Table()
        rows = [_row(target, table) for target in some]
        yield line_of({TARGETS: rows, _PORTS: list(table.texts)})


def is_plan(line: dict[str, Any]) -> bool:
    """Whether a line is one of the plan; evidence is read without it."""
    return SETTINGS in line or TARGETS in line


class Settings(NamedTuple):
    """The first line of a plan, read: the fields of the batch, and how many targets are to follow."""

    batch: dict[str, Any]
    targets: int


def settings_of(line: dict[str, Any]) -> Settings:
    """Read the line with what holds for the whole scan.

    :raises ValueError: a field is missing, unknown or of the wrong form.
    """
    given = _object(line[SETTINGS], SETTINGS)
    count = given.pop(_COUNT, None)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f'"{SETTINGS}.{_COUNT}" must be a whole number that is not negative')
    return Settings(_read(Batch, given, (), but=TARGETS), count)


def targets_of(line: dict[str, Any]) -> tuple[Target, ...]:
    """Read a line of targets.

    :raises ValueError: a field is missing, unknown or of the wrong form.
    """
    texts, rows = line.get(_PORTS, []), line[TARGETS]
    if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        raise ValueError(f'"{_PORTS}" must be a list of strings')
    if not isinstance(rows, list):
        raise ValueError(f'"{TARGETS}" must be a list')  # noqa: TRY004 - whoever reads the line adds file and line
    table = tuple(map(_ports, texts))
    return tuple(_target(_object(row, TARGETS), table) for row in rows)


class _Table:
    """Port sets by their place in a line."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self._known: dict[PortSet, int] = {}

    def place(self, ports: PortSet) -> int:
        if ports not in self._known:
            self._known[ports] = self.texts.setdefault(str(ports), len(self.texts))
        return self._known[ports]


def _row(target: Target, table: _Table) -> dict[str, object]:
    row: dict[str, object] = {}
    for field in fields(Target):
        value = getattr(target, field.name)
        if value != field.default:
            row[field.name] = _written(value, table)
    return row


def _written(value: object, table: _Table) -> object:
    match value:
        case PortSet():
            return table.place(value)
        case Surprises():
            given = {field.name: getattr(value, field.name) for field in fields(Surprises)}
            return {name: table.place(ports) for name, ports in given.items() if ports}
        case tuple():
            return [[table.place(one.ports), one.service] for one in value]
        case _:
            return value


def _target(row: dict[str, Any], table: Sequence[PortSet]) -> Target:
    target = Target(**_read(Target, row, table))
    address, _, zone = target.address.partition("%")
    try:
        parse_address(address)
    except ValueError:
        raise ValueError(f'"address" is {target.address!r:.60}, which is not an IP address') from None
    if len(zone) > _LONGEST_ZONE or not zone.isascii() or (zone and ":" not in address):
        raise ValueError(f'"address" is {target.address!r:.60}, which has no such zone')
    return target


def _read(
    kind: type[Batch | Target | Surprises], given: dict[str, Any], table: Sequence[PortSet], but: str = ""
) -> dict[str, Any]:
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind) if field.name != but}
    for name in given:
        if name not in known:
            raise ValueError(f'the plan has a field "{name:.40}", which this auditor does not know')
    for name, field in known.items():
        if name not in given and field.default is MISSING:
            raise ValueError(f'"{name}" is missing')
    return {name: _TYPES[str(known[name].type)](value, name, table) for name, value in given.items()}


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'"{name}" must hold objects')  # noqa: TRY004 - whoever reads the line adds file and line
    return dict(value)


def _ports(text: str) -> PortSet:
    try:
        return PortSet.parse(text)
    except ValueError as error:
        raise ValueError(f'"{_PORTS}" holds what is not a list of ports: {error!s:.120}') from None


def _text(value: object, name: str, _table: Sequence[PortSet]) -> str:
    if not isinstance(value, str):
        raise ValueError(f'"{name}" must be a string')  # noqa: TRY004 - as above
    return value


def _flag(value: object, name: str, _table: Sequence[PortSet]) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f'"{name}" must be true or false')  # noqa: TRY004 - as above
    return value


def _number(value: object, name: str, _table: Sequence[PortSet]) -> float:
    """Every number of a plan is a limit."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not plain or not math.isfinite(value) or not 0 < value < _MOST:  # type: ignore[arg-type,operator]
        raise ValueError(f'"{name}" must be a number above zero')
    return value  # type: ignore[return-value]


def _whole(value: object, name: str, table: Sequence[PortSet]) -> int:
    if isinstance(value, float):
        raise ValueError(f'"{name}" must be a whole number')  # noqa: TRY004 - as above
    return int(_number(value, name, table))


def _place(value: object, name: str, table: Sequence[PortSet]) -> PortSet:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(table):
        raise ValueError(f'"{name}" must be the place of a port set in "{_PORTS}"')
    return table[value]


def _services(value: object, name: str, table: Sequence[PortSet]) -> tuple[ServiceAsked, ...]:
    pairs: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError(f'"{name}" must be a list of pairs')
    return tuple(
        ServiceAsked(ports=_place(place, name, table), service=_text(service, name, table)) for place, service in pairs
    )


def _surprises(value: object, name: str, table: Sequence[PortSet]) -> Surprises:
    return Surprises(**_read(Surprises, _object(value, name), table))


def _or_none(read: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, name, table: None if value is None else read(value, name, table)


_TYPES: Final[dict[str, Callable[[object, str, Sequence[PortSet]], Any]]] = {
    "str": _text,
    "str | None": _or_none(_text),
    "bool": _flag,
    "int": _whole,
    "int | None": _or_none(_whole),
    "float": _number,
    "float | None": _or_none(_number),
    "PortSet": _place,
    "PortSet | None": _or_none(_place),
    "tuple[ServiceAsked, ...]": _services,
    "Surprises": _surprises,
}
"""How a field is read, by its annotation."""
