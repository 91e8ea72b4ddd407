"""What a file is that is no evidence, where that is plain, and what to give instead. Asked of what nothing reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.collect.format import Head

NOTHING_NEAR = "; 'auditor import --help' lists what is read"
_SHOW = "give what 'terraform show -json"
_SOCKETS = "give what 'ss -tulnp' prints, as it is"
_BLOCKS = (
    r"[ \t]*(?:resource|data)[ \t]+\"[\w-]+\"[ \t]+\"[\w-]+\"[ \t]*\{"
    r"|(?:module|provider|variable)[ \t]+\"[\w-]+\"[ \t]*\{|terraform[ \t]*\{"
)
"""How blocks of HCL begin."""
_BYTES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", f"it is a zip archive; of a saved plan of Terraform's {_SHOW} FILE' prints"),
    (b"\x1f\x8b", "it is compressed: unpack it"),
    (b"BZh", "it is compressed: unpack it"),
    (b"\xfd7zXZ\0", "it is compressed: unpack it"),
    (b"\x28\xb5\x2f\xfd", "it is compressed: unpack it"),
)
_BEGINNINGS: tuple[tuple[str, str], ...] = (
    (r'\{[^\n]{0,200}\s*"auditor"\s*:\s*"audit"', "it is an audit report; those go to 'auditor report' or --baseline"),
    (r"\[\s*\]\s*\Z", "it is an empty list, and does not say who found nothing"),
    (r'\{\s*"version"\s*:\s*\d+\s*,\s*"terraform_version"', f"it is Terraform's own state: {_SHOW} FILE' prints of it"),
    (r'\{\s*"@level"\s*:', f"it is Terraform's log: {_SHOW} tfplan' prints"),
    (r'\[\s*\{\s*"(?:netid|proto|command)"\s*:',
     "it looks like jc's JSON, which leaves out what counts: give what ss, netstat or lsof itself prints"),
    (r"(?:NAMESPACE\s+)?NAME\s+(?:READY|TYPE|CLASS|STATUS|DESIRED|ENDPOINTS|HOSTS)\b",
     "it is kubectl's table for people: give what it prints with -o json"),
    (r"Name:[ \t]+\S+[ \t]*\r?\nNamespace:",
     "it is kubectl's description for people: give what 'kubectl get -o json' prints"),
    (r"(?:F\s+S\s+|\S+\s+)?(?:PID|UID)\b[^\n]*\b(?:COMMAND|CMD)\b",
     f"it is a list of processes without ports: {_SOCKETS}"),
    (r"\{\{|\{%", "it is a template: render it first, as with 'helm template'"),
    (r"\S+ \((?:default, )?(?:active|default)\)[ \t]*\r?\n\s+target:",
     "it is firewalld's listing for people: give what 'nft -j list ruleset' prints"),
)  # fmt: skip
_LINES: tuple[tuple[str, str], ...] = (
    (r"(?:Starting Nmap |Nmap scan report for )", "it is nmap's output for people: use -oX"),
    (r"Discovered open port \d+/", "it is masscan's output for people: use -oJ"),
    (_BLOCKS, f"it is Terraform's configuration, not a plan: {_SHOW} tfplan' prints"),
    (r"(?:Terraform|OpenTofu) (?:will perform|used the selected providers)",
     f"it is a plan for people: {_SHOW} tfplan' prints"),
    (r"[ \t]*\"\$schema\"\s*:\s*\"[^\"\n]*deploymentTemplate|resource[ \t]+\w+[ \t]+'Microsoft",
     "it is a template of Azure's, which is not read"),
    (r"FROM[ \t]+\S+",
     "it is a Dockerfile, which publishes nothing: give the compose file, or what 'docker inspect' prints"),
    (r"(?:pass|block)[ \t]+(?:drop |return )?(?:in|out|log|quick|all|on)\b", "rules of pf are not read"),
    (r"(?:rules|hosts):", "it looks like a policy, which comes first on the command line"),
    (r"[ \t]*\{\{-?[ \t]", "it is a template: render it first, as with 'helm template'"),
    (r"[^\n]{0,200}\bLISTEN(?:ING)?\b|(?:tcp|udp)6?[ \t][^\n]{0,200}[:.]\d+\s",
     f"it looks like a table of sockets in a form that is not known: {_SOCKETS}"),
)  # fmt: skip
_STARTS = [(re.compile(pattern), hint) for pattern, hint in _BEGINNINGS]
_ANYWHERE = [(re.compile(f"^(?:{pattern})", re.MULTILINE), hint) for pattern, hint in _LINES]


def hint(head: Head, for_people: Callable[[str], str | None]) -> str:
    """Return what to add to "not recognised": what the file looks like, or else where it says what is read.

    ``for_people`` knows the listings of firewalls.
    """
    found = next((text for mark, text in _BYTES if head.data.startswith(mark)), None)
    if found is None and b"\0" in head.data[:1024] and not head.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        found = "it is binary"
    found = found or next((text for pattern, text in _STARTS if pattern.match(head.text)), None)
    found = found or for_people(head.text)
    found = found or next((text for pattern, text in _ANYWHERE if pattern.search(head.text)), None)
    return f" ({found})" if found else NOTHING_NEAR
