"""Services: node ports, load balancers and external addresses.

A service of type ``LoadBalancer`` opens node ports, too, unless it says that it allocates none. What has no number yet
gets one when the service is created, from the cluster's range: which one is not known before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.declared.kubernetes.annotations import Reach, UnreadableError, reach_of
from auditor.collect.declared.kubernetes.face import CLUSTER, LOAD_BALANCERS, NODES, Face, settled
from auditor.collect.declared.kubernetes.node import MisshapenError
from auditor.model.network import parse_address
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.kubernetes.node import Node
    from auditor.collect.declared.kubernetes.resource import Resource
    from auditor.model.ports import Port

NODE_PORTS = (30000, 32767)
"""Default of ``kube-apiserver --service-node-port-range``."""
MOST_ADDRESSES = 64
_DNS_NAMES = "external-dns.alpha.kubernetes.io/hostname"
_TYPES = (None, "", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_ASKED_ADDRESSES = (
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/loadBalancerIPs",
    "kube-vip.io/loadbalancerIPs",
)


def service(resource: Resource) -> Iterator[Face]:
    """Yield what a service opens, place by place."""
    spec = resource.root.get("spec")
    kind = spec.get("type")
    if kind.data not in _TYPES:
        raise MisshapenError(kind, f"is {kind.shown}, which is none that is known")
    if kind.text == "ExternalName":
        yield Face(names=(resource.name,))
        return
    if kind.text == "NodePort":
        face = Face(names=(resource.name, NODES, CLUSTER))
        _open_node_ports(face, resource, spec, advice="'nodePort' gives it one")
        yield face
    elif kind.text == "LoadBalancer":
        yield from _load_balancer(resource, spec)
        face = Face(names=(NODES, CLUSTER))
        wanted = spec.get("allocateLoadBalancerNodePorts").truth is not False
        advice = "'allocateLoadBalancerNodePorts: false' gives it none"
        _open_node_ports(face, resource, spec, allocated=wanted, advice=advice)
        _open_health_check(face, resource, spec)
        if face.openings or face.unknown:
            yield face
    else:
        yield Face(names=(resource.name,))
    yield from _external_addresses(resource, spec)


def _open_node_ports(face: Face, resource: Resource, spec: Node, *, advice: str, allocated: bool = True) -> None:
    later, first = NO_PORTS, None
    for entry in spec.get("ports").entries():
        number = entry.get("nodePort")
        if number.data not in (None, 0, ""):
            port = settled(face, number, entry.get("protocol"))
            if port:
                face.open(port, number.location, f"node port of {resource.name}", target=_target(entry, port))
        elif allocated:
            protocols = entry.get("protocol").protocols
            if not protocols:
                settled(face, entry.get("port"), entry.get("protocol"))
                continue
            first = first or entry
            for protocol in protocols:
                later |= PortSet.span(*NODE_PORTS, protocol)
    if first:
        where = first.location
        reason = f"{where.file}:{where.line}: {resource.name} gets its node port when it is created; {advice}"
        face.doubt(reason, later)


def _open_health_check(face: Face, resource: Resource, spec: Node) -> None:
    """Add the port at which nodes tell a load balancer that they have a pod: kept for local traffic alone."""
    if spec.get("externalTrafficPolicy").text != "Local":
        return
    number = spec.get("healthCheckNodePort")
    if number.data not in (None, 0, ""):
        if port := settled(face, number, Protocol.TCP):
            face.open(port, number.location, f"health check of {resource.name}")
    else:
        where = spec.get("externalTrafficPolicy").location
        reason = f"{where.file}:{where.line}: {resource.name} gets a port for health checks when it is created"
        face.doubt(reason, PortSet.span(*NODE_PORTS, Protocol.TCP))


def _load_balancer(resource: Resource, spec: Node) -> Iterator[Face]:
    addresses, names = _addresses(resource, spec)
    for address in addresses or (None,):
        face = Face(names=(resource.name, *names, LOAD_BALANCERS, CLUSTER), address=address)
        _open_ports(face, resource, spec)
        yield face


def _open_ports(face: Face, resource: Resource, spec: Node) -> None:
    reason, reach = None, Reach()
    try:
        reach = reach_of(resource.annotations, spec.get("loadBalancerSourceRanges"))
    except UnreadableError as error:
        reason = str(error)
    for entry in spec.get("ports").entries():
        port = settled(face, entry.get("port"), entry.get("protocol"))
        if port and reason:
            face.doubt(reason, PortSet.of(port))
        elif port:
            what = f"load balancer of {resource.name}"
            face.open(port, entry.get("port").location, what, reach=reach, target=_target(entry, port))


def _target(entry: Node, port: Port) -> str | None:
    """Return the port of the pods, by number or by name: without ``targetPort`` it is the service's own."""
    given = entry.get("targetPort") if entry.get("targetPort").data not in (None, 0, "") else entry.get("port")
    target = given.number or given.text
    return f"{target}/{port.protocol.value}" if target else None


def _addresses(resource: Resource, spec: Node) -> tuple[list[str], list[str]]:
    """Give the addresses and the names that a load balancer has, or has been asked for."""
    given = few(resource.root.get("status", "loadBalancer", "ingress"))
    wanted = (resource.annotations.get(_DNS_NAMES).text or "").split(",")[:MOST_ADDRESSES]
    names = [name for entry in given if (name := entry.get("hostname").text)]
    names += [name.strip() for name in wanted if name.strip()]
    texts = [entry.get("ip").text for entry in given] or [spec.get("loadBalancerIP").text]
    if not any(texts):
        asked = (resource.annotations.get(key).text or "" for key in _ASKED_ADDRESSES)
        texts = [part for text in asked for part in text.split(",")]
    return [address for text in texts[:MOST_ADDRESSES] if text and (address := literal(text))], names


def _external_addresses(resource: Resource, spec: Node) -> Iterator[Face]:
    """Yield addresses outside the cluster that lead to its nodes; they are not the cluster's to give."""
    for entry in few(spec.get("externalIPs")):
        if (address := literal(entry.text or "")) is None:
            raise MisshapenError(entry, f"is {entry.shown}, which is no address")
        face = Face(names=(resource.name, NODES, CLUSTER), address=address)
        for part in spec.get("ports").entries():
            if port := settled(face, part.get("port"), part.get("protocol")):
                face.open(port, entry.location, f"external address of {resource.name}")
        yield face


def few(addresses: Node) -> list[Node]:
    """The entries of a list of addresses.

    :raises MisshapenError: it is no list, or has more than anything can have.
    """
    entries = list(addresses.entries())
    if len(entries) > MOST_ADDRESSES:
        raise MisshapenError(addresses, f"has more than {MOST_ADDRESSES} entries")
    return entries


def literal(text: str) -> str | None:
    """Give an address in its canonical form; None for anything else."""
    try:
        return str(parse_address(text.strip()))
    except ValueError:
        return None
