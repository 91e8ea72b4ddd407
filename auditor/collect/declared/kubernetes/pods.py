"""Pods, and everything that makes pods from a template: ports of the node, and pods in the node's own network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.kubernetes.face import CLUSTER, NODES, Face, settled
from auditor.collect.declared.kubernetes.node import MisshapenError, Node
from auditor.collect.declared.kubernetes.unread import hinted
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
    if resource.root.get("status", "phase").text not in _ENDED and not _is_scaled_to_none(resource):
        _read_pod(face, resource, spec)
    yield face


def _is_scaled_to_none(resource: Resource) -> bool:
    """Whether no pod runs: scaled down, or an older revision of a deployment."""
    wanted = resource.root.get("spec").mapping.get("replicas")
    running = resource.root.get("status").mapping.get("replicas")
    return type(wanted) is int and wanted == 0 and not running


def unknown_kind(resource: Resource) -> Iterator[Face]:
    """Yield the same for a kind that nobody here knows, if it has a plain pod template somewhere in it."""
    templates = tuple(_templates_in(resource.root.get("spec")))
    for spec in templates:
        face = Face(names=(resource.name, NODES, CLUSTER))
        _read_pod(face, resource, spec)
        yield face
    if not templates and (doubted := hinted(resource)):
        yield doubted


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
    silent = []
    for group in _CONTAINERS:
        for container in spec.get(group).entries():
            owner = f"{resource.name}, {container.get('name').text or 'a container'}"
            ports = tuple(container.get("ports").entries())
            for entry in ports:
                _read_port(face, owner, entry, on_node=bool(on_node))
            named |= bool(ports)
            if not ports and _stays(group, container):
                silent.append(owner)
    if on_node and (silent or not named):
        where = shared.location
        who = silent[0] if named and silent else resource.name
        more = f" and {len(silent) - 1} others" if named and len(silent) > 1 else ""
        face.doubt(f"{where.file}:{where.line}: {who}{more} shares the network of its node and names no port")


def _stays(group: str, container: Node) -> bool:
    """Whether a container runs beside the others, and not once before them."""
    return group == _CONTAINERS[0] or container.get("restartPolicy").text == "Always"


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
