"""Collects what is wrong in a policy, so that all of it is reported at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import PolicyError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.model.location import Location


class Problems:
    """Problems found so far.

    The schema sees everything in its own words; the code that reads a value's meaning often knows better. Where both
    speak of one place, the code's word stands.
    """

    def __init__(self) -> None:
        self._structural: list[Problem] = []
        self._found: list[Problem] = []

    def add(
        self, location: Location, message: str, *, expected: str | None = None, suggestion: str | None = None
    ) -> None:
        """Note one problem."""
        self._found.append(Problem(location=location, message=message, expected=expected, suggestion=suggestion))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note problems that another module found."""
        self._found.extend(problems)

    def add_structural(self, problems: Iterable[Problem]) -> None:
        """Note what the schema found."""
        self._structural.extend(problems)

    @property
    def places(self) -> frozenset[Location]:
        """Where something is wrong."""
        return frozenset(problem.location for problem in (*self._structural, *self._found))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._found or self._structural)

    def raise_any(self) -> None:
        """Raise what was found, if anything.

        :raises PolicyError: something was.
        """
        if self:
            places = {problem.location for problem in self._found}
            structural = (problem for problem in self._structural if problem.location not in places)
            raise PolicyError(dict.fromkeys([*structural, *self._found]))
