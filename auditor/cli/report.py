"""``auditor report``: a saved audit, rendered again."""

from __future__ import annotations

from typing import Annotated

import typer

from auditor.cli import options as given


def report(
    audit: Annotated[
        str,
        typer.Argument(metavar="AUDIT.json", help="An audit that `check -o json=FILE` wrote; - for standard input."),
    ],
    output: given.Reports = None,
    sarif_anchor: given.SarifAnchor = None,
    sarif_category: given.SarifCategory = None,
    sarif_include_excepted: given.SarifIncludeExcepted = False,
    verbose: given.Verbose = False,
) -> int:
    """Render a saved audit in other formats.

    Exits with the audit's own code, so that a later step can still gate; 2 bad usage; 4 it cannot be read or written.
    """
    from auditor.cli import output as reports
    from auditor.files.spare import spare
    from auditor.report.audit_file import read_audit

    wanted = reports.outputs(output)
    spare([audit], reports=[output.path for output in wanted if output.path])
    loaded = read_audit(audit).audit
    options = reports.options(
        verbose=verbose,
        sarif_anchor=sarif_anchor,
        sarif_category=sarif_category,
        sarif_include_excepted=sarif_include_excepted,
    )
    reports.write(loaded, wanted, options)
    return loaded.exit_code
