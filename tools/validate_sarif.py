"""Holds the SARIF of examples against Microsoft's validator, with the rules of the standard and of GitHub's upload.

The validator is a program of 100 MB from npm (``@microsoft/sarif-multitool-linux``), so it is no part of the tests. It ends
with 0 whatever it finds: what counts is the log that it writes. A log with faults goes first: a validator that does not
find them has validated nothing.

Usage: python tools/validate_sarif.py [PATH-OF-SARIF-FILE...]     (default: every examples/*/expected.sarif)
Ends with 1 if there is an error or a warning, with 4 if nothing could be validated.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from npm_packages import ROOT, installed

FAULTY = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "faulty", "rules": [{"id": "A1"}]}},
            "results": [{"ruleId": "A2", "ruleIndex": 0, "message": {"text": "no end"}, "locations": []}],
        }
    ],
}


def validator() -> Path:
    """Return the program, fetched from npm if it is not there yet."""
    program = installed() / "@microsoft/sarif-multitool-linux/Sarif.Multitool"
    program.chmod(0o755)
    return program


def remarks(program: Path, log: Path, folder: Path) -> list[str]:
    """Return what the validator says of a log: errors and warnings, a line each.

    :raises RuntimeError: it did not finish.
    """
    out = folder / "out.sarif"
    out.unlink(missing_ok=True)
    command = [program, "validate", log, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning", "-o", out]
    environment = os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not out.exists():
        raise RuntimeError(f"{log}: the validator wrote nothing: {done.stdout}{done.stderr}")
    (run,) = json.loads(out.read_text("utf-8-sig"))["runs"]
    notes = [
        note
        for invocation in run.get("invocations", [])
        for kind in ("toolExecutionNotifications", "toolConfigurationNotifications")
        for note in invocation.get(kind, [])
        if note.get("level", "warning") != "note"
    ]
    return [
        f"{found.get('level', 'warning')} {found.get('ruleId') or found.get('descriptor', {}).get('id')}: "
        f"{found['message'].get('text') or ' | '.join(found['message'].get('arguments', []))}"
        for found in (*run.get("results", []), *notes)
    ]


def main() -> int:
    """Validate, and print a line a log."""
    logs = [Path(text) for text in sys.argv[1:]] or sorted(ROOT.glob("examples/*/expected.sarif"))
    program = validator()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        faulty = Path(folder) / "faulty.sarif"
        faulty.write_text(json.dumps(FAULTY), encoding="utf-8")
        if not logs or not remarks(program, faulty, Path(folder)):
            print("nothing was validated: there is no log, or the validator passes a faulty one", file=sys.stderr)
            return 4
        for log in logs:
            said = remarks(program, log, Path(folder))
            bad += bool(said)
            print(f"{log}: {'; '.join(said) or 'no error, no warning'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
