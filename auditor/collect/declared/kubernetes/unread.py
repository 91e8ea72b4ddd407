"""Kinds that let others in, or make objects that may, and are not read: in doubt by name. This table lists them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.kubernetes.face import CLASSES, CLUSTER, INGRESS, Face

if TYPE_CHECKING:
    from auditor.collect.declared.kubernetes.node import Node
    from auditor.collect.declared.kubernetes.resource import Resource

_ENTRANCES = {
    "traefik.io": {"IngressRoute", "IngressRouteTCP", "IngressRouteUDP"},
    "traefik.containo.us": {"IngressRoute", "IngressRouteTCP", "IngressRouteUDP"},
    "projectcontour.io": {"HTTPProxy"},
    "configuration.konghq.com": {"TCPIngress", "UDPIngress"},
    "k8s.nginx.org": {"VirtualServer", "TransportServer", "GlobalConfiguration"},
    "cis.f5.com": {"VirtualServer", "TransportServer", "IngressLink"},
    "getambassador.io": {"Listener"},
    "core.haproxy.org": {"TCP"},
    "ingress.v1.haproxy.org": {"TCP"},
    "serving.knative.dev": {"Service", "Route"},
    "networking.internal.knative.dev": {"Ingress"},
    "multicluster.x-k8s.io": {"ServiceExport"},
    "tailscale.com": {"Connector"},
    "ngrok.k8s.ngrok.com": {"AgentEndpoint", "CloudEndpoint", "Endpoint", "Domain", "TCPEdge", "TLSEdge", "HTTPSEdge"},
    "ingress.k8s.ngrok.com": {"TCPEdge", "TLSEdge", "HTTPSEdge", "Tunnel"},
    "k3d.io": {"Simple"},
}
"""By API group: what a proxy in front of the cluster answers to."""
_MAKERS = {
    "helm.toolkit.fluxcd.io": {"HelmRelease"},
    "kustomize.toolkit.fluxcd.io": {"Kustomization"},
    "helm.cattle.io": {"HelmChart"},
    "argoproj.io": {"Application", "ApplicationSet"},
    "fleet.cattle.io": {"Bundle", "GitRepo"},
    "serving.kserve.io": {"InferenceService"},
    "k0s.k0sproject.io": {"ClusterConfig"},
}
"""By API group: what other objects are made from later, which this file does not show."""


def unread(resource: Resource) -> Face | None:
    """Return the doubt about an object of these kinds; None for any other."""
    place = resource.root.location
    where = f"{place.file}:{place.line}: "
    if resource.kind in _ENTRANCES.get(resource.group, ()):
        face = Face(names=(resource.name, INGRESS, CLUSTER))
        face.doubt(f"{where}what {resource.name} opens is not read")
        return face
    if resource.kind in _MAKERS.get(resource.group, ()):
        face = Face(names=(resource.name, *CLASSES, CLUSTER))
        face.doubt(f"{where}what {resource.name} makes is not in this file: give what comes of it")
        return face
    return None


_TELLING: dict[str, tuple[str, ...]] = {
    "type": ("nodeport", "loadbalancer"),
    "serviceType": ("nodeport", "loadbalancer"),
    "hostNetwork": ("true",),
}
_NUMBERS = ("nodePort", "hostPort")
_FIREWALLS = re.compile(r"SecurityGroup|SecurityRule|Firewall|Listener|ForwardingRule|(?:LB|Nat|NAT)Rule|SecurityList")
"""What operators of clouds (Crossplane, ACK, Config Connector, Azure's) call the kinds that let a network in."""
_LETS_IN = re.compile(r"cidr|range|source|allow|whitelist|inbound|ingress", re.IGNORECASE)
_LETS_OUT = re.compile(r"egress|dest|outbound|route|remote", re.IGNORECASE)
_EVERYONE = ("0.0.0.0/0", "::/0")
_MIDDLE = re.compile(r"Polic(?:y|ies)$|Middleware|Route|IPPool|IPAM|Prefix")
"""Kinds that narrow what others let in, or whose networks are ways."""
_ASIDE = ("apiVersion", "kind", "metadata", "status", "data", "stringData", "binaryData")
_ABOUT_OTHERS = ("policy", "constraints.gatekeeper.sh", "kyverno.io", "policies.kyverno.io", "apiextensions.k8s.io")
"""Groups whose objects speak of what others may do."""


def hinted(resource: Resource) -> Face | None:
    """Return the doubt about an object of a kind that nobody here knows and that asks for something open to others."""
    if resource.group in _ABOUT_OTHERS:
        return None
    if _FIREWALLS.search(resource.kind) and not resource.kind.endswith("Policy"):
        return _doubted(resource, f"{resource.root.location.file}:{resource.root.location.line}: what")
    fields = resource.root.data if isinstance(resource.root.data, dict) else {}
    waiting: list[Any] = [resource.root.get(key) for key in fields if isinstance(key, str) and key not in _ASIDE]
    narrows = _MIDDLE.search(resource.kind) is not None
    while waiting:
        node = waiting.pop()
        if isinstance(node.data, list):
            waiting += reversed(tuple(node.entries()))
        elif isinstance(node.data, dict):
            children = [node.get(key) for key in node.data if isinstance(key, str)]
            for child in children:
                if _asks(str(child.path[-1]), child) or (not narrows and _lets_everyone_in(child)):
                    return _doubted(resource, f"{child.place} is {child.shown}, and what")
            waiting += reversed(children)
    return None


def _doubted(resource: Resource, beginning: str) -> Face:
    face = Face(names=(resource.name, *CLASSES, CLUSTER))
    face.doubt(f"{beginning} {resource.name} opens is not read")
    return face


def _lets_everyone_in(node: Node) -> bool:
    """Whether a value, or one of a list of them, is everyone, and all keys to it speak of who may come in."""
    values = node.data if isinstance(node.data, list) else [node.data]
    keys = [key for key in node.path if isinstance(key, str)]
    return (
        any(value in _EVERYONE for value in values if isinstance(value, str))
        and _LETS_IN.search(keys[-1]) is not None
        and not any(_LETS_OUT.search(key) for key in keys)
    )


def _asks(key: str, node: Node) -> bool:
    if key in _NUMBERS:
        return node.number is not None
    return not isinstance(node.data, dict | list) and str(node.data).lower() in _TELLING.get(key, ())
