"""``auditor report``: a saved audit, rendered again."""

from __future__ import annotations

from typing import Annotated

import typer

from auditor.cli import options as given

_LARGEST = 1 << 30
"""Bytes. An audit of a hundred thousand hosts takes a tenth of it."""


def report(
    audit: Annotated[str, typer.Argument(metavar="AUDIT.json", help="An audit that `check -o json=FILE` wrote.")],
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
    from auditor.report.json_load import load

    wanted = reports.outputs(output)
    spare([audit], reports=[output.path for output in wanted if output.path])
    loaded = load(_read(audit), audit)
    options = reports.options(
        verbose=verbose,
        sarif_anchor=sarif_anchor,
        sarif_category=sarif_category,
        sarif_include_excepted=sarif_include_excepted,
    )
    reports.write(loaded, wanted, options)
    return loaded.exit_code


def _read(name: str) -> bytes:
    from pathlib import Path

    from auditor.errors import EvidenceError

    try:
        with Path(name).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise EvidenceError(f"cannot read {name}: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise EvidenceError(f"{name}: larger than {_LARGEST:,} bytes: not an audit")
    return data
