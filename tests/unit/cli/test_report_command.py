"""``auditor report`` renders a saved audit again, from a file or from standard input; usage errors name its help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AUDITOR = Path(sys.executable).with_name("auditor")
GOLDEN = Path(__file__).parents[1] / "report" / "golden" / "everything.json"


def auditor(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([AUDITOR, *arguments], input=given, capture_output=True, check=False, timeout=60)


def test_an_audit_from_standard_input_is_rendered_as_from_its_file() -> None:
    piped, named = auditor("report", "-", given=GOLDEN.read_bytes()), auditor("report", str(GOLDEN))
    assert piped.stdout == named.stdout != b""
    assert piped.returncode == named.returncode == 1


def test_what_is_no_audit_on_standard_input_is_one_line_and_exit_code_4() -> None:
    for data in (b"", b"[]", b"\xff\x00", b"{"):
        done = auditor("report", "-", given=data)
        assert done.returncode == 4
        assert done.stderr.startswith(b"error: standard input")
        assert done.stderr.count(b"\n") == 1


def test_usage_errors_name_the_help_of_the_command_that_was_called() -> None:
    for arguments, named in (
        (("scan", "--nonsense"), "auditor scan --help"),
        (("policy", "validate", "--nonsense"), "auditor policy validate --help"),
        (("--nonsense",), "auditor --help"),
    ):
        done = auditor(*arguments)
        assert done.returncode == 2
        assert done.stderr.decode().splitlines()[0].endswith(f"; see '{named}'")


def test_a_service_that_nothing_is_known_by_is_warned_of_by_validate_and_by_check(tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "version: 1\nhosts: {web: 192.0.2.10}\nrules:\n  - hosts: web\n    allow:\n      - "
        "{port: 22, service: foobar}\n"
    )
    seen = tmp_path / "seen.jsonl"
    seen.write_text('{"auditor": "snapshot", "version": 1, "kind": "probe"}\n{"complete": true}\n')
    for arguments in (("policy", "validate", str(policy)), ("check", str(policy), str(seen))):
        said = auditor(*arguments).stderr.decode()
        assert "p.yaml:6: no service is known by the name 'foobar'" in said
