"""Ingresses, gateways and routes: the ports of the proxy in front of a cluster, by the names that it answers to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from auditor.collect.declared.kubernetes.annotations import INTERNAL, Reach, UnreadableError, is_internal, reach_of
from auditor.collect.declared.kubernetes.face import CLUSTER, INGRESS, Face, settled
from auditor.collect.declared.kubernetes.node import Node
from auditor.collect.declared.kubernetes.services import few, literal
from auditor.model.ports import Port, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.kubernetes.resource import Resource
    from auditor.model.location import Location

HTTP = Port(Protocol.TCP, 80)
HTTPS = Port(Protocol.TCP, 443)

_NO_HTTP = "kubernetes.io/ingress.allow-http"
_LISTEN = "alb.ingress.kubernetes.io/listen-ports"
_CERTIFICATES = (
    "alb.ingress.kubernetes.io/certificate-arn",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
    "networking.gke.io/managed-certificates",
    "appgw.ingress.kubernetes.io/appgw-ssl-certificate",
)
_INTERNAL_CLASSES = {"gce-internal", "gke-l7-rilb", "gke-l7-rilb-mc"}
_EGRESS = "egressgateway"


class _Entrance:
    """The faces of one object by the name that they answer to; without a name, whatever is asked for."""

    def __init__(self, resource: Resource, addresses: Node) -> None:
        entries = few(addresses)
        values = [entry.get(key).text or "" for entry in entries for key in ("ip", "value", "hostname")]
        self._addresses = [address for text in values if (address := literal(text))]
        self._names = tuple(text for text in values if text and literal(text) is None)
        self._owner = resource.name
        self._faces: dict[str, Face] = {}
        self._known: set[tuple[str | None, Port]] = set()
        self.reach = Reach()
        self.reason: str | None = None

    def face(self, host: str | None = None) -> Face:
        """The face for a host name; the first address that is known is each one's."""
        names = ((host,) if host else ()) + (self._owner, *self._names, INGRESS, CLUSTER)
        address = self._addresses[0] if self._addresses else None
        return self._faces.setdefault(host or "", Face(names=names, address=address))

    def open(self, host: str | None, port: Port, location: Location) -> None:
        """Add a port that answers to a host name."""
        if (host, port) in self._known:
            return
        self._known.add((host, port))
        face = self.face(host)
        if self.reason:
            face.doubt(self.reason, PortSet.of(port))
        else:
            face.open(port, location, self._owner, reach=self.reach)

    def faces(self) -> Iterator[Face]:
        """Yield them all, and for each further address what any of them opens."""
        names = self.face().names
        yield from self._faces.values()
        openings = {one.port: one for face in reversed(self._faces.values()) for one in face.openings}
        unknown = dict.fromkeys(one for face in self._faces.values() for one in face.unknown)
        for address in self._addresses[1:]:
            yield Face(names=names, address=address, openings=list(openings.values()), unknown=list(unknown))


def _host_of(node: Node) -> str | None:
    return None if node.text in (None, "*") else node.text


# -- Ingress -------------------------------------------------------------------------------------------------------


def ingress(resource: Resource) -> Iterator[Face]:
    """Yield the names that an Ingress answers to: port 80 unless it says otherwise, and 443 where it has TLS."""
    spec, annotations = resource.root.get("spec"), resource.annotations
    entrance = _Entrance(resource, resource.root.get("status", "loadBalancer", "ingress"))
    _limit(entrance, resource, spec.get("ingressClassName").text, annotations.get("kubernetes.io/ingress.class").text)
    rules = [(entry, _host_of(entry.get("host"))) for entry in spec.get("rules").entries()]
    secure = _secured_at(spec, annotations)
    listening = _listening(entrance, annotations.get(_LISTEN))
    open_to_all = [key for key in ("defaultBackend", "backend") if spec.get(key).data is not None]
    served = [(host, (entry.get("host") if host else entry).location) for entry, host in rules]
    served += [(None, spec.get(key).key_location) for key in open_to_all]
    for host, place in served or [(None, spec.location)]:
        if listening is not None:
            for port, where in listening:
                entrance.open(host, port, where)
            continue
        if annotations.get(_NO_HTTP).truth is not False:
            entrance.open(host, HTTP, place)
        if secure:
            entrance.open(host, HTTPS, secure)
    yield from entrance.faces()


