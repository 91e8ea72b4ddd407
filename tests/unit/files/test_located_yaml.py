"""Strict YAML in which every value knows its line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.errors import PolicyError
from auditor.files import located_yaml
from auditor.files.located_yaml import MAX_DEPTH, MAX_PROBLEMS, Located, parse_yaml
from auditor.files.text import SourceText, decode_text


@pytest.fixture(params=["libyaml", "pure Python"])
def parser(request, monkeypatch):
    if request.param == "pure Python":
        monkeypatch.delattr(yaml, "CLoader")


def read(text: str) -> Located:
    return parse_yaml(SourceText("f.yaml", text))


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        read(text)
    return str(caught.value)


def shown(node: Located) -> str:
    place = node.location
    return place.snippet[place.column - 1 : place.end_column - 1]


def values(node: Located) -> list[Located]:
    return [node, *(inner for child in (*node.fields.values(), *node.items) for inner in values(child))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("443", 443),
        ("-1", -1),
        ("0", 0),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("22:22", "22:22"),
        ("010", "010"),
        ("0o17", "0o17"),
        ("0x50", "0x50"),
        ("1_000", "1_000"),
        ("+80", "+80"),
        ("1.10", "1.10"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("no", "no"),
        ("On", "On"),
        ("y", "y"),
        ("2026-12-31", "2026-12-31"),
        ("=", "="),
        ("'443'", "443"),
        ('"true"', "true"),
        ("''", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
@pytest.mark.usefixtures("parser")
def test_a_scalar_is_a_plain_integer_a_truth_value_nothing_or_the_text_it_is(text, value):
    data = read(f"[{text or '~'}]").data[0] if text else read("- ").data[0]
    assert (data, type(data)) == (value, type(value))


@pytest.mark.usefixtures("parser")
def test_a_value_knows_where_it_stands():
    root = read("a: 1\nb:\n  - x: [10, 'two']   # said\n    y: |\n      text\n      more\n  - z\n")
    assert root.data == {"a": 1, "b": [{"x": [10, "two"], "y": "text\nmore\n"}, "z"]}
    first = root.fields["b"].items[0]
    assert str(first.location) == "f.yaml:3:5"
    assert shown(first) == "x: [10, 'two']"
    assert shown(first.fields["x"]) == "[10, 'two']"
    assert shown(first.fields["x"].items[1]) == "'two'"
    assert shown(first.fields["y"]) == "|"
    assert str(first.fields["y"].location) == "f.yaml:4:8"
    assert shown(root.fields["b"].items[1]) == "z"
    place = first.key_location("y")
    assert (place.line, place.column, place.end_column) == (4, 5, 6)


@pytest.mark.usefixtures("parser")
def test_a_block_ends_at_the_last_scalar_of_its_first_line():
    root = read("rules:\n  - id: first      # comment\n    hosts: all\n\n\nother: 1\n")
    assert shown(root.fields["rules"].items[0]) == "id: first"
    assert shown(root.fields["rules"]) == "- id: first"


@pytest.mark.usefixtures("parser")
def test_a_flow_collection_over_several_lines_is_shown_by_its_first():
    assert shown(read("a: [one,\n  two]\n").fields["a"]) == "[one"


@pytest.mark.usefixtures("parser")
def test_a_missing_value_is_shown_by_its_key():
    assert shown(read("a:\nb: 1\n").fields["a"]) == "a"


@pytest.mark.usefixtures("parser")
def test_columns_count_characters_and_not_bytes():
    assert str(read("{ü: [€, x]}").fields["ü"].items[1].location) == "f.yaml:1:9"


def test_a_path_leads_as_far_as_there_are_values():
    root = read("a: [{b: 1}]")
    assert root.at(["a", 0, "b"]).data == 1
    assert root.at(["a", 0, "missing"]).data == {"b": 1}
    assert root.at(["a", 7]).data == [{"b": 1}]


@pytest.mark.usefixtures("parser")
def test_an_alias_is_the_value_it_stands_for():
    root = read("a: &x {b: [1]}\nc: [*x, *x]\nd: &y text\ne: *y\n")
    assert root.data["c"] == [{"b": [1]}, {"b": [1]}]
    assert root.data["e"] == "text"
    assert str(root.fields["c"].items[1].location) == "f.yaml:1:4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "f.yaml:2:1: the key 'a' is here twice; first in line 1"),
        ("1: a", 'f.yaml:1:1: the key 1 is not text; expected "1" in quotes'),
        ("? [a]\n: b", "f.yaml:1:3: a key is a list or a mapping; expected text"),
        ("a: &x k\n*x : b", "f.yaml:2:1: a key is an alias; expected text"),
        ("a: &x {}\nb: {<<: *x}", "f.yaml:2:5: merge keys ('<<') are not supported; expected the keys written out"),
        ("a: !!int 1", "f.yaml:1:4: the tag '!!int' is not supported; expected a plain value"),
        ("a: ! 1", "f.yaml:1:4: the tag '!' is not supported; expected a plain value"),
        ("a: !!set {}", "f.yaml:1:4: the tag '!!set' is not supported; expected a plain value"),
        ("a: *x", "f.yaml:1:4: the alias '*x' stands for nothing; expected an anchor '&x' above it"),
        ("a: &x [*x]", "f.yaml:1:8: the alias '*x' stands for something that it is itself inside"),
        ("a\n---\nb", "f.yaml:2:1: a second document begins; expected one document a file"),
        ("# only this", "f.yaml:1:1: the file holds nothing but comments"),
        ("a:\n\tb: 1", "f.yaml:2:1: a tab stands where YAML wants spaces; expected spaces to indent with"),
    ],
)
@pytest.mark.usefixtures("parser")
def test_what_a_policy_may_not_have_is_refused_where_it_stands(text, message):
    assert refusal(text) == message


@pytest.mark.usefixtures("parser")
def test_half_a_character_is_refused():
    assert refusal('a: "\\ud800"').startswith("f.yaml:1:")


@pytest.mark.usefixtures("parser")
def test_a_character_that_yaml_does_not_have_is_refused_in_one_line():
    assert len(refusal("a: \0").splitlines()) == 1


@pytest.mark.usefixtures("parser")
def test_all_problems_of_the_keys_are_told_at_once():
    assert len(refusal("a: 1\na: 2\n3: 4\nb: !x y\n").splitlines()) == 3


@pytest.mark.usefixtures("parser")
def test_tags_that_the_caller_passes_over_leave_text():
    source = SourceText("f.yaml", "a: !vault |\n  $ANSIBLE\nb: !vault 12\n")
    assert parse_yaml(source, text_tags=frozenset({"!vault"})).data == {"a": "$ANSIBLE\n", "b": "12"}


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 50_000, "- " * 900 + "x", "? " * 900], ids=lambda text: text[:3]
)
@pytest.mark.usefixtures("parser")
def test_deep_nesting_is_refused_before_anything_overflows(text):
    assert "nested more than" in refusal(text) or "a key is" in refusal(text)


@pytest.mark.usefixtures("parser")
def test_nesting_through_aliases_counts_too():
    steps = "".join(f"a{number}: &a{number} [*a{number - 1}]\n" for number in range(1, 2 * MAX_DEPTH))
    assert "nested more than" in refusal("a0: &a0 []\n" + steps)


@pytest.mark.usefixtures("parser")
def test_as_deep_as_allowed_is_allowed():
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).data


def test_aliases_count_as_often_as_they_are_used():
    levels = "".join(f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]\n" for at in range(1, 10))
    assert "more than 1,000,000 values" in refusal("a0: &a0 [x]\n" + levels)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("[]{}:,-?!&*#|>'\"%@` \t\nab01~<"))
@example("&a [*a]")
@example("? ")
@example("- &a\n- *a")
@example("!")
@example("%YAML 3.0\n---\na")
@example('"\\ud800"')
@example("a: b: c")
def test_any_text_gives_values_with_places_or_a_policy_error(text):
    try:
        places = [node.location for node in values(parse_yaml(decode_text(text.encode(), "f.yaml")))]
        assert all(place.snippet is not None and 1 <= place.column < place.end_column for place in places)
    except PolicyError as error:
        places = [problem.location for problem in error.problems]
    assert {place.file for place in places} == {"f.yaml"}


@given(st.binary())
@example(b"\xff\xfe")
@example(b"a: \xc3")
def test_any_bytes_give_text_or_a_policy_error(raw):
    try:
        assert decode_text(raw, "f.yaml").text.encode() == raw.removeprefix(b"\xef\xbb\xbf")
    except PolicyError as error:
        refused = str(error)
        assert refused.startswith("f.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18) + 1, 10**18 - 1) | st.text("abc :#-'\"\n0123456789é"),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("abcxyz -", min_size=1), inner),
        max_leaves=20,
    )
)
def test_what_a_yaml_writer_wrote_comes_back(data):
    def quoted(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"')

    class Writer(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base's signature
            return True

    Writer.add_representer(str, quoted)
    assert read(yaml.dump(data, Dumper=Writer, allow_unicode=True)).data == data


def test_of_a_file_with_countless_problems_enough_are_told():
    assert len(refusal("a: 1\n" * 5000).splitlines()) == MAX_PROBLEMS


def test_a_line_too_long_to_show_is_not_shown():
    place = read("a: [" + "x, " * 1000 + "y]").fields["a"].items[1000].location
    assert (place.column, place.snippet) == (3005, None)


def test_values_are_counted_once_however_deep_they_stand(monkeypatch):
    monkeypatch.setattr(located_yaml, "MAX_NODES", 10)
    assert read("[[[[1, 2, 3, 4, 5]]]]").data
    assert "more than 10 values" in refusal("[[[[1, 2, 3, 4, 5, 6, 7]]]]")
