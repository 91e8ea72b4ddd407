"""What the messages of the auditor look like, and which exit code each exception ends in."""

from __future__ import annotations

from auditor import errors
from auditor.model.location import Location


def test_a_problem_reads_as_one_line_with_place_expectation_and_nearest_word() -> None:
    problem = errors.Problem(
        location=Location(file="exposure.yaml", line=7, column=3),
        message="unknown key 'alow'",
        expected="allow, require or deny",
        suggestion="allow",
    )
    assert str(problem) == (
        "exposure.yaml:7:3: unknown key 'alow'; expected allow, require or deny; did you mean 'allow'?"
    )


def test_a_problem_of_a_whole_file_names_the_file_alone() -> None:
    problem = errors.Problem(location=Location(file="exposure.yaml"), message="is empty")
    assert str(problem) == "exposure.yaml: is empty"


def test_a_policy_error_lists_its_problems_in_the_order_of_the_file() -> None:
    places = [(9, 1), (2, 8), (2, 3)]
    problems = [
        errors.Problem(location=Location(file="p.yaml", line=line, column=column), message="wrong")
        for line, column in places
    ]
    assert str(errors.PolicyError(problems)).splitlines() == [
        "p.yaml:2:3: wrong",
        "p.yaml:2:8: wrong",
        "p.yaml:9:1: wrong",
    ]


def test_bad_use_and_a_failed_audit_end_in_different_codes() -> None:
    assert {error.exit_code for error in (errors.UsageError, errors.PolicyError)} == {errors.ExitCode.USAGE}
    failed = (errors.EvidenceError, errors.CollectError, errors.ReportError)
    assert {error.exit_code for error in failed} == {errors.ExitCode.FAILED}


def test_the_exit_codes_are_the_documented_numbers() -> None:
    assert [(code.name, int(code)) for code in errors.ExitCode] == [
        ("CONFORMS", 0),
        ("VIOLATIONS", 1),
        ("USAGE", 2),
        ("UNVERIFIED", 3),
        ("FAILED", 4),
        ("INTERRUPTED", 130),
    ]
