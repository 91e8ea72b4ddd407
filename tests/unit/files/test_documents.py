"""Other tools' YAML and JSON: read as they read it, with the place of every value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import EvidenceError
from auditor.files.documents import read_documents, read_source
from auditor.files.text import SourceText


def read(text, **options):
    return read_documents(SourceText("some.file", text), **options)


def shown(document, path, **options):
    location = document.location(path, **options)
    return location.line, location.snippet[location.column - 1 : location.end_column - 1]


_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{later}: &{later} [{', '.join([f'*{earlier}'] * 10)}]\n"
    for earlier, later in zip("abcdef", "bcdefg", strict=True)
)


def test_every_document_of_a_file_is_read_and_empty_ones_are_left_out():
    assert [one.data for one in read("a: 1\n---\n---\n- x\n- 2\n---\n# nothing\n")] == [{"a": 1}, ["x", 2]]


def test_values_that_yaml_versions_disagree_on_stay_text():
    (one,) = read("a: 22:22\nb: 010\nc: yes\nd: 1.10\ne: true\nf: ~\n80: http\n")
    assert one.data == {"a": "22:22", "b": "010", "c": "yes", "d": "1.10", "e": True, "f": None, "80": "http"}


def test_a_merge_key_brings_what_the_mapping_does_not_say_itself():
    (one,) = read("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 5\n")
    assert one.data["z"] == {"a": 5, "b": 2, "c": 4}
    assert shown(one, ["z", "b"]) == (1, "2")


@pytest.mark.parametrize("text", ["z: {<<: 3}", "z: {<<: [{a: 1}, 4]}", "a: {<<: {b: 1}, <<: {c: 1}}"])
def test_a_merge_key_that_cannot_be_followed_is_an_error_with_its_place(text):
    with pytest.raises(EvidenceError, match=r"^some\.file:1:\d+: .*'<<'"):
        read(text)


def test_tags_become_what_the_caller_makes_of_them():
    (one,) = read(
        "a: !Ref B\nb: !Join ['', [x, !Ref C]]\nc: !!str 80\nd: !x {e: 1}", tagged=lambda tag, data: (tag, data)
    )
    assert one.data == {
        "a": ("!Ref", "B"),
        "b": ("!Join", ["", ["x", ("!Ref", "C")]]),
        "c": "80",
        "d": ("!x", {"e": 1}),
    }
    assert shown(one, ["b", 1, 1]) == (2, "!Ref C")


def test_a_value_of_yaml_is_pointed_at_by_its_path():
    (one, two) = read('a:\n  - port: "80:80"\n---\nb:\n  c: [1,\n   2]\n')
    assert shown(one, ["a", 0, "port"]) == (2, '"80:80"')
    assert shown(one, ["a", 0, "port"], key=True) == (2, "port")
    assert shown(two, ["b", "c", 1]) == (6, "2")
    assert shown(two, ["b", "nothing", "here"]) == (5, "c: [1")


def test_a_value_of_json_is_pointed_at_by_its_path():
    (one,) = read('{"a": [{"é\\n": "x"},\r\n  {"b": {"c": 12,\n "d": 3}}], "e": 4}')
    assert shown(one, ["a", 0, "é\n"]) == (1, '"x"')
    assert shown(one, ["a", 1, "b", "c"]) == (2, "12")
    assert shown(one, ["a", 1, "b", "c"], key=True) == (2, '"c"')
    assert shown(one, ["a", 1, "b"]) == (2, '{"c": 12,')
    assert shown(one, ["a", 1, "z"]) == (2, '{"b": {"c": 12,')
    assert shown(one, ["e"]) == (3, "4")


def test_flow_style_is_yaml_although_it_begins_like_json():
    (one,) = read("{a: 1, b: [x]}\n")
    assert one.data == {"a": 1, "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1,\n "a": 2}', "the key 'a' is here twice"),
        ('{"a": [1,\n 2}', r"some\.file:2:\d+: this is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("a: [b\n", r"some\.file:2:1: this is not YAML"),
        ("a: &x [*x]\n", "stands for something that it is itself inside"),
        ("a: *x\n", "stands for nothing"),
        ("a: 1\na: 2\n", "here twice"),
        ("a: \x07\n", r"U\+0007"),
        ("a: " + "[" * 70 + "]" * 70, "levels deep"),
        (_LAUGHS, "more than 1,000,000 values"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_clean_error(text, says):
    with pytest.raises(EvidenceError, match=says) as caught:
        read(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_of_windows(tmp_path, encoding):
    path = tmp_path / "plan.json"
    path.write_bytes('{"é": 1}'.encode(encoding))
    (one,) = read_documents(read_source(path, "plan.json"))
    assert one.data == {"é": 1}


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe\x00", "UTF-16"), (b"a\xff", "not valid UTF-8")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, data, says):
    path = tmp_path / "some"
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match=says):
        read_source(path, "some")
    path.write_bytes(b"x" * 10)
    with pytest.raises(EvidenceError, match="too large"):
        read_source(path, "some", limit=9)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _paths(data, path=()):
    yield path, data
    steps = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, inner in steps:
        yield from _paths(inner, (*path, step))


@given(data=_plain.filter(lambda data: isinstance(data, list | dict)), indent=st.sampled_from([None, 2]))
def test_every_value_of_any_json_is_found_where_it_stands(data, indent):
    text = json.dumps(data, indent=indent)
    (one,) = read(text)
    assert one.data == data
    lines = text.split("\n")
    for path, value in _paths(data):
        location = one.location(path)
        begins = lines[location.line - 1][location.column - 1 :]
        assert begins.startswith(json.dumps(value, indent=indent).split("\n")[0])
        if not isinstance(value, list | dict):
            assert location.end_column - location.column == len(json.dumps(value))


@given(text=st.text(alphabet=st.sampled_from("abc:-*&!<{}[]\"'|>#, \n\t01~%\x00é")))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        documents = read(text)
    except EvidenceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is right
    else:
        for one in documents:
            for path, _ in _paths(one.data):
                assert one.location(path).line > 0
