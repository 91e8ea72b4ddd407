"""What manifests publish, on nodes, load balancers and ingresses; and what they leave open."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from auditor.collect.declared.kubernetes.beginning import looks_like
from auditor.collect.declared.kubernetes.file import parse
from auditor.errors import EvidenceError
from auditor.files.text import SourceText

INTERNAL = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fc00::/7"
NODES = ("kubernetes/nodes", "kubernetes")
BALANCERS = ("kubernetes/load-balancers", "kubernetes")
INGRESS = ("kubernetes/ingress", "kubernetes")


def read(text, file="web.yaml"):
    """What a manifest says, without what it always says: that each class of places is spoken of."""
    seen = list(parse(SourceText(file, dedent(text))))
    assert [one.host for one in seen[:3]] == ["kubernetes/nodes", "kubernetes/load-balancers", "kubernetes/ingress"]
    return seen[3:]


def opened(seen):
    """Each opening by where it is: ``host``, or the address that it has."""
    return sorted(
        (one.address or one.host, str(opening.port), opening.location.line) for one in seen for opening in one.openings
    )


def doubts(seen):
    return [(one.host, str(unknown.ports), unknown.reason) for one in seen for unknown in one.unknown]


def service(spec, *, annotations="{}", more=""):
    lines = "\n".join(f"  {line}" for line in dedent(spec).strip().splitlines())
    head = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: " + annotations + "}\n"
    return f"{head}spec:\n{lines}\n{dedent(more)}"


def pod(spec, kind="Pod", version="v1"):
    lines = "\n".join(f"  {line}" for line in dedent(spec).strip().splitlines())
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: agent}}\nspec:\n{lines}\n"


# -- services ------------------------------------------------------------------------------------------------------


def test_a_node_port_is_open_on_every_node_at_the_line_that_says_so():
    seen = read(service("type: NodePort\nports:\n  - port: 80\n    targetPort: 8080\n    nodePort: 30080"))
    assert opened(seen) == [("service/shop/web", "30080/tcp", 9)]
    assert [(one.host, one.names) for one in seen] == [("service/shop/web", NODES)]
    (opening,) = seen[0].openings
    assert (opening.bind, opening.sources) == (None, None)
    assert opening.location.snippet.strip() == "nodePort: 30080"
    assert (opening.location.column, opening.location.end_column) == (17, 22)


@pytest.mark.parametrize("kind", ["ClusterIP", '""', "null", "ExternalName"])
def test_a_service_inside_the_cluster_publishes_nothing_and_is_spoken_of(kind):
    seen = read(service(f"type: {kind}\nclusterIP: None\nports: [{{port: 80, targetPort: 30080}}]"))
    assert [(one.host, one.openings, one.unknown) for one in seen] == [("service/shop/web", (), ())]


def test_a_node_port_that_is_allocated_later_may_be_any_of_the_range():
    seen = read(service("type: NodePort\nports: [{port: 80}, {port: 53, protocol: UDP}]"))
    assert doubts(seen) == [
        (
            "service/shop/web",
            "30000-32767/tcp,30000-32767/udp",
            "web.yaml:6: service/shop/web gets its node port when it is created; 'nodePort' gives it one",
        )
    ]


def test_a_load_balancer_opens_its_ports_and_node_ports_beside_them():
    seen = read(service("type: LoadBalancer\nports:\n  - {port: 443, nodePort: 31443}\n  - {port: 53, protocol: UDP}"))
    assert opened(seen) == [
        ("kubernetes/nodes", "31443/tcp", 7),
        ("service/shop/web", "443/tcp", 7),
        ("service/shop/web", "53/udp", 8),
    ]
    assert [(one.host, one.names) for one in seen] == [
        ("service/shop/web", BALANCERS),
        ("kubernetes/nodes", ("kubernetes",)),
    ]
    assert [(host, ports) for host, ports, _ in doubts(seen)] == [("kubernetes/nodes", "30000-32767/udp")]


def test_a_load_balancer_without_node_ports_has_none():
    seen = read(service("type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 443}]"))
    assert opened(seen) == [("service/shop/web", "443/tcp", 7)]
    assert doubts(seen) == []


def test_source_ranges_say_who_reaches_the_load_balancer_and_not_the_nodes():
    spec = """
        type: LoadBalancer
        loadBalancerSourceRanges: [198.51.100.0/24, " 203.0.113.9/24 "]
        ports: [{port: 443, nodePort: 31443}]
    """
    seen = read(service(spec))
    assert [str(one.openings[0].sources) for one in seen] == ["198.51.100.0/24,203.0.113.0/24", "None"]


@pytest.mark.parametrize(
    ("annotation", "sources"),
    [
        ("service.beta.kubernetes.io/aws-load-balancer-internal: 'true'", INTERNAL),
        ("service.beta.kubernetes.io/aws-load-balancer-internal: 0.0.0.0/0", INTERNAL),
        ("service.beta.kubernetes.io/aws-load-balancer-internal: 'false'", "None"),
        ("service.beta.kubernetes.io/aws-load-balancer-scheme: internal", INTERNAL),
        ("service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing", "None"),
        ("cloud.google.com/load-balancer-type: Internal", INTERNAL),
        ("networking.gke.io/load-balancer-type: Internal", INTERNAL),
        ("networking.gke.io/load-balancer-type: External", "None"),
        ("service.beta.kubernetes.io/azure-load-balancer-internal: 'true'", INTERNAL),
        ("service.beta.kubernetes.io/load-balancer-source-ranges: '192.0.2.0/28, 192.0.2.64/28'",
         "192.0.2.0/28,192.0.2.64/28"),
        ("example.com/internal: 'true'", "None"),
    ],
)  # fmt: skip
def test_annotations_of_the_clouds_say_who_is_faced(annotation, sources):
    spec = "type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 443}]"
    (seen,) = read(service(spec, annotations="{" + annotation + "}"))
    assert str(seen.openings[0].sources) == sources


def test_an_internal_load_balancer_with_source_ranges_lets_in_what_both_allow():
    annotations = "{networking.gke.io/load-balancer-type: Internal}"
    spec = "type: LoadBalancer\nallocateLoadBalancerNodePorts: no\nports: [{port: 443}]\n"
    (seen,) = read(service(spec + "loadBalancerSourceRanges: [10.1.0.0/16, 192.0.2.0/24]", annotations=annotations))
    assert str(seen.openings[0].sources) == "10.1.0.0/16"


@pytest.mark.parametrize(
    ("ranges", "annotations"),
    [
        ('["${OFFICE}"]', "{}"),
        ("[office]", "{}"),
        ("[7]", "{}"),
        ("[]", "{service.beta.kubernetes.io/load-balancer-source-ranges: here}"),
    ],
)
def test_sources_that_nobody_can_read_leave_the_port_in_doubt(ranges, annotations):
    spec = "type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 443}]\n"
    (seen,) = read(service(spec + f"loadBalancerSourceRanges: {ranges}", annotations=annotations))
    assert seen.openings == ()
    assert [str(one.ports) for one in seen.unknown] == ["443/tcp"]


def test_local_traffic_has_a_port_for_health_checks_on_the_nodes():
    spec = "type: LoadBalancer\nexternalTrafficPolicy: Local\nports: [{port: 443, nodePort: 31443}]\n"
    nodes = read(service(spec + "healthCheckNodePort: 32000"))[1]
    assert [str(one.port) for one in nodes.openings] == ["31443/tcp", "32000/tcp"]
    nodes = read(service(spec))[1]
    assert [str(one.ports) for one in nodes.unknown] == ["30000-32767/tcp"]


def test_external_addresses_open_the_ports_of_any_service_at_these_addresses():
    seen = read(service("ports: [{port: 80}, {port: 443}]\nexternalIPs:\n  - 198.51.100.7\n  - 2001:DB8::7"))
    assert opened(seen) == [
        ("198.51.100.7", "443/tcp", 7),
        ("198.51.100.7", "80/tcp", 7),
        ("2001:db8::7", "443/tcp", 8),
        ("2001:db8::7", "80/tcp", 8),
    ]


@pytest.mark.parametrize(
    ("more", "annotations", "addresses", "names"),
    [
        ("status: {loadBalancer: {ingress: [{ip: 203.0.113.5}, {ip: 203.0.113.6}]}}", "{}",
         ["203.0.113.5", "203.0.113.6"], ()),
        ("status: {loadBalancer: {ingress: [{hostname: lb-7.cloud.example}]}}", "{}", [None], ("lb-7.cloud.example",)),
        ("", "{external-dns.alpha.kubernetes.io/hostname: 'a.example, b.example'}", [None], ("a.example", "b.example")),
        ("", "{metallb.io/loadBalancerIPs: '203.0.113.8,2001:db8::8'}", ["203.0.113.8", "2001:db8::8"], ()),
    ],
)  # fmt: skip
def test_a_load_balancer_goes_by_the_addresses_and_names_that_it_has(more, annotations, addresses, names):
    spec = "type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 443}]"
    seen = [one for one in read(service(spec, annotations=annotations, more=more)) if one.openings]
    assert [one.address for one in seen] == addresses
    assert {one.names for one in seen} == {(*names, *BALANCERS)}


def test_a_service_of_another_group_is_no_service():
    text = service("type: NodePort\nports: [{port: 80, nodePort: 30080}]").replace("v1", "serving.knative.dev/v1", 1)
    assert opened(read(text)) == []


# -- pods ----------------------------------------------------------------------------------------------------------


def test_host_ports_of_all_containers_are_open_on_the_node():
    spec = """
        containers:
          - {name: web, ports: [{containerPort: 80}, {containerPort: 443, hostPort: 8443}]}
        initContainers:
          - {name: proxy, restartPolicy: Always, ports: [{containerPort: 53, hostPort: 5353, protocol: UDP}]}
        ephemeralContainers:
          - {name: debug, ports: [{containerPort: 1, hostPort: 7777}]}
    """
    seen = read(pod(spec))
    assert opened(seen) == [
        ("pod/default/agent", "5353/udp", 8),
        ("pod/default/agent", "7777/tcp", 10),
        ("pod/default/agent", "8443/tcp", 6),
    ]
    assert [one.names for one in seen] == [NODES]


@pytest.mark.parametrize(
    ("address", "bind"),
    [("127.0.0.1", "127.0.0.1"), ('"::1"', "::1"), ("0.0.0.0", "None"), ('"::"', "None"), ('""', "None")],
)
def test_a_host_port_is_bound_to_its_host_address(address, bind):
    spec = f"containers: [{{ports: [{{containerPort: 80, hostPort: 80, hostIP: {address}}}]}}]"
    (seen,) = read(pod(spec))
    assert str(seen.openings[0].bind) == bind


def test_ports_of_a_pod_in_the_network_of_its_node_are_the_nodes_wherever_it_says_they_are_bound():
    spec = """
        hostNetwork: true
        containers: [{name: a, ports: [{containerPort: 9100, hostIP: 127.0.0.1}, {containerPort: 53, protocol: UDP}]}]
    """
    (seen,) = read(pod(spec))
    assert [(str(one.port), one.bind) for one in seen.openings] == [("9100/tcp", None), ("53/udp", None)]
    assert seen.unknown == ()


def test_a_pod_in_the_network_of_its_node_that_names_no_port_may_open_any():
    (seen,) = read(pod("hostNetwork: yes\ncontainers: [{name: a}]"))
    assert doubts([seen]) == [
        ("pod/default/agent", "", "web.yaml:5: pod/default/agent shares the network of its node and names no port")
    ]


POD = "containers: [{name: web, ports: [{containerPort: 80, hostPort: 8080}]}]"
TEMPLATE = f"template: {{spec: {{{POD}}}}}"


@pytest.mark.parametrize(
    ("kind", "version", "spec"),
    [
        ("Deployment", "apps/v1", TEMPLATE),
        ("Deployment", "extensions/v1beta1", TEMPLATE),
        ("DaemonSet", "apps/v1", TEMPLATE),
        ("StatefulSet", "apps/v1", TEMPLATE),
        ("ReplicaSet", "apps/v1", TEMPLATE),
        ("ReplicationController", "v1", TEMPLATE),
        ("Job", "batch/v1", TEMPLATE),
        ("CronJob", "batch/v1", f"jobTemplate: {{spec: {{{TEMPLATE}}}}}"),
        ("DeploymentConfig", "apps.openshift.io/v1", TEMPLATE),
        ("Rollout", "argoproj.io/v1alpha1", TEMPLATE),
        ("Job", "batch.volcano.sh/v1alpha1", f"tasks: [{{replicas: 1, {TEMPLATE}}}]"),
        ("Sandbox", "agents.example/v1", TEMPLATE.replace("template", "podTemplate")),
    ],
)
def test_every_kind_that_makes_pods_from_a_template_is_read(kind, version, spec):
    seen = read(pod(spec, kind, version))
    assert opened(seen) == [(f"{kind.lower()}/default/agent", "8080/tcp", 5)]


def test_a_bare_template_is_read():
    text = f"apiVersion: v1\nkind: PodTemplate\nmetadata: {{generateName: a-}}\n{TEMPLATE}\n"
    assert opened(read(text)) == [("podtemplate/default/a-*", "8080/tcp", 4)]


def test_unknown_kinds_are_passed_over():
    assert read(pod("{ports: [{port: 80}], template: {spec: {ports: [80]}}, size: 3}", "Widget", "a.b/v1")) == []


def test_a_pod_that_has_ended_holds_no_port_and_one_that_runs_goes_by_its_node_too():
    assert opened(read(pod(POD) + "status: {phase: Succeeded}\n")) == []
    (seen,) = read(pod(POD + "\nnodeName: worker-1") + "status: {phase: Running}\n")
    assert seen.names == ("worker-1", *NODES)


# -- what wraps objects --------------------------------------------------------------------------------------------

OBJECT = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]},
}
LINE = {"kind": "List", "apiVersion": "v1", "items": [OBJECT]}


@pytest.mark.parametrize(
    "whole",
    [
        OBJECT,
        LINE,
        [OBJECT],
        {"apiVersion": "v1", "kind": "List", "items": [LINE, {"kind": "List", "items": []}]},
        {"kind": "ServiceList", "apiVersion": "v1", "items": [{k: OBJECT[k] for k in ("metadata", "spec")}]},
        {"kind": "Template", "apiVersion": "template.openshift.io/v1", "objects": [OBJECT]},
    ],
    ids=["object", "list", "array", "lists in a list", "list of one kind", "template"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_objects_are_found_in_whatever_wraps_them(whole, indent):
    text = json.dumps(whole, indent=indent)
    assert looks_like(text, "x.json")
    (found,) = opened(read(text))
    assert found[:2] == ("service/default/web", "30080/tcp")
    line = text.splitlines()[found[2] - 1]
    assert "nodePort" in line


def test_several_documents_are_read_and_empty_ones_passed_over():
    one = service("type: NodePort\nports: [{port: 80, nodePort: 30080}]")
    two = service("type: NodePort\nports: [{port: 81, nodePort: 30081}]")
    assert [port for _, port, _ in opened(read(f"---\n---\n{one}---\n# nothing\n---\n{two}"))] == [
        "30080/tcp",
        "30081/tcp",
    ]


# -- what cannot be read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "ports", "reason"),
    [
        ("type: NodePort\nports: [{port: 80, nodePort: $PORT}]", "1-65535/tcp",
         "web.yaml:6: nodePort is '$PORT', which is no port"),
        ("type: NodePort\nports: [{port: 80, nodePort: 30080, protocol: QUIC}]", "30080/tcp,30080/udp",
         "web.yaml:6: protocol is 'QUIC', which is none that is known"),
        ("type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: http}]", "1-65535/tcp",
         "web.yaml:7: port is 'http', which is no port"),
        ("type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 70000}]", "1-65535/tcp",
         "web.yaml:7: port is 70000, which is no port"),
        ("type: nodeport\nports: [{port: 80, nodePort: 30080}]", "",
         "web.yaml:5: type is 'nodeport', which is none that is known"),
        ("type: [NodePort]\nports: []", "", "web.yaml:5: type is ['NodePort'], which is none that is known"),
        ("type: NodePort\nports: {nodePort: 30080}", "", "web.yaml:6: ports is no list"),
        ("type: NodePort\nports: [30080]", "", "web.yaml:6: ports is no mapping"),
        ("externalIPs: [here]\nports: [{port: 80}]", "", "web.yaml:5: externalIPs is 'here', which is no address"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_right_leave_what_they_speak_of_in_doubt(spec, ports, reason):
    seen = read(service(spec))
    assert opened(seen) == []
    assert [(found, why) for _, found, why in doubts(seen)] == [(ports, reason)]


@pytest.mark.parametrize("number", ["30080", '"30080"'])
def test_a_number_in_quotes_is_one(number):
    assert opened(read(service(f"type: NodePort\nports: [{{nodePort: {number}}}]")))[0][1] == "30080/tcp"


def test_a_document_that_is_no_object_is_in_doubt():
    seen = read("apiVersion: v1\nspec: {type: NodePort}\n---\njust text\n")
    assert [reason for _, _, reason in doubts(seen)] == [
        "web.yaml:1: this is no object of Kubernetes: it has no kind",
        "web.yaml:4: this is no object of Kubernetes: it has no kind",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("apiVersion: v1\nkind: Service\nspec:\n  type: {{ .Values.type }}\n", 4),
        ("{{- if .Values.on }}\napiVersion: v1\nkind: Service\n{{- end }}\n", 1),
        ('apiVersion: v1\nkind: Service\nmetadata:\n  labels:\n    {{- include "x" . | nindent 4 }}\n', 5),
        ("apiVersion: v1\nkind: Service\n{% if on %}\nspec: {}\n{% endif %}\n", 3),
    ],
)
def test_a_template_is_to_be_rendered_first(text, line):
    assert looks_like(text, "web.yaml")
    with pytest.raises(
        EvidenceError, match=rf"^web\.yaml:{line}: this is a template: render it first, .*helm template"
    ):
        list(parse(SourceText("web.yaml", text)))


def test_braces_in_the_text_of_a_manifest_are_no_template():
    assert read('apiVersion: v1\nkind: ConfigMap\ndata:\n  rule: |\n    {{ $labels.x }}\n  other: "{{ y }}"\n') == []
    with pytest.raises(EvidenceError, match="did not find"):
        list(parse(SourceText("a.yaml", "kind: ConfigMap\ndata: {a: 'x {{ y }}', b: [}\n")))


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n", "any.yaml"),
        ("resources:\n- web.yaml\n", "base/kustomization.yaml"),
    ],
)
def test_a_kustomization_is_to_be_built_first(text, file):
    assert looks_like(text, file)
    with pytest.raises(EvidenceError, match=r":1: this is a kustomization: build it first, with 'kustomize build'"):
        list(parse(SourceText(file, text)))


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: x, ports: ['80:80']}}\n",
        "version: 1\nhosts: {a: 192.0.2.1}\n",
        "apiVersion: v2\nname: chart\n",
        '{"format_version": "1.2", "values": {"apiVersion": "v1", "kind": "Service"}}',
        '[{"Id": "x", "apiVersion": "v1"}]',
        "resources:\n- a\n",
        "text that says apiVersion: v1 and kind: Service\n",
    ],
)
def test_other_files_are_not_taken(text):
    assert not looks_like(text, "some.yaml")


def test_sources_that_have_names_elsewhere_are_a_group():
    annotations = "{service.beta.kubernetes.io/azure-allowed-service-tags: AzureFrontDoor.Backend}"
    spec = "type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 443}]\n"
    (seen,) = read(service(spec, annotations=annotations))
    assert (seen.openings[0].sources, seen.openings[0].group) == (None, "service tag AzureFrontDoor.Backend")


@pytest.mark.parametrize(
    "text",
    [
        service("type: NodePort\nports: [{port: 38412, nodePort: 30412, protocol: SCTP}]"),
        service("type: NodePort\nports: [{port: 38412, protocol: SCTP}]"),
        service("type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 38412, protocol: SCTP}]"),
        service("externalIPs: [192.0.2.1]\nports: [{port: 38412, protocol: SCTP}]"),
        pod("containers: [{name: amf, ports: [{containerPort: 38412, hostPort: 38412, protocol: SCTP}]}]"),
        pod("hostNetwork: true\ncontainers: [{name: amf, ports: [{containerPort: 38412, protocol: SCTP}]}]"),
    ],
)
def test_a_port_of_sctp_is_said_and_not_dropped(text):
    seen = read(text)
    assert opened(seen) == []
    assert [(ports, reason.endswith("412 is of SCTP, of which policies cannot speak")) for _, ports, reason in
            doubts(seen)] == [("", True)]  # fmt: skip


SCALED = "replicas: {count}\ntemplate: {{spec: {{containers: [{{name: a, ports: [{{hostPort: 9100}}]}}]}}}}"


@pytest.mark.parametrize(
    ("count", "ports"), [("0", []), ("1", ["9100/tcp"]), ("'0'", ["9100/tcp"]), ("null", ["9100/tcp"])]
)
@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet"])
def test_what_is_scaled_to_no_pod_opens_nothing(kind, count, ports):
    seen = read(pod(SCALED.format(count=count), kind, "apps/v1"))
    assert [port for _, port, _ in opened(seen)] == ports


def test_what_still_runs_while_it_is_scaled_down_counts():
    seen = read(pod(SCALED.format(count=0), "Deployment", "apps/v1") + "status: {replicas: 2}\n")
    assert [port for _, port, _ in opened(seen)] == ["9100/tcp"]


def test_a_container_in_the_network_of_its_node_that_names_no_port_is_in_doubt_beside_one_that_does():
    containers = "[{name: a, ports: [{containerPort: 9100}]}, {name: b}]"
    seen = read(pod(f"hostNetwork: true\ncontainers: {containers}"))
    assert [port for _, port, _ in opened(seen)] == ["9100/tcp"]
    reason = "web.yaml:5: pod/default/agent, b shares the network of its node and names no port"
    assert doubts(seen) == [("pod/default/agent", "", reason)]


def test_an_init_container_that_ends_names_no_port_and_is_not_doubted():
    spec = "hostNetwork: true\ninitContainers: [{name: i}]\ncontainers: [{name: a, ports: [{containerPort: 9100}]}]"
    assert doubts(read(pod(spec))) == []


@pytest.mark.parametrize(
    ("version", "kind", "names"),
    [
        ("traefik.io/v1alpha1", "IngressRouteTCP", INGRESS),
        ("projectcontour.io/v1", "HTTPProxy", INGRESS),
        ("k3d.io/v1alpha5", "Simple", INGRESS),
        ("ngrok.k8s.ngrok.com/v1alpha1", "CloudEndpoint", INGRESS),
        ("ec2.aws.upbound.io/v1beta1", "SecurityGroupRule", (*NODES[:1], *BALANCERS[:1], *INGRESS)),
        ("ec2.services.k8s.aws/v1alpha1", "SecurityGroup", (*NODES[:1], *BALANCERS[:1], *INGRESS)),
        ("compute.cnrm.cloud.google.com/v1beta1", "ComputeFirewall", (*NODES[:1], *BALANCERS[:1], *INGRESS)),
        (
            "network.azure.com/v1api20201101",
            "NetworkSecurityGroupsSecurityRule",
            (*NODES[:1], *BALANCERS[:1], *INGRESS),
        ),
        ("serving.knative.dev/v1", "Service", INGRESS),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease", (*NODES[:1], *BALANCERS[:1], *INGRESS)),
        ("argoproj.io/v1alpha1", "Application", (*NODES[:1], *BALANCERS[:1], *INGRESS)),
    ],
)
def test_a_kind_that_lets_others_in_and_is_not_read_is_in_doubt(version, kind, names):
    (seen,) = [one for one in read(pod("{}", kind, version)) if one.unknown]
    assert (seen.host, seen.names, seen.openings) == (f"{kind.lower()}/default/agent", names, ())
    ((_, ports, reason),) = doubts([seen])
    assert (ports, reason.startswith(f"web.yaml:1: what {kind.lower()}/default/agent ")) == ("", True)


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("http: {service: {spec: {type: LoadBalancer}}}", "type is 'LoadBalancer'"),
        ("listeners: [{type: nodeport}]", "type is 'nodeport'"),
        ("bootstrap: {nodePort: 32100}", "nodePort is 32100"),
        ("hostNetwork: true", "hostNetwork is True"),
        ("bastion: {enabled: true, allowedCIDRBlocks: [0.0.0.0/0]}", "allowedCIDRBlocks is ['0.0.0.0/0']"),
        ('access: {sourceRanges: ["10.0.0.0/8", "::/0"]}', "sourceRanges is ['10.0.0.0/8', '::/0']"),
    ],
)
def test_an_operator_that_is_asked_to_open_something_is_in_doubt(spec, shown):
    seen = read(pod(spec, "Kafka", "kafka.strimzi.io/v1"))
    ((host, ports, reason),) = doubts(seen)
    assert (host, ports) == ("kafka/default/agent", "")
    assert reason == f"web.yaml:5: {shown}, and what kafka/default/agent opens is not read"


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("hostNetwork: true", "policy/v1beta1"),
        ("hostNetwork: false", "a.example/v1"),
        ("type: ClusterIP", "a.example/v1"),
        ("egress: {cidrs: [0.0.0.0/0]}", "a.example/v1"),
        ("destinationCIDRs: [0.0.0.0/0]", "a.example/v1"),
        ("gateway: 0.0.0.0/0", "a.example/v1"),
    ],
)
def test_what_speaks_of_others_or_asks_for_nothing_open_is_not_doubted(spec, version):
    assert doubts(read(pod(spec, "Thing", version))) == []


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("NetworkPolicy", "crd.projectcalico.org/v1"),
        ("SecurityGroupPolicy", "vpcresources.k8s.aws/v1beta1"),
        ("CiliumNetworkPolicy", "cilium.io/v2"),
        ("Middleware", "traefik.io/v1alpha1"),
    ],
)
def test_what_only_narrows_is_not_doubted_where_it_names_everyone(kind, version):
    assert doubts(read(pod("ingress: [{sourceRange: [0.0.0.0/0]}]", kind, version))) == []


def test_ports_of_a_local_cluster_on_its_host_are_in_doubt():
    text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- extraPortMappings: [{hostPort: 8080}]\n"
    ((_, ports, reason),) = doubts(read(text))
    assert (ports, reason.startswith("web.yaml:4: hostPort is 8080, and what cluster/default/")) == ("", True)


def test_a_scheme_that_faces_the_internet_outweighs_the_older_word_for_internal():
    key = "service.beta.kubernetes.io/aws-load-balancer"
    annotations = f"{{{key}-internal: 'true', {key}-scheme: internet-facing}}"
    spec = "type: LoadBalancer\nallocateLoadBalancerNodePorts: false\nports: [{port: 80}]"
    assert [one.openings[0].sources for one in read(service(spec, annotations=annotations))] == [None]
