"""Makes ``auditor/files/services.tsv`` from IANA's registry of service names and port numbers.

Usage: ``python tools/make_services_table.py service-names-port-numbers.csv > auditor/files/services.tsv``

The registry's data are in the public domain (CC0). Kept are names with a TCP or UDP port; dropped are contacts, dates,
SCTP and DCCP, and reserved or unassigned rows. One line of the table is ``name, TCP ports, UDP ports, description``,
separated by tabs; a name has several lines where its ports have several descriptions. Of the names of one port the
first line is the preferred one: the registry's first, but for the few below.
"""  # noqa: INP001 - a script that is run by hand, no part of a package

from __future__ import annotations

import csv
import sys
from pathlib import Path

PREFERRED = ("submissions", "ident", "ftps", "pdl-datastream")
"""Registered after another name of the same port, and what that port is used for today."""

_LONGEST_DESCRIPTION = 160


def main() -> None:
    """Read the CSV file that the command line names and write the table to standard output."""
    groups: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            name, ports, protocol = row["Service Name"].lower(), row["Port Number"], row["Transport Protocol"]
            if not (name and ports and protocol in {"tcp", "udp"}) or " " in name:
                continue
            description = " ".join(row["Description"].split())[:_LONGEST_DESCRIPTION]
            tcp, udp = groups.setdefault((name, description), ([], []))
            (tcp if protocol == "tcp" else udp).append(ports)
    ordered = sorted(groups.items(), key=lambda group: group[0][0] not in PREFERRED)
    for (name, description), (tcp, udp) in ordered:
        sys.stdout.write(f"{name}\t{','.join(dict.fromkeys(tcp))}\t{','.join(dict.fromkeys(udp))}\t{description}\n")


if __name__ == "__main__":
    main()
