"""Exposure auditor: which ports may each host expose, to whom, and what is really exposed.

The names below are the public interface; the modules that they live in are not. None of them is loaded before it is
used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.api import audit, load_policy, read_audit, render_report, scan, write_report
    from auditor.errors import (
        AuditorError,
        CollectError,
        EvidenceError,
        ExitCode,
        PolicyError,
        Problem,
        ReportError,
        UsageError,
    )
    from auditor.model.evidence import Evidence, Observation
    from auditor.model.findings import Audit, Finding, HostResult, Status, Unverified, Verdict
    from auditor.model.location import Location
    from auditor.model.policy import Policy, Severity
    from auditor.model.ports import Port, PortSet, Protocol

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "AuditorError",
    "CollectError",
    "Evidence",
    "EvidenceError",
    "ExitCode",
    "Finding",
    "HostResult",
    "Location",
    "Observation",
    "Policy",
    "PolicyError",
    "Port",
    "PortSet",
    "Problem",
    "Protocol",
    "ReportError",
    "Severity",
    "Status",
    "Unverified",
    "UsageError",
    "Verdict",
    "__version__",
    "audit",
    "load_policy",
    "read_audit",
    "render_report",
    "scan",
    "write_report",
]

_HOMES = {
    "auditor.api": ("audit", "load_policy", "read_audit", "render_report", "scan", "write_report"),
    "auditor.errors": (
        *("AuditorError", "CollectError", "EvidenceError", "ExitCode"),
        *("PolicyError", "Problem", "ReportError", "UsageError"),
    ),
    "auditor.model.evidence": ("Evidence", "Observation"),
    "auditor.model.findings": ("Audit", "Finding", "HostResult", "Status", "Unverified", "Verdict"),
    "auditor.model.location": ("Location",),
    "auditor.model.policy": ("Policy", "Severity"),
    "auditor.model.ports": ("Port", "PortSet", "Protocol"),
}


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
