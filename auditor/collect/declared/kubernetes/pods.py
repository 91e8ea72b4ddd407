"""Pods, and everything that makes pods from a template: ports of the node, and pods in the node's own network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.kubernetes.face import CLUSTER, NODES, Face, settled
from auditor.collect.declared.kubernetes.node import MisshapenError, Node
from auditor.model.network import NetworkSet, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.kubernetes.resource import Resource

_TEMPLATE = ("spec", "template", "spec")
_PODS: dict[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "Deployment": _TEMPLATE,
    "DeploymentConfig": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_GROUPS = {"", "apps", "extensions", "batch", "apps.openshift.io"}
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_ENDED = {"Succeeded", "Failed"}
_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - what manifests say, not what we bind to


def makes_pods(resource: Resource) -> bool:
    """Whether the kind is one that is known to run pods; other groups use the same names for shapes of their own."""
    return resource.kind in _PODS and resource.group in _GROUPS


def workload(resource: Resource) -> Iterator[Face]:
    """Yield what the pods of a workload open on the nodes they run on."""
    spec = resource.root.get(*_PODS[resource.kind])
    node = spec.get("nodeName").text
    face = Face(names=(resource.name, *((node,) if node else ()), NODES, CLUSTER))
    if resource.root.get("status", "phase").text not in _ENDED:
        _read_pod(face, resource, spec)
    yield face


def unknown_kind(resource: Resource) -> Iterator[Face]:
    """Yield the same for a kind that nobody here knows, if it has a plain pod template somewhere in it."""
    for spec in _templates_in(resource.root.get("spec")):
        face = Face(names=(resource.name, NODES, CLUSTER))
        _read_pod(face, resource, spec)
        yield face


def _templates_in(spec: Node) -> Iterator[Node]:
    """Yield ``spec`` of each mapping that is called a template and has containers."""
    waiting: list[tuple[Node, Any]] = [(spec, "")]
    while waiting:
        node, key = waiting.pop()
        if isinstance(node.data, list):
            waiting += [(entry, "") for entry in reversed(tuple(node.entries()))]
        elif isinstance(node.data, dict):
            if str(key).lower().endswith("template") and _is_pod(node.data.get("spec")):
                yield node.get("spec")
            else:
                waiting += [(node.get(name), name) for name in reversed(node.data)]


def _is_pod(data: Any) -> bool:
    containers = data.get("containers") if isinstance(data, dict) else None
    return isinstance(containers, list) and all(isinstance(one, dict) for one in containers)


def _read_pod(face: Face, resource: Resource, spec: Node) -> None:
    shared = spec.get("hostNetwork")
    on_node = shared.truth
    if on_node is None and shared.data is not None:
        raise MisshapenError(shared, f"is {shared.shown}, neither true nor false")
    named = False
    for group in _CONTAINERS:
        for container in spec.get(group).entries():
            for entry in container.get("ports").entries():
                named = True
                _read_port(
                    face,
                    f"{resource.name}, {container.get('name').text or 'a container'}",
                    entry,
                    on_node=bool(on_node),
                )
    if on_node and not named:
        where = shared.location
        reason = f"{resource.name} shares the network of its node and names no port"
        face.doubt(f"{where.file}:{where.line}: {reason}")


def _read_port(face: Face, owner: str, entry: Node, *, on_node: bool) -> None:
    """Read one port; in the node's network what listens there decides on the address, not ``hostIP``."""
    number = entry.get("hostPort")
    given = number.data not in (None, 0, "")
    if on_node:
        number = number if given else entry.get("containerPort")
        if port := settled(face, number, entry.get("protocol")):
            face.open(port, number.location, f"port of {owner} in the network of its node")
    elif given and (port := settled(face, number, entry.get("protocol"))):
        face.open(port, number.location, f"host port of {owner}", bind=_bind(entry.get("hostIP")))


def _bind(address: Node) -> NetworkSet | None:
    text = address.text
    if text is None or text in _EVERY_ADDRESS:
        return None
    try:
        return NetworkSet.of(parse_address(text))
    except ValueError:
        raise MisshapenError(address, f"is {address.shown}, which is no address") from None
