"""Sets of integers kept as boundaries: the algebra under port sets and network sets. No I/O.

A set is the strictly increasing tuple of the points at which membership flips: ``(80, 81, 443, 444)`` is
{80, 443}. A number is inside when an odd number of boundaries lies at or before it. Sixty-five thousand ports
or a /8 cost two integers, and every operation is one merge of two sorted tuples.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_END = 1 << 256
"""Beyond every boundary: past the end of the largest address space."""
_MUCH_LONGER = 8


class IntervalSet:
    """An immutable set of non-negative integers."""

    __slots__ = ("bounds",)

    bounds: tuple[int, ...]

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Union of inclusive ``(low, high)`` ranges, in any order, overlapping or not.

        :raises ValueError: a range whose low end is above its high end, or below zero.
        """
        object.__setattr__(self, "bounds", _boundaries(sorted(ranges)))

    @classmethod
    def from_bounds(cls, bounds: tuple[int, ...]) -> Self:
        """The set with these boundaries, which must be strictly increasing and even in number."""
        made = cls.__new__(cls)
        object.__setattr__(made, "bounds", bounds)
        return made

    @classmethod
    def from_members(cls, members: Iterable[int]) -> Self:
        """The set of these integers, in any order.

        :raises ValueError: one below zero.
        """
        bounds: list[int] = []
        end = -1
        for member in sorted(members):
            if member > end:
                bounds += (member, end := member + 1)
            elif member < 0:
                msg = f"not a member: {member}"
                raise ValueError(msg)
            elif member == end:
                bounds[-1] = end = member + 1
        return cls.from_bounds(tuple(bounds))

    @classmethod
    def union(cls, sets: Iterable[Self]) -> Self:
        """All of them together; quicker than one after the other where they share nothing, as states of ports do."""
        parts = [part for part in sets if part.bounds]
        if len(parts) <= 1:
            return parts[0] if parts else cls.from_bounds(())
        flips: set[int] = set()
        for part in parts:
            flips.symmetric_difference_update(part.bounds)
        apart = cls.from_bounds(tuple(sorted(flips)))
        if apart.size == sum([part.size for part in parts]):
            return apart
        return cls(span for part in parts for span in part.ranges())

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: sets are values."""
        msg = f"{type(self).__name__} is immutable"
        raise AttributeError(msg)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle and copy by boundaries."""
        return (type(self).from_bounds, (self.bounds,))

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Disjoint inclusive ``(low, high)`` ranges, ascending."""
        bounds = iter(self.bounds)
        for low, end in zip(bounds, bounds, strict=True):
            yield low, end - 1

    def has(self, number: int) -> bool:
        """Whether the integer is inside."""
        return bool(bisect_right(self.bounds, number) & 1)

    @property
    def size(self) -> int:
        """How many integers are inside. (``len`` cannot count an IPv6 network.)"""
        return sum(self.bounds[1::2]) - sum(self.bounds[::2])

    def __or__(self, other: Self) -> Self:
        """Union."""
        if not other.bounds or self.bounds == other.bounds:
            return self
        if not self.bounds:
            return other
        either, mine, others = self ^ other, self.size, other.size
        if either.size == mine + others:
            return either  # they share nothing
        if either.size == abs(mine - others):
            return self if mine > others else other  # one holds the other
        return self._merged(other, lambda here, there: here or there)

    def __and__(self, other: Self) -> Self:
        """Intersection."""
        if not self.bounds or self.bounds == other.bounds:
            return self
        if not other.bounds:
            return other
        either, mine, others = (self ^ other).size, self.size, other.size
        if either == mine + others:
            return self.from_bounds(())
        if either == abs(mine - others):
            return self if mine < others else other
        return self._merged(other, lambda here, there: here and there)

    def __sub__(self, other: Self) -> Self:
        """Difference: what is here and not there."""
        if not self.bounds or not other.bounds:
            return self
        either = self ^ other
        if either.size == self.size - other.size:
            return either  # all of the other is here
        return self._merged(other, lambda mine, theirs: mine and not theirs)

    def __xor__(self, other: Self) -> Self:
        """What is in one of the two alone: a boundary of both is none of theirs, as membership flips twice there.

        Sets and sorting do it, several times quicker than a merge, so that the common cases above go through it. Where
        one is much longer than the other, as what a scan asked and what it found open, most of it stays as it is.
        """
        long, short = self.bounds, other.bounds
        if len(long) < len(short):
            long, short = short, long
        if long == short:
            return self.from_bounds(())
        if len(short) * _MUCH_LONGER > len(long):
            return self.from_bounds(tuple(sorted(set(long).symmetric_difference(short))))
        flips = list(long)
        for point in short:
            at = bisect_left(flips, point)
            if at < len(flips) and flips[at] == point:
                del flips[at]
            else:
                flips.insert(at, point)
        return self.from_bounds(tuple(flips))

    def __le__(self, other: Self) -> bool:
        """Whether all of this set is inside the other."""
        return not (self - other).bounds

    def __ge__(self, other: Self) -> bool:
        """Whether all of the other set is inside this one."""
        return not (other - self).bounds

    def isdisjoint(self, other: Self) -> bool:
        """Whether the two share nothing."""
        return not (self & other).bounds

    def __bool__(self) -> bool:
        """Whether anything is inside."""
        return bool(self.bounds)

    def __eq__(self, other: object) -> bool:
        """Same kind of set, same members."""
        return isinstance(other, IntervalSet) and type(self) is type(other) and self.bounds == other.bounds

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash((type(self), self.bounds))

    def _merged(self, other: Self, keep: Callable[[bool, bool], bool]) -> Self:
        left, right = (*self.bounds, _END), (*other.bounds, _END)
        out: list[int] = []
        at_left = at_right = 0
        inside = False
        while (point := min(left[at_left], right[at_right])) != _END:
            at_left += left[at_left] == point
            at_right += right[at_right] == point
            if keep(bool(at_left & 1), bool(at_right & 1)) != inside:
                inside = not inside
                out.append(point)
        return self.from_bounds(tuple(out))


def _boundaries(ranges: list[tuple[int, int]]) -> tuple[int, ...]:
    out: list[int] = []
    for low, high in ranges:
        if low < 0 or high < low:
            msg = f"not a range: {low}-{high}"
            raise ValueError(msg)
        if out and low <= out[-1]:
            out[-1] = max(out[-1], high + 1)
        else:
            out += (low, high + 1)
    return tuple(out)
