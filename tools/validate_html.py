"""Holds the HTML report against two validators: html-validate, and vnu, the W3C's checker (which needs Java).

What is validated: the golden pages of the tests, every example's audit rendered anew, and a page of hostile texts. A
page with faults goes first: a validator that does not find them has validated nothing.

Usage: python tools/validate_html.py [PATH-OF-HTML-FILE...]     (default: all of the above)
Ends with 1 if either validator has a remark, with 4 if nothing could be validated.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from npm_packages import ROOT, installed

FAULTY = (
    '<!DOCTYPE html><html lang="en"><head><title>x</title></head><body><p id="a"><div id="a"></p><img></body></html>'
)
UNKNOWN_TO_VNU = "violates Content Security Policy (meta tag): blocked by"
"""vnu allows inline styles and scripts by ``unsafe-inline`` or a nonce alone; it does not compute hashes (CSP 3, 8.3)."""

Remarks = dict[str, list[str]]


def html_validate(pages: list[Path]) -> Remarks:
    """Return what html-validate says with its recommended rules: of each page its remarks."""
    program = installed() / ".bin/html-validate"
    with tempfile.TemporaryFile() as out:  # it ends before a pipe has taken everything
        subprocess.run([program, "--preset", "recommended", "--formatter", "json", *pages], stdout=out, check=False)
        out.seek(0)
        answer = json.load(out)
    said: Remarks = {}
    for page in answer:
        for one in page["messages"]:
            text = f"html-validate: {one['line']}:{one['column']}: {one['message']} ({one['ruleId']})"
            said.setdefault(page["filePath"], []).append(text)
    return said


def vnu(pages: list[Path]) -> Remarks:
    """Return what vnu says: of each page its errors, warnings and remarks."""
    jar = installed() / "vnu-jar/build/dist/vnu.jar"
    done = subprocess.run(
        ["java", "-jar", jar, "--format", "json", "--exit-zero-always", *pages],
        capture_output=True,
        text=True,
        check=True,
    )
    said: Remarks = {}
    for one in json.loads(done.stderr)["messages"]:
        if UNKNOWN_TO_VNU not in one["message"]:
            text = f"vnu: {one.get('lastLine', 0)}:{one.get('firstColumn', 0)}: {one['message']}"
            said.setdefault(one["url"].removeprefix("file:"), []).append(text)
    return said


def written(folder: Path) -> list[Path]:
    """Write the pages that are not in the repository: every example's audit, and a page of hostile texts."""
    sys.path.insert(0, str(ROOT))
    from auditor.report import json_load
    from auditor.report.html import render
    from auditor.report.options import DEFAULTS
    from tests.unit.report import audits

    found = [audits.finding(text, f"{at}/tcp", message=text, actual=text) for at, text in enumerate(audits.HOSTILE, 1)]
    reports = {"hostile": audits.audit_of(found, hosts=[audits.host(text) for text in audits.HOSTILE])}
    for path in sorted(ROOT.glob("examples/*/expected.json")):
        reports[path.parent.name] = json_load.load(path.read_bytes())
    for name, audit in reports.items():
        (folder / f"{name}.html").write_bytes(render(audit, DEFAULTS))
    return sorted(folder.glob("*.html"))


def main() -> int:
    """Validate, and print a line a page."""
    if shutil.which("java") is None:
        print("nothing was validated: vnu needs Java", file=sys.stderr)
        return 4
    with tempfile.TemporaryDirectory() as folder:
        faulty = Path(folder, "faulty.htm")
        faulty.write_text(FAULTY, encoding="utf-8")
        pages = [Path(text).resolve() for text in sys.argv[1:]]
        pages = pages or [*sorted(ROOT.glob("tests/unit/report/golden/*.html")), *written(Path(folder))]
        said = [validate([faulty, *pages]) for validate in (html_validate, vnu)]
        if not all(remarks.get(str(faulty)) for remarks in said):
            print("nothing was validated: a validator passes a faulty page", file=sys.stderr)
            return 4
        told = {page: [text for remarks in said for text in remarks.get(str(page), ())] for page in pages}
        for page, remarks in told.items():
            print(f"{page.relative_to(ROOT) if page.is_relative_to(ROOT) else page.name}: ", end="")
            print("; ".join(remarks) or "no error, no warning")
    return 1 if any(told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
