"""The small words of the policy language: names, dates, durations. Text in, values out; positions are the caller's."""

from __future__ import annotations

import re
from datetime import date, timedelta

_NAME = re.compile(r"[\w.:/=@+-]+")
_CONTROL = re.compile(r"[\w.:/=@+()-]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_NAME = 253

NAME_RULE = f"letters, digits and . : / = @ + _ -, at most {_LONGEST_NAME} characters"
CONTROL_RULE = f"letters, digits and . : / = @ + _ - ( ), at most {_LONGEST_NAME} characters"
DATE_RULE = "a date that exists, as YYYY-MM-DD"
DURATION_RULE = "a duration such as 500ms, 2s, 5m, 24h or 7d"


class WrongWordError(ValueError):
    """Text that does not mean anything where it stands. Whoever knows the place makes a problem of it."""

    def __init__(self, message: str, *, expected: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.suggestion = suggestion


def is_name(text: str) -> bool:
    """Whether a host, tag, vantage, service, rule or exception may be called this."""
    return len(text) <= _LONGEST_NAME and bool(_NAME.fullmatch(text))


def is_control(text: str) -> bool:
    """Whether a control may be called this: its standard has brackets, too, as in ``nist-800-53:CM-7(1)``."""
    return len(text) <= _LONGEST_NAME and bool(_CONTROL.fullmatch(text))


def parse_date(text: str) -> date:
    """Read ``2026-12-31``, and nothing else.

    :raises ValueError: anything else, or a day that does not exist.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def parse_duration(text: str) -> timedelta:
    """Read ``500ms``, ``2s``, ``5m``, ``24h`` or ``7d``.

    :raises ValueError: anything else.
    """
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(text)
    return timedelta(milliseconds=int(found[1]) * _MILLISECONDS[found[2]])