def _secured_at(spec: Node, annotations: Node) -> Location | None:
    for _ in spec.get("tls").entries():
        return spec.get("tls").key_location
    return next((annotations.get(key).location for key in _CERTIFICATES if annotations.get(key).text), None)


def _listening(entrance: _Entrance, ports: Node) -> list[tuple[Port, Location]] | None:
    """Read the list of ports that Amazon's load balancers take in place of 80 and 443."""
    if ports.text is None:
        return None
    try:
        found = [(name, number) for entry in json.loads(ports.text) for name, number in entry.items()]
        numbers = [Node(ports.document, ports.path, number).number for _, number in found]
    except (ValueError, AttributeError, TypeError, RecursionError):
        numbers = [None]
    if None in numbers:
        entrance.face().doubt(f"{ports.place} is {ports.shown}, which is no list of ports")
        return []
    return [(Port(Protocol.TCP, number), ports.location) for number in numbers if number] or None


def _limit(entrance: _Entrance, resource: Resource, *classes: str | None) -> None:
    try:
        nothing = Node(resource.root.document, (), None)
        entrance.reach = reach_of(resource.annotations, nothing)
    except UnreadableError as error:
        entrance.reason = str(error)
        return
    if entrance.reach == Reach() and not _INTERNAL_CLASSES.isdisjoint(classes):
        entrance.reach = Reach(INTERNAL)


# -- Gateway API, Istio, OpenShift ---------------------------------------------------------------------------------


def gateway(resource: Resource) -> Iterator[Face]:
    """Yield the host names of a Gateway's or a ListenerSet's listeners, with their ports."""
    spec = resource.root.get("spec")
    given = resource.root.get("status", "addresses")
    entrance = _Entrance(resource, given if given.data else spec.get("addresses"))
    _limit(entrance, resource, spec.get("gatewayClassName").text)
    if entrance.reach == Reach() and is_internal(spec.get("infrastructure", "annotations")):
        entrance.reach = Reach(INTERNAL)
    for listener in spec.get("listeners").entries():
        host, number = _host_of(listener.get("hostname")), listener.get("port")
        protocol = Protocol.UDP if listener.get("protocol").text == "UDP" else Protocol.TCP
        if port := settled(entrance.face(host), number, protocol):
            entrance.open(host, port, number.location)
    yield from entrance.faces()


def istio_gateway(resource: Resource) -> Iterator[Face]:
    """Yield the host names of an Istio Gateway's servers, with their ports; one for egress lets nobody in."""
    spec = resource.root.get("spec")
    entrance = _Entrance(resource, Node(spec.document, (), None))
    egress = spec.get("selector", "istio").text == _EGRESS
    for server in () if egress else spec.get("servers").entries():
        number = server.get("port", "number")
        if (server.get("bind").text or "").startswith("unix:"):
            continue
        if port := settled(entrance.face(), number, Protocol.TCP):
            hosts = [(entry.text or "").rpartition("/")[2] for entry in server.get("hosts").entries()]
            for host in hosts or [""]:
                entrance.open(host if host != "*" else None, port, number.location)
    yield from entrance.faces()


def route(resource: Resource) -> Iterator[Face]:
    """Yield the host name of an OpenShift Route: plain on 80, with TLS on 443, on both only if it says so."""
    spec = resource.root.get("spec")
    entrance = _Entrance(resource, Node(spec.document, (), None))
    host, secure = spec.get("host"), spec.get("tls")
    named = [host] if host.text else []
    named += [
        entry.get("host")
        for entry in resource.root.get("status", "ingress").entries()
        if entry.get("host").text not in (None, host.text)
    ]
    plain = not secure.data or secure.get("insecureEdgeTerminationPolicy").text in {"Allow", "Redirect"}
    for node in named or [spec]:
        if plain:
            entrance.open(node.text, HTTP, node.location)
        if secure.data:
            entrance.open(node.text, HTTPS, secure.key_location)
    yield from entrance.faces()
