"""Kinds that let others in, or make objects that may, and are not read: in doubt by name. This table lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.collect.declared.kubernetes.face import CLASSES, CLUSTER, INGRESS, Face

if TYPE_CHECKING:
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
