"""Whatever stands in a manifest: clean errors, places that exist, and one meaning in YAML and in JSON."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.declared.kubernetes.beginning import looks_like
from auditor.collect.declared.kubernetes.file import parse
from auditor.errors import EvidenceError
from auditor.files.text import SourceText

KINDS = [
    ("v1", "Service"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("networking.istio.io/v1", "Gateway"),
    ("route.openshift.io/v1", "Route"),
    ("v1", "List"),
    ("template.openshift.io/v1", "Template"),
    ("example.com/v1", "Widget"),
]
KEYS = re.findall(
    r"\S+",
    """
    apiVersion kind metadata name namespace generateName annotations spec status items objects type ports port nodePort
    protocol targetPort externalIPs loadBalancerSourceRanges loadBalancerIP allocateLoadBalancerNodePorts loadBalancer
    externalTrafficPolicy healthCheckNodePort template jobTemplate containers initContainers hostNetwork hostPort hostIP
    containerPort nodeName phase ingress ip hostname rules host tls defaultBackend backend ingressClassName listeners
    addresses value servers hosts number bind selector istio insecureEdgeTerminationPolicy infrastructure
    alb.ingress.kubernetes.io/listen-ports service.beta.kubernetes.io/aws-load-balancer-internal
    service.beta.kubernetes.io/load-balancer-source-ranges alb.ingress.kubernetes.io/security-groups
