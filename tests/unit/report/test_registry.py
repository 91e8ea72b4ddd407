import subprocess
import sys

import pytest

from auditor.errors import UsageError
from auditor.report.registry import FORMATS, parse_output


def test_every_format_goes_by_its_own_name():
    assert {name: known.name for name, known in FORMATS.items()} == {name: name for name in FORMATS}


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("text", "text", None),
        ("sarif=out.sarif", "sarif", "out.sarif"),
        ("junit=a=b.xml", "junit", "a=b.xml"),
        ("JSON=-", "json", None),
    ],
)
def test_an_output_is_a_format_and_maybe_a_file(text, name, path):
    output = parse_output(text)
    assert (output.format.name, output.path) == (name, path)


def test_an_unknown_format_names_the_valid_ones_and_the_nearest():
    with pytest.raises(
        UsageError, match=r"unknown report format 'serif'; valid are text, json.*did you mean 'sarif'\?"
    ):
        parse_output("serif=x")


def test_a_bare_file_name_is_met_with_the_format_it_wants():
    with pytest.raises(UsageError, match=r"did you mean 'junit=report\.xml'\?"):
        parse_output("report.xml")


def test_an_outlandish_format_is_escaped_and_gets_no_suggestion():
    with pytest.raises(UsageError) as caught:
        parse_output("\x1b[31m")
    assert "\\x1b" in str(caught.value)
    assert "did you mean" not in str(caught.value)


def test_an_empty_file_name_is_an_error():
    with pytest.raises(UsageError, match="empty"):
        parse_output("json=")


def test_importing_the_formats_loads_no_heavy_module():
    heavy = "json xml junit_xml textwrap urllib.parse jsonschema difflib rich csv"
    code = f"import sys, auditor.report.registry; print([m for m in '{heavy}'.split() if m in sys.modules])"
    bare = {"LC_ALL": "C.UTF-8"}  # without what makes coverage load modules of its own
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_several_formats_in_one_option_are_told_apart():
    with pytest.raises(UsageError, match=r"repeat -o: -o text -o json$"):
        parse_output("text,json")
