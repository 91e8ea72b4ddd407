"""What Ingresses, gateways and routes open, by the names that they answer to."""

from __future__ import annotations

from textwrap import dedent

import pytest

from auditor.collect.declared.kubernetes.file import parse
from auditor.files.text import SourceText

INTERNAL = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fc00::/7"
INGRESS = ("kubernetes/ingress", "kubernetes")


def read(kind, version, spec, *, annotations="{}", more=""):
    """What one object opens; its ``spec`` begins in line 5."""
    head = (
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web, namespace: shop, annotations: {annotations}}}\n"
    )
    body = "\n".join(f"  {line}" for line in dedent(spec).strip().splitlines())
    return list(parse(SourceText("web.yaml", f"{head}spec:\n{body}\n{dedent(more)}")))[3:]


def ingress(spec, version="networking.k8s.io/v1", **more):
    return read("Ingress", version, spec, **more)


def gateway(spec, **more):
    return read("Gateway", "gateway.networking.k8s.io/v1", spec, **more)


def opened(seen):
    """By the name or the address that it is known by: each port and its line."""
    return {
        one.address or one.host: [(str(opening.port), opening.location.line) for opening in one.openings]
        for one in seen
        if one.openings
    }


def sources(seen):
    return {str(opening.sources) for one in seen for opening in one.openings}


RULES = """
    rules:
      - host: shop.example.com
        http: {}
      - host: admin.example.com
        http: {}
      - host: shop.example.com
"""
TLS = "\ntls:\n  - hosts: [shop.example.com]\n"


@pytest.mark.parametrize("version", ["networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1"])
def test_an_ingress_opens_80_for_each_of_its_host_names(version):
    seen = ingress(RULES, version)
    assert opened(seen) == {"shop.example.com": [("80/tcp", 6)], "admin.example.com": [("80/tcp", 8)]}
    assert {one.names for one in seen if one.openings} == {("ingress/shop/web", *INGRESS)}


def test_an_ingress_with_tls_opens_443_at_the_line_of_its_tls():
    seen = ingress("rules: [{host: shop.example.com}]\ntls:\n  - hosts: [shop.example.com]\n    secretName: x")
    assert opened(seen) == {"shop.example.com": [("80/tcp", 5), ("443/tcp", 6)]}


@pytest.mark.parametrize(
    "spec",
    [
        "defaultBackend: {service: {name: web}}",
        "backend: {serviceName: web}",
        "rules: [{http: {}}]",
        'rules: [{host: "*"}]',
        'rules: [{host: ""}]',
        "ingressClassName: nginx",
    ],
)
def test_an_ingress_that_answers_to_any_name_goes_by_its_own(spec):
    (seen,) = ingress(spec)
    assert opened([seen]) == {"ingress/shop/web": [("80/tcp", 5)]}
    assert seen.names == INGRESS


def test_default_backend_and_rules_are_both_open():
    seen = ingress("defaultBackend: {service: {name: web}}\nrules: [{host: shop.example.com}]")
    assert opened(seen) == {"shop.example.com": [("80/tcp", 6)], "ingress/shop/web": [("80/tcp", 5)]}


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ('{kubernetes.io/ingress.allow-http: "false"}', []),
        ("{networking.gke.io/managed-certificates: a}", ["80/tcp", "443/tcp"]),
        ('{kubernetes.io/ingress.allow-http: "false", ingress.gcp.kubernetes.io/pre-shared-cert: a}', ["443/tcp"]),
        ("{alb.ingress.kubernetes.io/certificate-arn: 'arn:x'}", ["80/tcp", "443/tcp"]),
        ("""{alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 8080}, {"HTTPS": 8443}]'}""", ["8080/tcp", "8443/tcp"]),
        ("""{alb.ingress.kubernetes.io/listen-ports: '[]'}""", ["80/tcp"]),
    ],
)
def test_annotations_say_which_ports_an_ingress_has(annotations, expected):
    seen = ingress("rules: [{host: shop.example.com}]", annotations=annotations)
    assert [str(opening.port) for one in seen for opening in one.openings] == expected


