"""One JSON object of an audit file that may come from anywhere: each field is checked, and a wrong one named."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.errors import EvidenceError
from auditor.model.ports import PortSet
from auditor.report.escape import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class Record:
    """One JSON object and where it stands in the file; each method reads one of its fields, checked."""

    __slots__ = ("fields", "place")

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise wrong(place, "an object", value)
        self.fields: dict[str, Any] = value
        self.place = place

    def at(self, key: str) -> str:
        """Where the field stands in the file."""
        return f"{self.place}.{key}" if self.place else key

    def get(self, key: str, kind: type[_T], noun: str) -> _T:
        """The value, which must be of this kind; ``noun`` is what messages call that."""
        value = self.fields.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise wrong(self.at(key), noun, value)
        return value

    def text(self, key: str) -> str:
        """A text."""
        return self.get(key, str, "a text")

    def maybe_text(self, key: str) -> str | None:
        """A text; None where it is missing or null."""
        return None if self.fields.get(key) is None else self.text(key)

    def flag(self, key: str) -> bool:
        """True or false."""
        return self.get(key, bool, "true or false")

    def number(self, key: str) -> int:
        """A whole number that is not negative; 0 where it is missing."""
        value = 0 if key not in self.fields else self.get(key, int, "a whole number")
        if not 0 <= value <= 1 << 160:
            raise wrong(self.at(key), "a number that is not negative", value)
        return value

    def parsed(self, key: str, parse: Callable[[str], _T], noun: str) -> _T:
        """What ``parse`` makes of the text."""
        text = self.text(key)
        try:
            return parse(text)
        except (ValueError, KeyError, OverflowError):
            raise wrong(self.at(key), noun, text) from None

    def maybe_parsed(self, key: str, parse: Callable[[str], _T], noun: str) -> _T | None:
        """The same; None where it is missing or null."""
        return None if self.fields.get(key) is None else self.parsed(key, parse, noun)

    def ports(self, key: str) -> PortSet:
        """A set of ports; none where it is missing or null."""
        return self.maybe_parsed(key, PortSet.parse, "ports such as 80/tcp,8000-8010/tcp") or PortSet()

    def moment(self, key: str) -> datetime:
        """A time in UTC; without an offset it is taken for that."""
        return self.parsed(key, _moment, "a time such as 2026-11-22T21:04:05Z")

    def maybe_moment(self, key: str) -> datetime | None:
        """A time; None where it is missing or null."""
        return None if self.fields.get(key) is None else self.moment(key)

    def day(self, key: str) -> date:
        """A date."""
        return self.parsed(key, date.fromisoformat, "a date such as 2026-12-31")

    def maybe_day(self, key: str) -> date | None:
        """A date; None where it is missing or null."""
        return None if self.fields.get(key) is None else self.day(key)

    def record(self, key: str) -> Record:
        """An object within this one."""
        return Record(self.fields.get(key), self.at(key))

    def records(self, key: str, read: Callable[[Record], _T]) -> tuple[_T, ...]:
        """What ``read`` makes of each object of a list; none where it is missing."""
        items = self.get(key, list, "a list") if key in self.fields else []
        return tuple(read(Record(item, f"{self.at(key)}[{at}]")) for at, item in enumerate(items))

    def maybe_texts(self, key: str) -> tuple[str | None, ...]:
        """A list of texts and nulls; none where it is missing."""
        items = self.get(key, list, "a list") if key in self.fields else []
        if not all(item is None or isinstance(item, str) for item in items):
            raise wrong(self.at(key), "a list of texts and nulls", items)
        return tuple(items)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; none where it is missing."""
        items = self.get(key, list, "a list") if key in self.fields else []
        if not all(isinstance(item, str) for item in items):
            raise wrong(self.at(key), "a list of texts", items)
        return tuple(items)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def wrong(place: str, expected: str, found: Any) -> EvidenceError:
    """The error for a value that does not fit, with its place."""
    return EvidenceError(f"{place or 'the whole'}: expected {expected}, found {_shown(found)}")


def _shown(found: Any) -> str:
    match found:
        case None:
            return "nothing"
        case str() if len(found) > 60:
            return one_line(repr(found[:60])) + "..."
        case list() | dict():
            return "a list" if isinstance(found, list) else "an object"
        case _:
            return one_line(repr(found))
