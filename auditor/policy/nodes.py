"""Reads fields of located values. The schema has refused what has the wrong type; here it is passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from auditor.files.suggest import listed, nearest
from auditor.files.validate import quoted
from auditor.policy.words import DATE_RULE, NAME_RULE, WrongWordError, is_name, parse_date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import date

    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.problems import Problems

_Read = TypeVar("_Read")


def one_or_more(node: Located | None) -> tuple[Located, ...]:
    """The entries of a list, or the value itself where a list may be left out."""
    if node is None:
        return ()
    return node.items if isinstance(node.data, list) else (node,)


def text_entries(node: Located | None) -> Iterator[Located]:
    """The entries that are text, of a list or of a single value."""
    return (entry for entry in one_or_more(node) if isinstance(entry.data, str) and entry.data)


def texts(node: Located | None) -> tuple[str, ...]:
    """The same, as text."""
    return tuple(entry.data for entry in text_entries(node))


def text(node: Located, key: str) -> str | None:
    """The text under a key, if there is any."""
    found = node.fields.get(key)
    return found.data if found is not None and isinstance(found.data, str) and found.data else None


def flag(node: Located, key: str, *, default: bool) -> bool:
    """The true or false under a key."""
    found = node.fields.get(key)
    return found.data if found is not None and isinstance(found.data, bool) else default


def day(node: Located, key: str, problems: Problems) -> date | None:
    """The date under a key."""
    found = node.fields.get(key)
    if found is None or not isinstance(found.data, str):
        return None
    try:
        return parse_date(found.data)
    except ValueError:
        problems.add(found.location, f"{quoted(found.data)} is not a date", expected=DATE_RULE)
        return None


def word(node: Located, read: Callable[[str], _Read], problems: Problems) -> _Read | None:
    """What a text means; a problem at its place if it means nothing."""
    try:
        return read(node.data)
    except WrongWordError as error:
        problems.add(node.location, error.message, expected=error.expected, suggestion=error.suggestion)
        return None


def check_name(name: str, location: Location, problems: Problems) -> bool:
    """Whether a name is one; a problem if not."""
    fine = is_name(name)
    if not fine:
        problems.add(location, f"{quoted(name)} is not a name", expected=NAME_RULE)
    return fine


def unknown(what: str, name: str, known: Iterable[str], location: Location, problems: Problems) -> None:
    """Note that a name refers to nothing."""
    words = sorted(known)
    expected = listed(map(repr, words)) if 0 < len(words) <= 8 else None
    problems.add(location, f"unknown {what} {quoted(name)}", expected=expected, suggestion=nearest(name, words))
