"""Variables by compose's rules: https://docs.docker.com/reference/compose-file/interpolation/ ."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.declared.compose.dotenv import DotenvError, parse_dotenv
from auditor.collect.declared.compose.variables import TemplateError, blank, lacks_required, substitute, unset

VARIABLES = {"SET": "value", "EMPTY": "", "PORT": "8080", "A_1": "one"}


def filled(text):
    return substitute(text, VARIABLES.get)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("no variable", "no variable"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a${SET}b$A_1", "avaluebone"),
        ("$$SET", "$SET"),
        ("$${SET}", "${SET}"),
        ("$1 and $ and $.", "$1 and $ and $."),
        ("${SET:-other}", "value"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("${MISSING:-other}", "other"),
        ("${MISSING-other}", "other"),
        ("${MISSING-}", ""),
        ("${MISSING:-}", ""),
        ("${SET:+other}", "other"),
        ("${EMPTY:+other}", ""),
        ("${EMPTY+other}", "other"),
        ("${MISSING:+other}", ""),
        ("${MISSING+other}", ""),
        ("${SET:?needed}", "value"),
        ("${EMPTY?needed}", ""),
        ("${MISSING:-${SET}}", "value"),
        ("${MISSING:-${EMPTY:-${PORT}}}", "8080"),
        ("${MISSING:-a}${EMPTY:-b}", "ab"),
        ("${MISSING:-{x}}", "{x}"),
        ("${SET:+${PORT}}:80", "8080:80"),
        ("${MISSING:-a:-b?c}", "a:-b?c"),
        ("${PORT:-80}:${PORT:-80}/udp", "8080:8080/udp"),
    ],
)
def test_every_form_of_a_variable_becomes_what_compose_makes_of_it(text, becomes):
    assert filled(text) == becomes


@pytest.mark.parametrize(
    ("text", "names", "rest"),
    [
        ("${MISSING}:80", ("MISSING",), ":80"),
        ("$MISSING", ("MISSING",), ""),
        ("${MISSING:-$ALSO}x", ("ALSO",), "x"),
        ("${ONE}${TWO}${ONE}", ("ONE", "TWO"), ""),
        ("${EMPTY:?needed}", ("EMPTY",), ""),
    ],
)
def test_what_is_not_set_stays_visible_and_is_blank_to_compose(text, names, rest):
    assert unset(filled(text)) == names
    assert blank(filled(text)) == rest


def test_a_required_variable_that_is_missing_is_told_from_a_plain_one():
    assert lacks_required(filled("${MISSING:?set it}"))
    assert not lacks_required(filled("${MISSING}"))


@pytest.mark.parametrize("text", ["${", "${SET", "${}", "${1}", "${SET!x}", "${ SET}", "${SET:x}", "${a-${b}"])
def test_what_compose_takes_for_no_template_is_refused(text):
    with pytest.raises(TemplateError):
        filled(text)


def test_variables_cannot_grow_without_end():
    with pytest.raises(TemplateError, match="deep"):
        filled("${X:-" * 100 + "}" * 100)
    with pytest.raises(TemplateError, match="long"):
        substitute("$A" * 1000, {"A": "x" * 1000}.get)


@given(st.text(alphabet="${}:-+?AZ_ 019", max_size=60))
def test_any_text_is_filled_in_or_refused(text):
    with suppress(TemplateError):
        assert isinstance(filled(text), str)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("# note\n\n  A=1", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("A = 1", {"A": "1"}),
        ("A: 1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=1 # note", {"A": "1"}),
        ("A=1#no note", {"A": "1#no note"}),
        ("A='1 # no note' # note", {"A": "1 # no note"}),
        ('A="x\\ny"', {"A": "x\ny"}),
        ("A='x\\ny'", {"A": "x\\ny"}),
        ('A="one\ntwo"\nB=3', {"A": "one\ntwo", "B": "3"}),
        ("A='it\\'s'", {"A": "it's"}),
        ("A=1\nB=${A}2", {"A": "1", "B": "12"}),
        ("A=1\nB='${A}2'", {"A": "1", "B": "${A}2"}),
        ('A=1\nB="${A}2"', {"A": "1", "B": "12"}),
        ('A="\\$X"', {"A": "$X"}),
        ("B=${MISSING:-3}", {"B": "3"}),
        ("B=$OUTER", {"B": "around"}),
        ("OUTER=own\nB=$OUTER", {"OUTER": "own", "B": "around"}),
        ("OUTER\nA=1", {"OUTER": "around", "A": "1"}),
        ("NOBODY\nA=1", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=one\nA=two", {"A": "two"}),
        ("1A=x\nB=2", {"B": "2"}),
        ("A=a=b", {"A": "a=b"}),
    ],
)
def test_dotenv_files_are_read_by_composes_rules(text, variables):
    assert parse_dotenv(text, {"OUTER": "around"}.get) == variables


@pytest.mark.parametrize(
    ("text", "says"),
    [("A=1\nB='open", "line 2: a quote"), ("A B=1", "line 1: a name"), ("A!=secret", "line 1: a character"),
     ("A=${", "line 1: '\\${'")],
)  # fmt: skip
def test_a_broken_dotenv_file_is_refused_without_its_values(text, says):
    with pytest.raises(DotenvError, match=says) as caught:
        parse_dotenv(text, {}.get)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=80) | st.text(alphabet="AB=:'\"\\$ \n#{}export", max_size=80))
def test_any_text_is_a_dotenv_file_or_refused(text):
    with suppress(DotenvError):
        assert isinstance(parse_dotenv(text, {}.get), dict)
