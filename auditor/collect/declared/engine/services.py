"""Ports that a swarm publishes on each of its nodes, which no container of the node shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.engine.container import is_port
from auditor.errors import EvidenceError
from auditor.model.evidence import Opening, Unknown
from auditor.model.ports import NO_PORTS, Port, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.engine.client import Client
    from auditor.model.evidence import Observation


def published_by_swarm(seen: Observation, info: dict[str, Any], client: Client) -> Observation:
    """Add what the swarm publishes, if the engine is part of one; only a manager can say."""
    swarm = info.get("Swarm")
    if not isinstance(swarm, dict) or swarm.get("LocalNodeState") in (None, "", "inactive"):
        return seen
    reason = "the engine is a node of a swarm, and does not say what that publishes on all nodes: ask a manager"
    if swarm.get("ControlAvailable") is not True:
        return _left_open(seen, reason)
    try:
        services = client.get("/services")
        return replace(seen, openings=(*seen.openings, *_openings(services)))
    except (EvidenceError, ValueError, AttributeError, TypeError):
        return _left_open(seen, reason)


def _left_open(seen: Observation, reason: str) -> Observation:
    return replace(seen, unknown=(*seen.unknown, Unknown(ports=NO_PORTS, reason=reason)))


def _openings(services: Any) -> Iterator[Opening]:
    """Yield what services publish through the mesh.

    :raises ValueError: a port that is none, or not of TCP or UDP.
    """
    for service in services:
        name = str((service.get("Spec") or {}).get("Name") or "?")[:200]
        for one in (service.get("Endpoint") or {}).get("Ports") or ():
            if one.get("PublishMode") == "host":
                continue  # the container shows it
            if not is_port(one.get("PublishedPort")):
                raise ValueError("no port")
            protocol = Protocol(one.get("Protocol") or "tcp")
            target = f"{one['TargetPort']}/{protocol}" if is_port(one.get("TargetPort")) else None
            port = Port(protocol, one["PublishedPort"])
            yield Opening(port=port, what=f"service {name} of the swarm", target=target)
