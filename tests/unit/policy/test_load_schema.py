"""The JSON Schema of the policy language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from auditor.files.validate import shipped_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = shipped_schema("policy")


def subschemas(schema: object, path: str = "#") -> Iterator[tuple[str, dict]]:
    if not isinstance(schema, dict):
        return
    yield path, schema
    for key in ("properties", "$defs"):
        for name, inner in schema.get(key, {}).items():
            yield from subschemas(inner, f"{path}/{key}/{name}")
    for key in ("items", "additionalProperties", "if", "then", "else"):
        yield from subschemas(schema.get(key), f"{path}/{key}")


ALL = dict(subschemas(SCHEMA))


def test_the_schema_is_valid_against_its_metaschema():
    assert validator_for(SCHEMA) is Draft202012Validator
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [path for path, schema in ALL.items() if schema.get("type") == "object"])
def test_every_mapping_says_what_its_unknown_keys_are(path):
    assert ALL[path].get("additionalProperties") is not None or path.endswith("/if")


@pytest.mark.parametrize("path", [path for path in ALL if re.search("/properties/[^/]+$", path)])
def test_every_key_has_a_title_and_a_description_for_editors(path):
    schema = ALL[path]
    referred = ALL.get(schema.get("$ref", ""), {})
    for word in ("title", "description"):
        assert schema.get(word) or referred.get(word) or path.endswith(("/deny", "/allow")), word


def test_every_reference_leads_somewhere():
    references = {schema["$ref"] for schema in ALL.values() if "$ref" in schema}
    assert references <= set(ALL)


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("scan/tcp", "all"),
        ("scan/udp", "named"),
        ("scan/rate", 20000),
        ("scan/timeout", "2s"),
        ("settings/fail_on", "low"),
        ("settings/max_evidence_age", "24h"),
        ("settings/unverified", "fail"),
        ("settings/udp_silence", "unverified"),
        ("settings/exceptions/max_days", 180),
        ("settings/exceptions/warn_days", 14),
    ],
)
def test_the_schema_names_the_defaults(path, default):
    assert ALL["#/properties/" + path.replace("/", "/properties/")]["default"] == default


def test_what_the_schema_calls_an_example_is_one():
    validator = Draft202012Validator(SCHEMA)
    for path, schema in ALL.items():
        for example in schema.get("examples", []):
            assert validator.evolve(schema=schema).is_valid(example), path
