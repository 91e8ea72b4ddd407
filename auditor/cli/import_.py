"""``auditor import``: other tools' output, written as a snapshot."""

from __future__ import annotations

from typing import Annotated

import typer

from auditor.cli import options as given
from auditor.cli.say import tell


def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Output of other tools; '-' is standard input.")
    ],
    save: Annotated[str, typer.Option("--save", "-o", metavar="SNAPSHOT", help="The snapshot file to write.")],
    vantage: given.From = None,
    host: given.HostName = None,
    asked: given.Asked = None,
    taken: given.Taken = None,
) -> int:
    """Read other tools' output, of any kind that `check` takes, and write one snapshot.

    Probes: nmap XML and grepable; masscan JSON, list, grepable and XML; naabu JSON lines and CSV; zmap CSV and JSON;
    RustScan; lines of host:port. Socket tables: ss, lsof, netstat and osquery. Declared: compose, Docker, Kubernetes,
    Terraform, CloudFormation and host firewalls. --asked and --taken say what they cannot say themselves.

    Exit codes: 0 complete; 2 bad usage; 3 the evidence is incomplete, and the snapshot says so; 4 it cannot be read.
    """
    from auditor.cli.merge import joined
    from auditor.collect.registry import open_all
    from auditor.files.spare import reading, spare

    spare(files, snapshot=save)
    pieces = open_all(files, vantage=vantage, host=host, asked=given.asked(asked), taken=given.taken(taken))
    with reading():
        code = joined(pieces, save)
    for remark in filter(None, (piece.remark for piece in pieces)):
        tell(remark)
    return code
