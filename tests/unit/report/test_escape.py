import re
from xml.etree import ElementTree as ET

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from auditor.report import escape

anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
lively = st.lists(
    st.one_of(
        anything, st.sampled_from(["::", "##[", "##vso[", "##VSO[", "#", "\n", "\r", " ", "\t", "](", "{0}", "\x1b["])
    ),
    max_size=12,
).map("".join)


def obeyed(line):
    """Whether a CI runner takes the line for a command: blanks before colons are cut, brackets are found anywhere."""
    return line.lstrip().startswith("::") or re.search(r"##(vso|teamcity)?\[", line, re.IGNORECASE) is not None


@given(lively)
def test_what_a_terminal_shows_is_printable_text_and_newlines(text):
    assert all(char == "\n" or char.isprintable() for char in escape.terminal(text))


@given(lively)
def test_one_line_is_one_printable_line(text):
    assert escape.one_line(text).isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_printable_text_stays_as_it_is(text):
    assert escape.one_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("a\x00b\x7f", "a\\x00b\\x7f"),
        ("\u202egnp", "\\u202egnp"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_would_act_or_hide_is_shown_as_the_escape_that_programmers_know(text, shown):
    assert escape.one_line(text) == shown


@given(lively)
def test_no_line_of_safe_text_is_a_workflow_command(text):
    assert not any(obeyed(line) for line in re.split(r"[\n\r]", escape.workflow_safe(text)))


def test_harmless_colons_and_hashes_stay():
    text = "[::1]:80 is open\n2001:db8::1\n# comment ## [x]"
    assert escape.workflow_safe(text) == text


@given(lively)
def test_xml_text_is_well_formed_and_survives_a_parser(text):
    element = ET.Element("a")
    element.text = escape.xml(text)
    written = escape.xml_safe(ET.tostring(element, encoding="unicode"))
    assert fromstring(written.encode()).text == (element.text or None)
    assert not any(obeyed(line) for line in written.splitlines())


def test_characters_that_xml_forbids_become_replacement_characters():
    assert escape.xml("a\x00b\x1bc\ufffe") == "a\ufffdb\ufffdc\ufffd"


def test_characters_that_hide_are_visible_in_xml():
    assert escape.xml("\u202ex\ud800\x85") == "\\u202ex\\ud800\\x85"


@given(lively)
def test_json_keeps_its_meaning_and_holds_no_command(text):
    import json

    written = escape.json_safe(json.dumps({"text": text}, indent=1))
    assert json.loads(written) == {"text": text}
    assert not any(obeyed(line) for line in written.splitlines())


@given(lively)
def test_markdown_is_one_line_without_live_markup(text):
    shown = escape.markdown(text)
    assert shown.isprintable() or "\u200b" in shown
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[*_`|\[\]]", shown.replace("&#124;", ""))
    assert "<" not in shown
    assert not re.search(r"@\w", shown)


def test_markdown_shows_the_very_characters():
    assert escape.markdown("a|b <i> [x](1) `c` @me https://x") == (
        "a&#124;b &lt;i&gt; \\[x\\]\\(1\\) \\`c\\` @\u200bme https&#58;//x"
    )


def test_a_code_span_cannot_be_left():
    assert escape.markdown_code("a`|b\n") == "`a'\u00a6b\\n`"
    assert escape.markdown_code("") == "` `"


@given(lively)
def test_sarif_text_holds_no_link_and_no_placeholder(text):
    shown = escape.sarif(text)
    assert "](" not in shown
    assert not re.search(r"(?<!\{)\{\d+\}(?!\})", shown)


@given(lively)
def test_no_cell_is_a_formula(text):
    assert not escape.csv_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(lively)
def test_a_workflow_message_is_one_line_without_bare_percent_signs(text):
    for shown in (escape.github_data(text), escape.github_property(text)):
        assert shown.isprintable()
        assert not re.search(r"%(?!25|0D|0A|3A|2C)", shown)
    assert not set(":,") & set(escape.github_property(text))