@pytest.mark.parametrize(
    "text", ["[{", "80", '["HTTP"]', '[{"HTTP": "http"}]', '[{"HTTP": 70000}]', "${PORTS}", "[[[["]
)
def test_a_list_of_ports_that_is_none_leaves_them_in_doubt(text):
    seen = ingress("rules: [{host: a.example}]", annotations=f"{{alb.ingress.kubernetes.io/listen-ports: '{text}'}}")
    assert opened(seen) == {}
    (doubt,) = (unknown for one in seen for unknown in one.unknown)
    assert doubt.reason.startswith("web.yaml:3: alb.ingress.kubernetes.io/listen-ports is ")


@pytest.mark.parametrize(
    ("spec", "annotations", "expected"),
    [
        ("rules: []", "{}", "None"),
        ("rules: []", "{alb.ingress.kubernetes.io/scheme: internal}", INTERNAL),
        ("rules: []", "{alb.ingress.kubernetes.io/inbound-cidrs: '192.0.2.0/24,2001:db8::/32'}",
         "192.0.2.0/24,2001:db8::/32"),
        ("rules: []", "{kubernetes.io/ingress.class: gce-internal}", INTERNAL),
        ("ingressClassName: gce-internal", "{}", INTERNAL),
        ("rules: []", "{appgw.ingress.kubernetes.io/use-private-ip: 'true'}", INTERNAL),
        ("rules: []", "{nginx.ingress.kubernetes.io/whitelist-source-range: 192.0.2.0/24}", "None"),
    ],
)  # fmt: skip
def test_whom_an_ingress_faces(spec, annotations, expected):
    assert sources(ingress(spec, annotations=annotations)) == {expected}


def test_an_ingress_limited_to_security_groups_is_open_to_these():
    (seen,) = ingress("rules: []", annotations="{alb.ingress.kubernetes.io/security-groups: sg-1}")
    assert seen.openings[0].group == "sources in the security group sg-1"


def test_an_ingress_limited_in_a_way_nobody_can_read_is_in_doubt():
    seen = ingress(RULES + TLS, annotations="{alb.ingress.kubernetes.io/inbound-cidrs: $OFFICE}")
    assert opened(seen) == {}
    assert [str(unknown.ports) for one in seen for unknown in one.unknown] == ["80/tcp", "443/tcp"] * 2


def test_the_addresses_of_an_ingress_are_those_that_its_status_tells():
    status = "status: {loadBalancer: {ingress: [{ip: 203.0.113.5}, {ip: '2001:db8::5'}, {hostname: lb.example}]}}"
    seen = ingress("rules: [{host: a.example}, {host: b.example}]", more=status)
    names = ("ingress/shop/web", "lb.example", *INGRESS)
    assert [(one.host, one.names, one.address, len(one.openings)) for one in seen] == [
        ("a.example", names, "203.0.113.5", 1),
        ("b.example", names, "203.0.113.5", 1),
        ("ingress/shop/web", names[1:], "203.0.113.5", 0),
        ("ingress/shop/web", names[1:], "2001:db8::5", 1),
    ]


# -- gateways ------------------------------------------------------------------------------------------------------

LISTENERS = """
    gatewayClassName: some
    listeners:
      - {name: http, protocol: HTTP, port: 80}
      - {name: https, protocol: HTTPS, port: 443, hostname: "*.example.com"}
      - name: dns
        protocol: UDP
        port: 53
      - {name: db, protocol: TCP, port: 5432}
"""


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("Gateway", "gateway.networking.k8s.io/v1"),
        ("Gateway", "gateway.networking.k8s.io/v1beta1"),
        ("XListenerSet", "gateway.networking.x-k8s.io/v1alpha1"),
    ],
)
def test_a_gateway_opens_the_ports_of_its_listeners(kind, version):
    seen = read(kind, version, LISTENERS)
    assert opened(seen) == {
        f"{kind.lower()}/shop/web": [("80/tcp", 7), ("53/udp", 11), ("5432/tcp", 12)],
        "*.example.com": [("443/tcp", 8)],
    }


