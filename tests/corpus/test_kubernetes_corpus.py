"""Manifests that others wrote. What they publish is counted a second time, by plain PyYAML and other rules."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml

from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"

if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

K8S = CORPUS / "k8s"
FILES = sorted(path for path in K8S.rglob("*") if path.is_file())
MANIFESTS = [path for path in FILES if path.suffix in {".yaml", ".yml", ".json"}]
RECIPES = [path for path in FILES if path.suffix == ".md"]
CONVERTED = sorted(path for path in (CORPUS / "compose").rglob("output-*") if b"apiVersion" in path.read_bytes())
"""What a converter made of compose files, for Kubernetes and for OpenShift."""
PLACES = {"kubernetes/nodes": "node", "kubernetes/load-balancers": "balancer", "kubernetes/ingress": "entrance"}
LATER = "30000-32767"


def name_of(path):
    return str(path.relative_to(CORPUS))


def read(path):
    """What is open (where, port), and what is in doubt (where, ports)."""
    opened, doubted = [], []
    for one in open_evidence(str(path)):
        place = next((PLACES[name] for name in (one.host, *one.names) if name in PLACES), None)
        opened += [(place, str(opening.port)) for opening in one.openings]
        doubted += [(place, str(unknown.ports)) for unknown in one.unknown]
    return sorted(opened), sorted(doubted)


# -- a second reading, from the shapes alone ------------------------------------------------------------------------


def mappings_in(data):
    if isinstance(data, dict):
        yield data
    for inner in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from mappings_in(inner)


def counted(path):
    """Every mapping anywhere that has containers is a pod's; every other thing goes by its kind."""
    opened, doubted = [], []
    text = path.read_text()
    for mapping in mappings_in(json.loads(text) if path.suffix == ".json" else list(yaml.safe_load_all(text))):
        if isinstance(mapping.get("containers"), list):
            count_pod(mapping, opened, doubted)
        if "kind" in mapping and "spec" in mapping:
            count_object(mapping, mapping["spec"], opened, doubted)
    return sorted(opened), sorted(doubted)


def count_pod(pod, opened, doubted):
    key = "containerPort" if pod.get("hostNetwork") else "hostPort"
    containers = pod["containers"] + pod.get("initContainers", [])
    ports = [port for container in containers for port in container.get("ports") or []]
    opened += [("node", f"{port[key]}/{port.get('protocol', 'TCP').lower()}") for port in ports if key in port]
    if pod.get("hostNetwork") and not ports:
        doubted.append(("node", ""))


def count_object(thing, spec, opened, doubted):
    group, kind = thing["apiVersion"].split("/")[0], thing["kind"]
    if (group, kind) == ("v1", "Service") and spec.get("type") in {"NodePort", "LoadBalancer"}:
        count_service(spec, opened, doubted)
    elif kind == "Ingress":
        names = {rule.get("host") for rule in spec.get("rules", [])}
        names |= {None} if {"backend", "defaultBackend"} & set(spec) or not names else set()
        certificate = "networking.gke.io/managed-certificates" in thing["metadata"].get("annotations", {})
        opened += [("entrance", "80/tcp")] * len(names)
        opened += [("entrance", "443/tcp")] * len(names) if certificate or spec.get("tls") else []
    elif (group, kind) == ("networking.istio.io", "Gateway"):
        opened += [("entrance", f"{one['port']['number']}/tcp") for one in spec["servers"] for _ in one["hosts"]]
    elif kind == "Route":
        opened.append(("entrance", "443/tcp" if spec.get("tls") else "80/tcp"))


def count_service(spec, opened, doubted):
    protocols = [port.get("protocol", "TCP").lower() for port in spec["ports"]]
    numbers = [port.get("nodePort") for port in spec["ports"]]
    opened += [("node", f"{n}/{p}") for n, p in zip(numbers, protocols, strict=True) if n]
    if later := sorted({p for n, p in zip(numbers, protocols, strict=True) if not n}):
        doubted.append(("node", ",".join(f"{LATER}/{protocol}" for protocol in later)))
    if spec["type"] == "LoadBalancer":
        opened += [("balancer", f"{p['port']}/{n}") for p, n in zip(spec["ports"], protocols, strict=True)]
        if spec.get("externalTrafficPolicy") == "Local":
            doubted.append(("node", f"{LATER}/tcp"))


# -- the two readings agree -----------------------------------------------------------------------------------------


def test_the_corpus_is_whole():
    assert (len(MANIFESTS), len(RECIPES), len(FILES)) == (94, 10, 104)
    assert len(CONVERTED) > 60


@pytest.mark.parametrize("path", MANIFESTS + CONVERTED, ids=name_of)
def test_a_manifest_publishes_what_a_second_reading_counts(path):
    assert read(path) == counted(path)


def test_all_of_them_together_publish_what_was_counted_by_hand():
    opened = [found for path in MANIFESTS for found in read(path)[0]]
    places = [place for place, _ in opened]
    assert {place: places.count(place) for place in PLACES.values()} == BY_HAND


BY_HAND = {"node": 18, "balancer": 15, "entrance": 6}
"""Counted with grep: four ``nodePort``, eight ``hostPort`` that are no comment, and six more ports of pods with
``hostNetwork``; every port of a service of type ``LoadBalancer``; four Ingresses, one with TLS, and a Gateway."""

LINES = [
    ("bridgecrewio+checkov/tests/kubernetes/checks/example_TillerService/tiller-services.yaml",
     [("service/default/flask-svc", "32061/tcp", 13)]),
    ("kubernetes+kompose/script/test/fixtures/service-label/output-k8s.json",
     [("service/default/mariadb", "33111/tcp", 28)]),
    ("kubernetes+examples/_archived/storage/vitess/vtctld-service.yaml",
     [("service/default/vtctld", "30000/tcp", 13), ("service/default/vtctld", "30001/tcp", 17)]),
    ("bridgecrewio+checkov/tests/kubernetes/checks/example_HostPort/DS-node-exporter-FAILED.yaml",
     [("daemonset/monitoring/prometheus-node-exporter", "9100/tcp", 33)]),
    ("kubernetes+examples/_archived/javaweb-tomcat-sidecar/javaweb.yaml", [("pod/default/javaweb", "8001/tcp", 22)]),
    ("kubernetes+examples/_archived/elasticsearch/es-svc.yaml",
     [("service/default/elasticsearch", "9200/tcp", 13), ("service/default/elasticsearch", "9300/tcp", 16)]),
    ("kubernetes+examples/_archived/meteor/meteor-service.json", [("service/default/meteor", "80/tcp", 10)]),
]  # fmt: skip
"""Line by line, from the files."""


@pytest.mark.parametrize(("name", "expected"), LINES, ids=lambda value: value if isinstance(value, str) else "")
def test_each_opening_stands_at_the_line_that_opens_it(name, expected):
    found = [
        (one.host, str(opening.port), opening.location.line)
        for one in open_evidence(str(K8S / name))
        for opening in one.openings
    ]
    assert found == expected


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_text_about_manifests_is_no_manifest_and_the_policies_in_it_publish_nothing(path, tmp_path):
    with pytest.raises(EvidenceError, match="not recognised as evidence"):
        open_evidence(str(path))
    shown = re.findall(r"^```yaml\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)
    for number, text in enumerate(text for text in shown if "kind:" in text):
        manifest = tmp_path / f"{number}.yaml"
        manifest.write_text(text)
        assert read(manifest) == ([], [])
