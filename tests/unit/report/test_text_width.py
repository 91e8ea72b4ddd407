"""The text report fits every terminal from 40 to 200 columns, and every terminal can show it."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from auditor.model.findings import Matrix, MatrixRow, Verdict
from auditor.model.location import Location
from auditor.model.ports import Port, PortSet
from auditor.report.options import ReportOptions
from auditor.report.source_line import source_line
from auditor.report.text import render
from auditor.report.text_wrap import columns, folded, wrapped
from tests.unit.report import audits

WIDTHS = (40, 60, 80, 120, 200)
SGR = re.compile(r"\x1b\[[0-9;]*m")

thorough = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # audits are too large to be made smaller in a minute
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)


def shown(audit, width, **changes):
    return render(audit, ReportOptions(width=width, wrap=True, **changes)).decode()


def is_one_word(line):
    return len(line.strip().removeprefix("--> ").split(" ")) == 1


@thorough
@given(audits.audits(), st.integers(40, 200), st.booleans(), st.booleans())
def test_no_line_is_longer_than_the_terminal_unless_it_is_one_word(audit, width, verbose, ascii_only):
    for line in shown(audit, width, verbose=verbose, ascii=ascii_only).splitlines():
        assert columns(line) <= width or is_one_word(line), line


@thorough
@given(audits.audits(), st.integers(40, 200), st.booleans())
def test_folded_lines_have_the_same_words_in_colour(audit, width, verbose):
    plain = shown(audit, width, verbose=verbose)
    assert SGR.sub("", shown(audit, width, verbose=verbose, color=True)) == plain


@thorough
@given(audits.audits(), st.integers(40, 200))
def test_folding_makes_no_command_for_runners(audit, width):
    for line in shown(audit, width, verbose=True).splitlines():
        assert not line.lstrip().startswith("::")


@thorough
@given(audits.audits(), st.integers(40, 200))
def test_a_terminal_without_unicode_gets_ascii(audit, width):
    assert shown(audit, width, ascii=True).isascii()


@pytest.mark.parametrize("width", WIDTHS)
def test_one_of_everything_fits(width):
    for line in shown(audits.fixed_audit(), width, verbose=True).splitlines():
        assert columns(line) <= width or is_one_word(line)


def test_ascii_keeps_the_carets_below_what_they_mean():
    place = audits.location(text="  wéb-1: x # …", mark="x")
    written = shown(audits.audit_of([audits.finding(policy_location=place)]), 80, ascii=True).splitlines()
    at = next(number for number, line in enumerate(written) if "^" in line)
    assert written[at - 1] == "12 |   w\\xe9b-1: x # ..."
    assert written[at - 1][written[at].index("^")] == "x"


def test_the_room_of_a_wide_terminal_is_used():
    names = [audits.finding(f"web-{at}") for at in range(90)]
    narrow, wide = (shown(audits.audit_of(names), width) for width in (80, 200))
    assert max(map(len, wide.splitlines())) > 150
    assert narrow.count("web-") < wide.count("web-")


@given(st.text("ab ,:日\u0301", max_size=80), st.integers(8, 60))
def test_folding_keeps_every_word(text, width):
    assert "".join("".join(folded(text, width)).split()).replace("\\x3a", ":") == "".join(text.split())
    for line in folded(text, width):
        assert columns(line) <= width or len(line) == 1


def test_other_lines_stand_below_the_text_of_the_first():
    assert wrapped("   = help: one two three four five six seven", 30) == [
        "   = help: one two three four",
        "           five six seven",
    ]
    assert wrapped("  violations  web-1  open 1,2,3 and more than fits", 40) == [
        "  violations  web-1  open 1,2,3 and more",
        "              than fits",
    ]


def test_a_list_without_blanks_is_folded_behind_its_commas():
    assert wrapped("ports: 1000,2000,3000,4000,5000,6000,7000", 20) == [
        "ports: 1000,2000,",
        "    3000,4000,5000,",
        "    6000,7000",
    ]


def test_colour_ends_with_each_line_and_goes_on_with_the_next():
    assert wrapped("\x1b[1mone two three\x1b[0m four", 8, hang=0) == [
        "\x1b[1mone two\x1b[0m",
        "\x1b[1mthree\x1b[0m",
        "four",
    ]


def test_wide_and_combining_characters_count_as_terminals_show_them():
    assert (columns("日本"), columns("e\u0301"), columns("\x1b[31mred\x1b[0m")) == (4, 1, 3)


@given(st.text("ab\t日\x1b ", max_size=300), st.integers(1, 300), st.integers(0, 40), st.integers(30, 200))
def test_a_source_line_and_its_carets_fit(text, column, length, width):
    place = Location(file="x", line=1, column=column, end_column=column + length, snippet=text)
    line = source_line(place, width)
    if line is not None:
        assert columns(line.text) <= width
        assert len(line.carets) <= width + 1


def test_a_line_of_a_megabyte_is_cut_at_once_around_the_carets():
    snippet = "x" * 500_000 + "HERE" + "y" * 500_000
    line = source_line(Location(file="x", line=1, column=500_001, end_column=500_005, snippet=snippet), 60)
    start = line.carets.index("^")
    assert line.text[start : len(line.carets)] == "HERE"
    assert len(line.text) <= 60


MATRIX = Matrix(
    host="web-1",
    vantages=("internet", "office"),
    rows=(
        MatrixRow(
            port=Port.parse("443/tcp"),
            policy="required",
            declared="to everyone",
            listening="0.0.0.0 as a-process-with-a-long-name",
            reachable=("open", None),
            locations=(audits.location(8, file="deploy/docker-compose.yml"),),
        ),
    ),
)


def test_a_matrix_is_a_table_where_it_fits_and_else_a_few_lines_a_port():
    audit = audits.audit_of(matrices=(MATRIX,))
    wide, narrow = shown(audit, 120), shown(audit, 40)
    assert "  port     policy    declared" in wide
    assert (
        "  443/tcp  required\n"
        "    declared       to everyone\n"
        "    listening      0.0.0.0 as\n"
        "                   a-process-with-a-long\n"
        "                   -name\n"
        "    from internet  open\n"
        "    from office    ?\n"
    ) in narrow


@pytest.mark.parametrize("width", WIDTHS)
def test_no_cell_of_a_matrix_is_cut(width):
    written = shown(audits.audit_of(matrices=(MATRIX,)), width)
    cells = "".join(written.split())
    assert "..." not in written
    assert "deploy/docker-compose.yml:8" in cells or width > 40


def test_long_names_of_hosts_do_not_push_lines_over_the_edge():
    row = audits.host("a-host-with-quite-a-long-name.example.org", Verdict.VIOLATIONS, open=PortSet.parse("1-9,80"))
    for width in WIDTHS:
        for line in shown(audits.audit_of(hosts=[row]), width).splitlines():
            assert columns(line) <= width or is_one_word(line)


def test_without_wrapping_lines_that_others_search_stay_whole():
    audit = replace(audits.fixed_audit(), matrices=())
    assert render(audit, ReportOptions(width=100)).decode().splitlines()[-1].count("violations") == 2
