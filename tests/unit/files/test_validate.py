"""What a schema refuses, said in words at the line where it stands."""

from __future__ import annotations

import pytest

from auditor.files.located_yaml import MAX_PROBLEMS, parse_yaml
from auditor.files.text import SourceText
from auditor.files.validate import describe, quoted, structural_problems

SCHEMA = {
    "title": "a mapping",
    "type": "object",
    "additionalProperties": False,
    "required": ["one", "two"],
    "properties": {
        "one": {"title": "a number", "type": "integer", "minimum": 1},
        "two": {"enum": ["red", "green", 3]},
        "three": {"title": "text", "type": "string"},
        "list": {"title": "a list of numbers", "type": "array", "minItems": 1, "items": {"type": "integer"}},
        "any": {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "needs": {"type": "object", "dependentRequired": {"x": ["y"], "p": ["q"]}},
    },
}
KEYS = "'one', 'two', 'three', 'list', 'any' or 'needs'"


def problems(text: str) -> list[str]:
    found = structural_problems(parse_yaml(SourceText("f", text)), SCHEMA)
    return sorted(str(problem) for problem in found)


def test_a_document_that_keeps_to_the_schema_has_no_problems():
    assert problems("{one: 1, two: red}") == []


def test_missing_keys_are_told_together():
    assert problems("{}") == ["f:1:1: the policy lacks 'one' and 'two'"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onw: 1", f"f:3:1: unknown key 'onw'; expected {KEYS}; did you mean 'one'?"),
        ("three: 5", "f:3:8: 'three' is the number 5; expected text, in quotes: \"5\""),
        ("three: false", "f:3:8: 'three' is false; expected text, in quotes: \"false\""),
        ("list: []", "f:3:7: 'list' is an empty list; expected a list of numbers"),
        ("list: [1, x]", "f:3:11: entry 2 of 'list' is 'x'"),
        ("any: {c: 1}", "f:3:6: 'any' says nothing; expected at least one of 'a' or 'b'"),
        ("needs: {q: 1, x: 2}", "f:3:15: 'needs' has 'x' without 'y'"),
    ],
)  # fmt: skip
def test_each_kind_of_problem_has_its_words(text, message):
    assert problems(f"one: 1\ntwo: red\n{text}\n") == [message]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("gren", "f:2:6: 'two' is 'gren'; expected red, green or the number 3; did you mean 'green'?"),
        ("'3'", "f:2:6: 'two' is '3'; expected red, green or the number 3"),
        ("4", "f:2:6: 'two' is the number 4; expected red, green or the number 3"),
    ],
)
def test_a_word_outside_its_list_gets_the_list_and_the_nearest(value, message):
    assert problems(f"one: 1\ntwo: {value}\n") == [message]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        (True, "true"),
        (7, "the number 7"),
        ("x", "'x'"),
        ([], "an empty list"),
        ([1], "a list"),
        ({}, "an empty mapping"),
        ({"a": 1}, "a mapping"),
    ],
)
def test_every_plain_value_has_words(value, words):
    assert describe(value) == words


def test_quoted_text_stays_short_and_on_one_line():
    assert quoted("a\nb\x1b[0m") == "'a b [0m'"
    assert len(quoted("x" * 1000)) == 63


def test_of_countless_unknown_keys_enough_are_told():
    text = "".join(f"k{number}: 1\n" for number in range(5000))
    assert len(problems(f"one: 1\ntwo: red\n{text}")) == MAX_PROBLEMS
