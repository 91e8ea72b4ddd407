"""Files that declare what will be published, told apart by their beginning: a part of the registry's table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditor.collect.format import Format, Head

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model.evidence import Evidence


def declared(name: str, module: str, matches: Callable[[Head], bool]) -> Format:
    """Make the entry of a kind of file from the module that reads it: the one in ``declared`` that has ``parse``."""

    def opened(path: str, source: str) -> Evidence:
        from auditor.collect.declared.file import DeclaredFile

        parse: Any = import_module(f"auditor.collect.declared.{module}").parse
        return DeclaredFile(path, source=source, tool=name, parse=parse)

    return Format(name=name, matches=matches, open=opened)


def _is_kubernetes(head: Head) -> bool:
    from auditor.collect.declared.kubernetes.beginning import looks_like

    return looks_like(head.text, head.path)


def _is_compose(head: Head) -> bool:
    from auditor.collect.declared.compose.beginning import looks_like

    return looks_like(head.text, head.path)


def _is_engine(head: Head) -> bool:
    from auditor.collect.declared.engine.file import looks_like

    return looks_like(head.text)


def _open_compose(path: str, source: str) -> Evidence:
    from auditor.collect.declared.compose.evidence import ComposeFile

    return ComposeFile(path, source)


def _is_terraform(head: Head) -> bool:
    from auditor.collect.declared.infrastructure.beginning import is_terraform

    return is_terraform(head.text)


def _is_cloudformation(head: Head) -> bool:
    from auditor.collect.declared.infrastructure.beginning import is_cloudformation

    return is_cloudformation(head.text)


def _is_aws_listing(head: Head) -> bool:
    from auditor.collect.declared.infrastructure.beginning import is_aws_listing

    return is_aws_listing(head.text)


def _begins(form: str) -> Callable[[Head], bool]:
    """Make the question whether a file is of a tool for firewalls."""

    def asked(head: Head) -> bool:
        from auditor.collect.declared.firewall import beginning

        return bool(getattr(beginning, f"is_{form}")(head.text))

    return asked


def listed_for_people(text: str) -> str | None:
    """Say what to give instead of what a tool for firewalls prints for people, if a file looks like that."""
    from auditor.collect.declared.firewall import beginning

    if beginning.is_iptables_list(text):
        return (
            "it is iptables' listing for people, which leaves out tables and interfaces: give what iptables-save prints"
        )
    if beginning.is_nft_text(text):
        return "these are rules of nft in text: give what 'nft -j list ruleset' prints"
    return None


DECLARATIONS: tuple[Format, ...] = (
    declared("nft JSON", "firewall.nft_json", _begins("nft_json")),
    declared("ufw", "firewall.ufw", _begins("ufw")),
    declared("iptables-save", "firewall.iptables_save", _begins("iptables_save")),
    declared("Terraform plan", "infrastructure.terraform", _is_terraform),
    declared("CloudFormation", "infrastructure.cloudformation", _is_cloudformation),
    declared("AWS security groups", "infrastructure.aws_listing", _is_aws_listing),
    declared("Kubernetes", "kubernetes.file", _is_kubernetes),
    Format(name="compose", matches=_is_compose, open=_open_compose),
    declared("container engine", "engine.file", _is_engine),
)
"""What engines, orchestrators, plans and firewalls are given. Each must be sure of itself."""
