"""What the annotations of the big clouds say of a load balancer: that it is internal, and whom it lets in."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

from auditor.model.network import NOWHERE, NetworkSet

if TYPE_CHECKING:
    from auditor.collect.declared.kubernetes.node import Node

INTERNAL = NetworkSet.parse("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7")
"""Who reaches an internal load balancer: RFC 1918, RFC 6598 (shared) and RFC 4193 (unique local) addresses."""

_MAKES_INTERNAL = {
    # Amazon; the oldest form is any text but "false"
    "service.beta.kubernetes.io/aws-load-balancer-internal": {"true", "0.0.0.0/0"},
    "service.beta.kubernetes.io/aws-load-balancer-scheme": {"internal"},
    "alb.ingress.kubernetes.io/scheme": {"internal"},
    # Google
    "cloud.google.com/load-balancer-type": {"internal"},
    "networking.gke.io/load-balancer-type": {"internal"},
    # Azure
    "service.beta.kubernetes.io/azure-load-balancer-internal": {"true"},
    "appgw.ingress.kubernetes.io/use-private-ip": {"true"},
    # others
    "service.beta.kubernetes.io/openstack-internal-load-balancer": {"true"},
    "service.beta.kubernetes.io/oci-load-balancer-internal": {"true"},
    "service.beta.kubernetes.io/do-loadbalancer-network": {"internal"},
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": {"intranet"},
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": {"private"},
    "load-balancer.hetzner.cloud/disable-public-network": {"true"},
}
_SCHEMES = ("service.beta.kubernetes.io/aws-load-balancer-scheme", "alb.ingress.kubernetes.io/scheme")
_RANGES = (
    "service.beta.kubernetes.io/load-balancer-source-ranges",
    "service.beta.kubernetes.io/azure-allowed-ip-ranges",
    "alb.ingress.kubernetes.io/inbound-cidrs",
)
_GROUPS = {
    "service.beta.kubernetes.io/azure-allowed-service-tags": "service tag",
    "service.beta.kubernetes.io/aws-load-balancer-security-groups": "sources in the security group",
    "alb.ingress.kubernetes.io/security-groups": "sources in the security group",
}
"""What limits who may come in somewhere else than in the manifest."""
_LONGEST = 100


class Reach(NamedTuple):
    """Who may reach something: ``sources`` (None: everyone), or the members of ``group``, wherever they are."""

    sources: NetworkSet | None = None
    group: str | None = None


class UnreadableError(ValueError):
    """Who may reach something is said in a form that nobody can read here; the text says where and what."""


def reach_of(annotations: Node, ranges: Node) -> Reach:
    """Who may reach a load balancer.

    ``ranges`` is its list of source ranges, which wins over the annotation that came before it.

    :raises UnreadableError: a range is none.
    :raises MisshapenError: the list is none.
    """
    limits = [_networks(entry, entry.data) for entry in ranges.entries()]
    for key in () if limits else _RANGES:
        if text := (node := annotations.get(key)).text:
            limits += [_networks(node, part) for part in text.split(",")]
    inside = INTERNAL if is_internal(annotations) else None
    if not limits:
        named = (f"{kind} {text[:_LONGEST]}" for key, kind in _GROUPS.items() if (text := annotations.get(key).text))
        return Reach(inside, next(named, None))
    allowed = NOWHERE
    for networks in limits:
        allowed |= networks
    return Reach(allowed if inside is None else (allowed & inside or allowed))


def is_internal(annotations: Node) -> bool:
    """Whether an annotation takes it off the public network; Amazon's scheme says the last word."""
    if any(str(annotations.get(key).data).strip().lower() == "internet-facing" for key in _SCHEMES):
        return False
    return any(
        str(value).lower() in _MAKES_INTERNAL[key]
        for key, value in annotations.mapping.items()
        if key in _MAKES_INTERNAL
    )


def _networks(node: Node, text: object) -> NetworkSet:
    """Read one range; host bits are dropped, as the API does."""
    try:
        return NetworkSet.of(ip_network(text.strip() if isinstance(text, str) else "", strict=False))
    except ValueError:
        raise UnreadableError(f"{node.place} is {node.shown}, which is no network") from None