""",
)
TEXTS = [
    "", "*", "NodePort", "LoadBalancer", "ExternalName", "ClusterIP", "TCP", "udp", "SCTP", "Local", "true", "no", "80",
    "10.0.0.0/8", "192.0.2.1", "::1", "fe80::1%eth0", "a.example", "unix:///x", "${PORT}", "{{ .x }}", "Succeeded",
    '[{"HTTP": 8080}]', "\u2028", "\x1b[31m", "9" * 5000, "a" * 3000,
]  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70000),
    st.sampled_from([1 << 80, 1.5, 80.0, 0]),
    st.sampled_from(TEXTS),
    st.text(max_size=8),
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=40,
)


@st.composite
def objects(draw):
    version, kind = draw(st.sampled_from(KINDS))
    fields = draw(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=3))
    spec = draw(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=8))
    return fields | {"apiVersion": version, "kind": kind, "spec": spec}


POD = {
    "hostNetwork": False,
    "nodeName": "worker-1",
    "containers": [{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1"}]}],
    "initContainers": [{"name": "b", "ports": [{"containerPort": 53, "hostPort": 53, "protocol": "UDP"}]}],
}
WHOLE = [
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "annotations": {"x": "y"}},
     "spec": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"], "externalIPs": ["192.0.2.1"],
              "externalTrafficPolicy": "Local", "healthCheckNodePort": 32000,
              "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]},
     "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example"}]}}},
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a"}, "spec": POD, "status": {"phase": "Running"}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": POD}}},
    {"apiVersion": "x.example/v1", "kind": "Widget", "spec": {"parts": [{"podTemplate": {"spec": POD}}]}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a", "annotations": {
        "alb.ingress.kubernetes.io/listen-ports": '[{"HTTP": 8080}]', "kubernetes.io/ingress.class": "alb"}},
     "spec": {"rules": [{"host": "a.example"}, {}], "tls": [{"hosts": ["a.example"]}], "defaultBackend": {"x": 1}},
     "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"ip": "192.0.2.8"}]}}},
    {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "a"},
     "spec": {"listeners": [{"port": 80, "protocol": "HTTP", "hostname": "a.example"}, {"port": 53, "protocol": "UDP"}],
              "addresses": [{"value": "192.0.2.9"}], "infrastructure": {"annotations": {"a": "b"}}}},
    {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "a"},
     "spec": {"selector": {"istio": "x"}, "servers": [{"port": {"number": 443}, "hosts": ["a/b.example", "*"]}]}},
    {"apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": "a"},
     "spec": {"host": "a.example", "tls": {"insecureEdgeTerminationPolicy": "Allow"}},
     "status": {"ingress": [{"host": "b.example"}]}},
]  # fmt: skip


@st.composite
def damaged(draw):
    """An object that is right but for a few values, which are gone, doubled or something else."""
    whole = copy.deepcopy(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 3))):
        here, above = whole, None
        for _ in range(draw(st.integers(1, 8))):
            if not isinstance(here, dict | list) or not here:
                break
            key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            above, here = here, here[key]
        match draw(st.sampled_from(["gone", "doubled", "other", "wrapped"])):
            case "gone":
                del above[key]
            case "doubled" if isinstance(above, list):
                above.append(copy.deepcopy(here))
            case "wrapped":
                above[key] = draw(st.sampled_from([[here], {"a": here}]))
            case _:
                above[key] = draw(TREES)
    return whole


def meaning(text):
    """What a text says: ports by names, without the words and the places."""
    seen = list(parse(SourceText("a.yaml", text)))
    for opening in (opening for one in seen for opening in one.openings):
        line = text.splitlines()[opening.location.line - 1] if opening.location.line else None
        assert line is not None
        assert 1 <= opening.location.column <= len(line) + 1
    reasons = [unknown.reason for one in seen for unknown in one.unknown]
    assert all("\n" not in reason and len(reason) < 1200 for reason in reasons)
    return [
        (
            one.host,
            one.names,
            one.address,
            [(str(opening.ports), str(opening.bind), str(opening.sources)) for opening in one.openings],
            [str(unknown.ports) for unknown in one.unknown],
        )
        for one in seen
    ]


@given(objects() | damaged())
def test_any_object_means_something_and_points_at_lines_that_are_there(data):
    meaning(json.dumps(data, indent=1, ensure_ascii=True))


@given(st.lists(objects() | damaged(), min_size=1, max_size=3))
def test_yaml_and_json_of_the_same_objects_mean_the_same(data):
    as_json = json.dumps({"apiVersion": "v1", "kind": "List", "items": data})
    data = json.loads(as_json, parse_float=str, parse_int=lambda digits: int(digits) if len(digits) < 18 else digits)
    as_json = json.dumps(data)
    as_yaml = "---\n".join(yaml.safe_dump(one) for one in data["items"])
    assert meaning(as_yaml) == meaning(as_json)


PIECES = [
    "apiVersion: v1\n", "kind: Service\n", "spec:\n", "  type: NodePort\n", "  ports:\n", "    - nodePort: 30080\n",
    "---\n", "{{ .Values.x }}\n", "{% if x %}\n", "- ", "  ", "&a ", "*a\n", "<<: *a\n", "!tag ", "|\n", '"', "'",
    "{", "}", "[", "]", "# x\n", "\t", "\r\n", "? ", ": ", "items:\n", "\u00e9", "%YAML 1.1\n", "...\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_read_or_refused_in_one_line(text):
    looks_like(text, "x.yaml")
    with contextlib.suppress(EvidenceError):
        list(parse(SourceText("x.yaml", text)))
        return
    with pytest.raises(EvidenceError, match=r"^x\.yaml.*\Z"):
        list(parse(SourceText("x.yaml", text)))


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "v1", "kind": "List", "items": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "apiVersion: v1\nkind: List\nitems: " + "[" * 5000 + "]" * 5000,
        "apiVersion: v1\nkind: Pod\nspec: &a\n  containers: [*a]\n",
        "a: &a [x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 8)}]\n" for n in range(12))
        + "apiVersion: v1\nkind: Pod\n",
        '{"apiVersion": "v1", "kind": "Pod", "kind": "Service"}',
        "apiVersion: v1\nkind: Pod\nkind: Service\n",
        '{"apiVersion": "v1", "kind": "Pod", "spec": {"hostPort": ' + "9" * 5000 + "}}",
    ],
    ids=["deep JSON", "deep YAML", "in itself", "a billion", "key twice in JSON", "key twice in YAML", "digits"],
)
def test_a_bomb_is_refused(text):
    with pytest.raises(EvidenceError) as refused:
        list(parse(SourceText("x.yaml", text)))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_lists_in_lists_are_unwrapped_without_recursion():
    data = {"apiVersion": "v1", "kind": "Service", "spec": {"type": "NodePort", "ports": [{"nodePort": 30080}]}}
    for _ in range(200):
        data = {"apiVersion": "v1", "kind": "List", "items": [data]}
    seen = list(parse(SourceText("x.json", json.dumps(data))))
    assert [str(opening.port) for one in seen for opening in one.openings] == ["30080/tcp"]


def test_a_hostile_number_of_addresses_is_in_doubt_and_not_multiplied():
    addresses = [{"ip": f"192.0.2.{n % 256}"} for n in range(20_000)]
    ports = [{"port": 1 + n, "nodePort": 1 + n} for n in range(20_000)]
    data = {
        "apiVersion": "v1",
        "kind": "Service",
        "spec": {"type": "LoadBalancer", "ports": ports},
        "status": {"loadBalancer": {"ingress": addresses}},
    }
    seen = list(parse(SourceText("x.json", json.dumps(data))))
    assert sum(len(one.openings) for one in seen) == 0
    (doubt,) = (unknown for one in seen for unknown in one.unknown)
    assert doubt.reason == "x.json:1: ingress has more than 64 entries"


def test_a_cluster_of_thousands_of_services_is_read_in_seconds():
    items = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{n}"},
         "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30000 + n % 2768}]}}
        for n in range(5_000)
    ]  # fmt: skip
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2)
    began = time.process_time()
    seen = list(parse(SourceText("x.json", text)))
    assert sum(len(one.openings) for one in seen) == 5_000
    assert time.process_time() - began < 30


@pytest.mark.parametrize("whole", WHOLE, ids=lambda whole: f"{whole['apiVersion']} {whole['kind']}")
def test_the_objects_that_get_damaged_are_right_to_begin_with(whole):
    seen = list(parse(SourceText("x.json", json.dumps(whole))))
    assert any(one.openings for one in seen)
    assert all("no " not in unknown.reason for one in seen for unknown in one.unknown)