@pytest.mark.parametrize(
    ("spec", "annotations"),
    [
        ("gatewayClassName: gke-l7-rilb", "{}"),
        ("gatewayClassName: x", "{networking.gke.io/load-balancer-type: Internal}"),
        ("infrastructure: {annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: 'true'}}", "{}"),
    ],
)
def test_an_internal_gateway_faces_private_networks(spec, annotations):
    listeners = "\nlisteners: [{port: 80, protocol: HTTP}]"
    assert sources(gateway(spec + listeners, annotations=annotations)) == {INTERNAL}
    assert sources(gateway("gatewayClassName: x" + listeners)) == {"None"}


def test_a_gateway_goes_by_its_addresses():
    spec = "listeners: [{port: 80}]\naddresses: [{type: IPAddress, value: 203.0.113.5}]"
    assert opened(gateway(spec)) == {"203.0.113.5": [("80/tcp", 5)]}
    status = "status: {addresses: [{value: 203.0.113.7}, {type: Hostname, value: gw.example}]}"
    (seen,) = gateway(spec, more=status)
    assert (seen.address, seen.names) == ("203.0.113.7", ("gw.example", *INGRESS))


def test_a_port_that_is_none_leaves_a_gateway_in_doubt():
    (seen,) = gateway("listeners: [{port: http, protocol: HTTP}, {protocol: UDP}]")
    assert [str(unknown.ports) for unknown in seen.unknown] == ["1-65535/tcp", "1-65535/udp"]


def test_routes_open_nothing_of_their_own():
    assert read("HTTPRoute", "gateway.networking.k8s.io/v1", "hostnames: [a.example]\nrules: [{port: 80}]") == []


SERVERS = """
    selector: {istio: ingressgateway}
    servers:
      - {port: {number: 443, protocol: HTTPS}, hosts: [shop/a.example, b.example]}
      - {port: {number: 31400, protocol: TCP}, hosts: ["*"]}
      - {port: {number: 15090, protocol: HTTP}, bind: "unix:///run/x", hosts: ["*"]}
"""


def test_a_gateway_of_istio_opens_the_ports_of_its_servers():
    seen = read("Gateway", "networking.istio.io/v1beta1", SERVERS)
    assert opened(seen) == {
        "a.example": [("443/tcp", 7)],
        "b.example": [("443/tcp", 7)],
        "gateway/shop/web": [("31400/tcp", 8)],
    }


def test_the_egress_gateway_lets_nobody_in():
    spec = SERVERS.replace("ingressgateway", "egressgateway")
    assert opened(read("Gateway", "networking.istio.io/v1beta1", spec)) == {}


# -- routes of OpenShift -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ("", [("80/tcp", 5)]),
        ("\ntls: {termination: edge}", [("443/tcp", 6)]),
        ("\ntls: {insecureEdgeTerminationPolicy: Redirect}", [("80/tcp", 5), ("443/tcp", 6)]),
        ("\ntls: {insecureEdgeTerminationPolicy: None}", [("443/tcp", 6)]),
    ],
)
@pytest.mark.parametrize("version", ["route.openshift.io/v1", "v1"])
def test_a_route_is_plain_or_has_tls(version, tls, expected):
    assert opened(read("Route", version, "host: shop.example.com" + tls)) == {"shop.example.com": expected}


def test_a_route_without_a_host_goes_by_the_one_that_it_was_given():
    status = "status: {ingress: [{host: web-shop.apps.example}]}"
    assert list(opened(read("Route", "route.openshift.io/v1", "to: {name: web}", more=status))) == [
        "web-shop.apps.example"
    ]
    assert list(opened(read("Route", "route.openshift.io/v1", "to: {name: web}"))) == ["route/shop/web"]


def test_a_route_of_another_group_is_none():
    assert opened(read("Route", "serving.knative.dev/v1", "host: a.example")) == {}
