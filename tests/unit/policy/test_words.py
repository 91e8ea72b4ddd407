"""Names, dates and durations."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.policy.words import is_name, parse_date, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("2s", timedelta(seconds=2)),
        ("1m", timedelta(minutes=1)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "2", "s", "2 s", "-1s", "1.5h", "1w", "1h30m", "2S", "٢s", "1" * 10 + "s", "1s\n"]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "2026-02-30", "2026-2-3", "20261231", "2026-W01-1", "31.12.2026", "2026-12-31T00:00", "0000-01-01"]
)
def test_anything_but_a_day_that_exists_is_no_date(text):
    with pytest.raises(ValueError):
        parse_date(text)


@given(st.dates())
def test_every_day_reads_as_itself(day: date):
    assert parse_date(day.isoformat()) == day


@pytest.mark.parametrize("name", ["web-1", "10", "db.internal", "::1", "pci-dss:1.2.5", "env=prod", "café", "a" * 253])
def test_these_are_names(name):
    assert is_name(name)


@pytest.mark.parametrize("name", ["", " ", "a b", "web*", "!a", "a,b", "a#1", "a\n", "a\x1b", "[a]", "a" * 254])
def test_these_are_not(name):
    assert not is_name(name)
