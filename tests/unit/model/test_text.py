"""What cannot be shown is seen to be there, within the length that was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.text import excerpt


def test_what_a_terminal_would_obey_is_written_as_an_escape() -> None:
    assert excerpt("\x1b[31mredis\n\u202e\U000e0041", 80) == r"\x1b[31mredis\n\u202e\U000e0041"


def test_what_is_too_long_ends_in_dots() -> None:
    assert excerpt("abcdef", 6) == "abcdef"
    assert excerpt("abcdefg", 6) == "abcde…"
    assert excerpt("\x1b\x1b", 6) == r"\x1b\\"[:5] + "…"


@given(st.text(), st.integers(1, 90))
def test_an_excerpt_is_printable_and_never_longer_than_asked(text: str, longest: int) -> None:
    shown = excerpt(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
