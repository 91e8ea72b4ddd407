"""Whatever stands in a policy: a policy comes out, or a PolicyError with places, and nothing else."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import PolicyError
from auditor.files.validate import shipped_schema
from auditor.policy.load import load_policy

WORDS = [
    *("web", "db", "tag:web", "!web", "*", "192.0.2.1", "192.0.2.0/24", "::1", "80", "443/tcp", "53/udp", "90-80"),
    *("70000", "https", "all", "named", "none", "internet", "local", "loopback", "filtered", "high", "2026-12-31"),
    *("2s", "ansible", "list", "r1", "pack:never-public", "nowhere.yaml"),
]


def keys_of(schema: object) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(keys_of, schema))
    if not isinstance(schema, dict):
        return set()
    return {*schema.get("properties", {}), *set().union(*map(keys_of, schema.values()))}


KEYS = sorted(keys_of(shipped_schema("policy")) | {"web", "db", "internet"})
scalars = st.none() | st.booleans() | st.integers(-2, 70000) | st.sampled_from(WORDS) | st.text(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)


def shaped(schema: dict) -> st.SearchStrategy:
    """Values that mostly keep to the schema."""
    root = shipped_schema("policy")
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if "else" in schema:
        return st.deferred(lambda: shaped(schema["else"]) | shaped(schema["then"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | scalars
    inner = shaped(schema["items"]) if "items" in schema else scalars
    choices = [scalars]
    if "items" in schema:
        choices.append(st.lists(inner, max_size=3))
    if "properties" in schema:
        fields = {key: shaped(value) for key, value in schema["properties"].items() if isinstance(value, dict)}
        choices.append(st.fixed_dictionaries({}, optional=fields))
    if isinstance(schema.get("additionalProperties"), dict):
        choices.append(
            st.dictionaries(st.sampled_from(["web", "db", "internet"]), shaped(schema["additionalProperties"]))
        )
    return st.one_of(choices[1:] or choices)


def check(text: str, folder: Path) -> None:
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(PolicyError):
        assert load_policy(path).hosts


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_document_is_a_policy_or_a_policy_error(tmp_path, document):
    check(json.dumps({"version": 1, "hosts": {"web": "192.0.2.1"}, **document}), tmp_path)


@given(shaped(shipped_schema("policy")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_document_near_the_schema_is_a_policy_or_a_policy_error(tmp_path, document):
    check(json.dumps({"version": 1, "hosts": {"web": "192.0.2.1"}, **(document or {})}), tmp_path)


LINES = [
    line
    for path in sorted((Path(__file__).parent / "good").glob("*.yaml"))
    for line in path.read_text("utf-8").splitlines()
    if "extends" not in line and "file:" not in line
]


@given(st.lists(st.sampled_from(LINES) | st.text("abc: -[]{}#&*!|>'\"\t", max_size=12), max_size=25))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_lines_are_a_policy_or_a_policy_error(tmp_path, lines):
    check("\n".join(lines), tmp_path)


@pytest.mark.parametrize("section", sorted(shipped_schema("policy")["properties"]))
@pytest.mark.parametrize("value", ["7", "true", "text", "[]", "{}", "[[]]", "[{}]", "{a: []}", "{a: {}}", "~"])
def test_a_section_of_the_wrong_shape_is_no_traceback(tmp_path, section, value):
    document = {"version": "1", "hosts": "{web: 192.0.2.1}", section: value}
    check("\n".join(f"{key}: {text}" for key, text in document.items()), tmp_path)
