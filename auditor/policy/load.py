"""The policy language: from files to a checked :class:`auditor.model.policy.Policy`. The first stage of every command.

Each file is read as strict YAML, held against the JSON Schema, and joined with what it extends; then its words are
given their meaning. Whatever is wrong in any of the files is collected and raised at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditor.model.policy import Policy
from auditor.policy.controls import read_controls
from auditor.policy.extends import gather
from auditor.policy.hosts import Hosts
from auditor.policy.nodes import text
from auditor.policy.options import joined_options, read_scan, read_settings
from auditor.policy.problems import Problems
from auditor.policy.rules import Entries
from auditor.policy.select import check
from auditor.policy.services import Services
from auditor.policy.spans import Spans
from auditor.policy.vantages import read_vantages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.extends import Document


_WITHOUT_HOSTS = frozenset({"rules", "exceptions", "scan", "settings", "services", "vantages", "controls"})


def load_policy(path: str | Path, *, today: date | None = None) -> Policy:
    """Read a policy and everything that it extends.

    ``today``, where it is given, bounds exceptions that do not say when they were approved, and approvals to come.

    :raises PolicyError: with every problem of every file: one cannot be read, is not strict YAML, breaks the schema,
        contradicts another, or names hosts, ports, vantages or packs that do not exist.
    """
    problems = Problems()
    documents = gather(Path(path), problems)
    if not documents:
        problems.raise_any()
    policy = _joined(documents, problems, today)
    if policy.hosts and _hosts_are_known(documents, problems):
        problems.extend(check(policy))
    problems.raise_any()
    return policy


def _hosts_are_known(documents: Sequence[Document], problems: Problems) -> bool:
    """Whether whatever is wrong stands in sections that declare no hosts, so that it can hide none."""
    by_name = {document.shown: document for document in documents}
    return all(
        place.file in by_name and _section(by_name[place.file].root, place) in _WITHOUT_HOSTS
        for place in problems.places
    )


def _section(root: Located, place: Location) -> str | None:
    """The key of a file in whose value a place lies; None for what stands beside the keys, such as a second one."""
    above = [(span, key) for key, span in root.keys.items() if (span.line, span.column) < (place.line, place.column)]
    if not above or place.column <= root.span.column:
        return None
    return max(above)[1]


def _joined(documents: Sequence[Document], problems: Problems, today: date | None) -> Policy:
    first = documents[0]
    services = Services(documents, problems)
    vantages = read_vantages(documents, problems)
    options = joined_options(first, problems)
    scan, settings = read_scan(options, services.ports, problems), read_settings(options, problems)
    hosts = Hosts(problems)
    entries = Entries(services.ports, vantages, Spans(settings.exception_max_days, today, problems), problems)
    for document in documents:
        hosts.read(document)
        entries.read(document)
    hosts.check_aliases()
    if not hosts.by_name and not problems:
        problems.add(hosts.location or first.root.location, "the policy has no hosts", expected="at least one host")
    return Policy(
        name=text(first.root, "name") or first.path.stem,
        hosts=hosts.by_name,
        vantages=vantages,
        services=services.by_name,
        controls=read_controls(documents, problems),
        rules=tuple(entries.rules),
        exceptions=tuple(entries.exceptions),
        scan=scan,
        settings=settings,
        files=(*(document.file for document in documents), *hosts.inventories),
        hosts_location=hosts.location or first.root.location,
    )
