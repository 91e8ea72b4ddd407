"""Documents of JSON: the same bytes from lists and from iterators, and never much more in memory than they have."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.report.document import json_chunks, json_document
from auditor.report.options import DEFAULTS
from auditor.report.registry import FORMATS
from tests.unit.report import audits

texts = st.sampled_from(audits.HOSTILE) | st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(texts, values, max_size=3), max_size=4), st.integers(0, 5), st.booleans())
def test_a_list_of_objects_is_written_alike_item_by_item(items, depth, inside):
    whole, lazily = ({"items": items}, {"items": iter(items)}) if inside else (items, iter(items))
    written = json_document(whole, depth=depth + 2)
    assert json_document(lazily, depth=depth + 2) == written
    read = json.loads(written)
    assert (read["items"] if inside else read) == visible(items)


def visible(value):
    """As the document is read back: lone surrogates are written as visible escapes."""
    if isinstance(value, str):
        return "".join(f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, list):
        return list(map(visible, value))
    return {visible(key): visible(part) for key, part in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("text", ["a##[b", "##vso[", "#", "##", "a\u202eb", "\x7f", "\ud800"])
def test_what_could_act_never_stands_in_two_pieces(text):
    value = {text: [{"[": text}, {text: "["}], "more": iter([text, "[x"])}
    chunks = list(json_chunks(value, depth=4))
    assert len(chunks) > 8
    shown = b"".join(chunks).decode()
    assert "##[" not in shown
    assert "##vso[" not in shown
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["json", "sarif", "gitlab", "oscal"])
def test_a_long_report_is_not_in_memory_several_times(name):
    controls = ("pci-dss:1.2.5", "nist-800-53:CM-7", "cis-v8:4.8")
    found = [audits.finding(f"web-{at}", controls=controls) for at in range(2000)]
    audit = audits.audit_of(found, hosts=[audits.host()])
    FORMATS[name].render(audits.audit_of(), DEFAULTS)  # what is loaded once is no part of it
    tracemalloc.start()
    try:
        size = len(FORMATS[name].render(audit, DEFAULTS))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 500_000
    assert peak < 2 * size
