"""The algebra under port and network sets agrees with Python's own sets."""

from __future__ import annotations

import copy
import itertools
import operator
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = st.integers(0, 60)
RANGES = st.lists(st.tuples(SMALL, SMALL).map(lambda pair: (min(pair), max(pair))), max_size=8)


def members(ranges: list[tuple[int, int]]) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(RANGES)
def test_a_set_holds_exactly_the_numbers_of_its_ranges(ranges: list[tuple[int, int]]) -> None:
    made, expected = IntervalSet(ranges), members(ranges)
    assert {number for number in range(70) if made.has(number)} == expected
    assert made.size == len(expected)
    assert bool(made) is bool(expected)


@given(st.lists(SMALL))
def test_a_set_holds_exactly_the_members_that_it_is_made_of(numbers: list[int]) -> None:
    assert IntervalSet.from_members(numbers) == IntervalSet((number, number) for number in numbers)


def test_no_member_is_below_zero() -> None:
    with pytest.raises(ValueError, match="not a member: -1"):
        IntervalSet.from_members([4, -1])


@given(RANGES)
def test_ranges_come_back_disjoint_ascending_and_apart(ranges: list[tuple[int, int]]) -> None:
    back = list(IntervalSet(ranges).ranges())
    assert members(back) == members(ranges)
    assert all(high + 1 < low for (_, high), (low, _) in itertools.pairwise(back))


@given(st.sets(st.integers(0, 400), min_size=100), st.lists(st.integers(0, 420), max_size=6))
@pytest.mark.parametrize("operation", [operator.or_, operator.and_, operator.sub, operator.xor])
def test_operations_of_a_long_set_and_a_short_one_are_those_of_sets(
    operation: Callable[..., object], long: set[int], short: list[int]
) -> None:
    left, right = IntervalSet.from_members(long), IntervalSet.from_members(short)
    assert operation(left, right) == IntervalSet.from_members(operation(long, set(short)))
    assert operation(right, left) == IntervalSet.from_members(operation(set(short), long))


@given(RANGES, RANGES)
@pytest.mark.parametrize("operation", [operator.or_, operator.and_, operator.sub])
def test_union_intersection_and_difference_are_those_of_sets(
    operation: Callable[..., object], left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    made = operation(IntervalSet(left), IntervalSet(right))
    assert isinstance(made, IntervalSet)
    assert members(list(made.ranges())) == operation(members(left), members(right))


@given(RANGES, RANGES)
def test_containment_and_disjointness_are_those_of_sets(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    ours, theirs = IntervalSet(left), IntervalSet(right)
    assert (ours <= theirs) is (members(left) <= members(right))
    assert (ours >= theirs) is (members(left) >= members(right))
    assert ours.isdisjoint(theirs) is members(left).isdisjoint(members(right))


@given(RANGES, RANGES)
def test_equal_sets_have_equal_hashes_however_they_were_written(
    left: list[tuple[int, int]], right: list[tuple[int, int]]
) -> None:
    ours, theirs = IntervalSet(left), IntervalSet(right)
    assert (ours == theirs) is (members(left) == members(right))
    assert ours == IntervalSet(reversed(left))
    assert hash(ours) == hash(IntervalSet(reversed(left)))


@given(RANGES)
def test_a_set_survives_pickling_and_copying(ranges: list[tuple[int, int]]) -> None:
    made = IntervalSet(ranges)
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301  # its own bytes, made on this line
    assert copy.deepcopy(made) == made


def test_a_set_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        IntervalSet([(1, 2)]).bounds = (5, 6)


@pytest.mark.parametrize("wrong", [(5, 4), (-1, 3)])
def test_a_reversed_or_negative_range_is_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not a range"):
        IntervalSet([wrong])


def test_a_set_differs_from_everything_that_is_no_set() -> None:
    assert IntervalSet([(1, 1)]) != (1, 2)
