"""Policies that load and policies that do not. Adding a file to ``good`` or ``bad`` adds a test.

A bad policy ends in the messages it must raise, all of them and in order, each in a line that begins ``#!``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.files.located_yaml import parse_yaml
from auditor.files.text import read_text
from auditor.files.validate import shipped_schema, structural_problems
from auditor.policy.load import load_policy

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
GOOD = sorted([*(HERE / "good").glob("*.yaml")])


def problems_of(name: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load_policy(name)
    return caught.value


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_policy_raises_exactly_the_messages_it_ends_in(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    wanted = [line[3:] for line in path.read_text("utf-8").splitlines() if line.startswith("#! ")]
    assert str(problems_of(path.name)).splitlines() == wanted != []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_problem_of_a_bad_policy_shows_a_piece_of_the_line_it_speaks_of(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    for problem in problems_of(path.name).problems:
        place = problem.location
        assert place.snippet == Path(place.file).read_text("utf-8").split("\n")[place.line - 1]
        assert 1 <= place.column < place.end_column <= len(place.snippet) + 2


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_policy_loads(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    assert load_policy(path.name).hosts


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_schema_accepts_what_the_loader_accepts(path):
    assert structural_problems(parse_yaml(read_text(path, path.name)), shipped_schema("policy")) == []
