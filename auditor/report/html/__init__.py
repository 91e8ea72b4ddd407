"""HTML: the compliance report, one file for a screen, a phone or paper, that loads nothing and asks nobody.

What it says is laid out by the modules beside this one as plain records; the templates in ``page/`` only arrange them.
Every text is escaped on its way into the page, and what would hide or act is shown as a visible escape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.report.escape import xml_safe

if TYPE_CHECKING:
    from auditor.model.findings import Audit
    from auditor.report.options import ReportOptions

__all__ = ["render"]


def render(audit: Audit, options: ReportOptions) -> bytes:
    """Write one HTML document in UTF-8, with its style and script inside and a policy that lets it load nothing."""
    from auditor.report.html.document import written

    # Job logs show artifacts, too: runners must find no command in the page.
    return xml_safe(written(audit, options)).encode()
