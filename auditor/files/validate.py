"""JSON Schema validation with positions: what jsonschema finds, said in words at the line where it stands.

A schema says what it expects in its ``title``, phrased to follow the word "expected".
"""

from __future__ import annotations

import json
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from auditor.errors import Problem
from auditor.files.located_yaml import MAX_PROBLEMS
from auditor.files.resources import shipped
from auditor.files.suggest import listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.exceptions import ValidationError

    from auditor.files.located_yaml import Located

_LONGEST_SHOWN = 60
_LISTED_KEYS = 8


@cache
def shipped_schema(name: str) -> Mapping[str, Any]:
    """Return the schema ``schemas/NAME.schema.json`` as data."""
    path = shipped("schemas") / f"{name}.schema.json"
    schema: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def structural_problems(document: Located, schema: Mapping[str, Any]) -> list[Problem]:
    """Return in what the document differs from the schema (Draft 2020-12), in no particular order.

    Of more than :data:`MAX_PROBLEMS` differences, so many.

    The schema itself is taken as valid; a test checks it against its metaschema.
    """
    from jsonschema.validators import Draft202012Validator

    # A missing key comes as one error each; the first of them speaks for all of a mapping's missing keys.
    found: dict[object, Problem] = {}
    for error in Draft202012Validator(schema).iter_errors(document.data):
        for problem in islice(_explained(error, document), MAX_PROBLEMS):
            once = (*error.absolute_path, "required") if error.validator == "required" else len(found)
            found.setdefault(once, problem)
        if len(found) >= MAX_PROBLEMS:
            break
    return list(found.values())[:MAX_PROBLEMS]


def describe(value: object) -> str:
    """Say what a plain value is, for a message: ``a list``, ``the number 7``, ``'text'``."""
    match value:
        case str():
            return quoted(value)
        case bool():
            return str(value).lower()
        case int():
            return f"the number {value}"
        case list() | dict():
            what = "list" if isinstance(value, list) else "mapping"
            return f"a {what}" if value else f"an empty {what}"
        case _:
            return "empty"


def quoted(text: str) -> str:
    """Quote text for a message, on one line and cut to a length that a person reads."""
    shown = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return "'" + "".join(character if character.isprintable() else " " for character in shown) + "'"


def _explained(error: ValidationError, document: Located) -> Iterator[Problem]:
    node = document.at(error.absolute_path)
    place = node.location
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, node)
        return
    if error.validator == "dependentRequired":
        place = node.key_location(_dependent(error)[0])
    message, expected, suggestion = _in_words(error)
    yield Problem(location=place, message=message, expected=expected, suggestion=suggestion)


def _in_words(error: ValidationError) -> tuple[str, str | None, str | None]:
    """Return the message, what was expected, and a suggestion."""
    value: Any = error.instance
    wanted: Any = error.validator_value
    what = _subject(error)
    expected = _title(error)
    match error.validator:
        case "required":
            missing = [repr(key) for key in wanted if key not in value]
            return f"{what} lacks {listed(missing, 'and')}", None, None
        case "dependentRequired":
            key, needs = _dependent(error)
            return f"{what} has '{key}' without {listed(map(repr, needs))}", None, None
        case "anyOf":
            keys = [repr(branch["required"][0]) for branch in wanted]
            return f"{what} says nothing", f"at least one of {listed(keys)}", None
        case "enum":
            words = [word for word in wanted if isinstance(word, str)]
            expected = listed(word if isinstance(word, str) else describe(word) for word in wanted)
            return f"{what} is {describe(value)}", expected, nearest(value, words)
        case "type" if wanted == "string" and isinstance(value, bool | int) and not _has_form(error):
            return f"{what} is {describe(value)}", f'text, in quotes: "{str(value).lower()}"', None
        case _:
            return f"{what} is {describe(value)}", expected, None


def _dependent(error: ValidationError) -> tuple[str, list[str]]:
    """Return the key that is there and the keys it needs."""
    value: Any = error.instance
    wanted: Any = error.validator_value
    return next(
        (key, needs) for key, needs in wanted.items() if key in value and not all(map(value.__contains__, needs))
    )


def _has_form(error: ValidationError) -> bool:
    """Whether only some text will do, so that quotes alone are no remedy."""
    return isinstance(error.schema, dict) and "pattern" in error.schema


def _subject(error: ValidationError) -> str:
    """Name what is wrong: the nearest key above it, or the whole."""
    path = list(error.absolute_path)
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return "the policy" if not path else "an entry"
    subject = quoted(names[-1])
    return subject if isinstance(path[-1], str) else f"entry {int(path[-1]) + 1} of {subject}"


def _title(error: ValidationError) -> str | None:
    schema = error.schema
    title = schema.get("title") if isinstance(schema, dict) else None
    return str(title) if title else None


def _unknown_keys(error: ValidationError, node: Located) -> Iterator[Problem]:
    schema: Any = error.schema
    instance: Any = error.instance
    known = list(schema["properties"])
    expected = listed(map(repr, known)) if len(known) <= _LISTED_KEYS else None
    for key in instance:
        if key not in known:
            message, suggestion = f"unknown key {quoted(key)}", nearest(key, known)
            place = node.key_location(key)
            yield Problem(location=place, message=message, expected=expected, suggestion=suggestion)
