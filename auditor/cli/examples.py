"""What each command's help ends with: a few command lines to copy, the plainest first, each with what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "check": (
        ("Scan the hosts of exposure.yaml, and judge them as seen from the office", "auditor check --from office"),
        (
            "Judge a scan of nmap, with reports for a pipeline",
            "auditor check exposure.yaml scan.xml -o text -o junit=junit.xml -o sarif=exposure.sarif",
        ),
        (
            "Before a deployment: what a compose file would publish on a host",
            "auditor check exposure.yaml compose.yaml --host web-1",
        ),
        ("Judge what listens on this machine", "auditor check --sockets --host web-1"),
    ),
    "scan": (
        ("Scan every TCP port of an address", "auditor scan 192.0.2.10"),
        ("Scan a few ports of a network", "auditor scan 192.0.2.0/28 --ports 22,80,443,8000-8010"),
        ("Scan what a policy asks for, and keep it", "auditor scan exposure.yaml --from office --save office.jsonl"),
        ("Go on with a scan that was cut short", "auditor scan --resume office.jsonl"),
    ),
    "sockets": (
        ("What listens here, and who holds it", "sudo auditor sockets"),
        ("TCP alone, in containers too", "auditor sockets --tcp --all-namespaces"),
        ("What listens on another machine", "auditor sockets --ssh admin@web-1.example --sudo"),
    ),
    "import": (
        ("Make a snapshot of what another scanner saw", "auditor import scan.xml --save scan.jsonl"),
        (
            "masscan does not say what it asked, nor from where",
            "auditor import masscan.json --asked 1-65535 --from internet --save scan.jsonl",
        ),
    ),
    "merge": (
        ("Join the shards of a scan", "auditor merge shard-1.jsonl shard-2.jsonl --save whole.jsonl"),
        ("Join whatever there is", "auditor merge shard-*.jsonl -o whole.jsonl"),
    ),
    "drift": (
        ("What changed since yesterday", "auditor drift yesterday.jsonl today.jsonl"),
        ("The same of two scans of nmap, for programs", "auditor drift old.xml new.xml -o json"),
    ),
    "explain": (
        ("Why Redis may not be open there", "auditor explain web-2 6379"),
        ("As seen from one vantage, by another policy", "auditor explain db ssh --from office --policy prod.yaml"),
    ),
    "policy validate": (
        ("Check exposure.yaml and what it extends", "auditor policy validate"),
        ("Check several policies", "auditor policy validate prod.yaml staging.yaml"),
    ),
    "policy show": (
        ("What may be open where", "auditor policy show"),
        ("Some hosts, from one vantage", "auditor policy show exposure.yaml --only tag:web --from internet"),
    ),
    "port": (
        ("Who holds port 8080, and can it be bound", "auditor port 8080"),
        ("In a script: exit code 1 where it cannot", "auditor port 53/udp --check"),
    ),
    "report": (
        ("Render a saved audit as a page", "auditor report audit.json -o html=exposure.html"),
        ("As the summary of a pull request", "auditor report audit.json -o markdown"),
    ),
    "schema": (
        ("The schema of policies, for an editor", "auditor schema policy > policy.schema.json"),
        ("The schema of saved audits", "auditor schema audit"),
    ),
}
"""By command; groups and their commands with a space between."""


def show_examples(app: typer.Typer, before: str = "") -> None:
    """End the help of every command with its examples."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        found = EXAMPLES.get(f"{before}{name}")
        if found:
            command.epilog = _epilog(found)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            show_examples(group.typer_instance, f"{before}{group.name} ")


def _epilog(examples: tuple[tuple[str, str], ...]) -> str:
    """A block that the formatter leaves as it is: that is what the backspace in front of it asks for."""
    lines = [line for purpose, command in examples for line in (f"  # {purpose}", f"  {command}")]
    return "\n".join(("\b", "Examples:", *lines))
