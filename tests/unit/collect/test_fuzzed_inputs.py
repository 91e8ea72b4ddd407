"""Inputs that fuzzing found, cut down to what matters: each once broke the reading of its file."""

import json

import pytest

from auditor.collect.declared.engine.live import Engine
from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError, PolicyError
from auditor.policy.inventory import read_inventory


def read(folder, name, content):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(open_evidence(str(path)))


def template(**properties):
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Group": group}}


def rule(**given):
    return template(SecurityGroupIngress=[{"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0", "FromPort": 22, **given}])


@pytest.mark.parametrize(
    "content",
    [
        template(SecurityGroupIngress=[{"Fn::GetAtt": [["Group"], "GroupId"]}]),
        rule(FromPort={"Fn::GetAtt": [{}, "x"]}),
        rule(FromPort={"Fn::Select": ["²", [1, 2]]}),
        rule(IpProtocol="²²"),
    ],
    ids=["an attribute of a list", "an attribute of a mapping", "a raised index", "a raised protocol"],
)
def test_what_a_template_cannot_mean_is_in_doubt(tmp_path, content):
    seen = read(tmp_path, "template.json", content)
    assert any(one.unknown for one in seen)


def iptables(rule):
    return f"*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n{rule}\nCOMMIT\n"


def test_a_raised_number_is_no_place_in_a_chain(tmp_path):
    (seen,) = read(tmp_path, "evidence", iptables("-I INPUT ² -j ACCEPT"))
    assert any("-I INPUT ² -j ACCEPT" in one.reason for one in seen.unknown)


@pytest.mark.parametrize("port", ["²", "9" * 5000])
def test_an_odd_port_to_translate_to_is_in_doubt(tmp_path, port):
    rules = f"*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j REDIRECT --to-ports {port}\nCOMMIT\n"
    (seen,) = read(tmp_path, "evidence", rules + iptables(""))
    assert seen.unknown


LISTED = {"Name": "web", "Image": "nginx", "State": "running", "Status": "Up", "Networks": "bridge"}


@pytest.mark.parametrize("port", [{}, {"x": 80}, [80], "80", 80.5, True], ids=repr)
def test_a_listed_port_that_is_no_number_is_in_doubt(tmp_path, port):
    publisher = {"URL": "0.0.0.0", "TargetPort": 80, "PublishedPort": port, "Protocol": "tcp"}
    (seen,) = read(tmp_path, "containers", [LISTED | {"Publishers": [publisher]}])
    assert seen.openings == ()
    assert [one.reason.rpartition("container ")[2] for one in seen.unknown] == [
        "web publishes a port that cannot be read"
    ]


@pytest.mark.parametrize(
    "bound", [{"HostIp": "", "HostPort": "80"}, "80", 80, True, [{"HostPort": "80-x"}], [{"HostPort": "80-"}]], ids=repr
)
def test_an_inspected_binding_of_an_odd_shape_is_never_nothing(tmp_path, bound):
    container = {"Id": "a", "Name": "/web", "State": {"Status": "running"}, "HostConfig": {"NetworkMode": "bridge"}}
    (seen,) = read(tmp_path, "containers", [container | {"NetworkSettings": {"Ports": {"80/tcp": bound}}}])
    assert seen.openings == ()
    assert [one.reason.rpartition("container ")[2] for one in seen.unknown] == [
        "web publishes 80 on a port that cannot be read"
    ]


def test_an_engine_in_an_odd_state_of_its_swarm_leaves_it_in_doubt():
    class Client:
        def get(self, target):
            return {"Swarm": {"LocalNodeState": [], "ControlAvailable": False}} if target == "/info" else []

    (seen,) = Engine("unix:///nowhere", {}, client=Client())
    assert any("node of a swarm" in one.reason for one in seen.unknown)


LONG = "9" * 5000


@pytest.mark.parametrize(
    "content",
    [
        f"#masscan\nopen tcp {LONG} 192.0.2.1 1795380701\n# end\n",
        json.dumps({"saddr": "192.0.2.1", "sport": LONG, "success": 1}),
    ],
    ids=["masscan list", "zmap JSON"],
)
def test_an_endless_port_does_not_make_an_endless_message(tmp_path, content):
    with pytest.raises(EvidenceError) as refused:
        read(tmp_path, "evidence", content)
    assert str(refused.value).removeprefix(str(tmp_path)).startswith("/evidence:")
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("form", "content"),
    [("list", f"{LONG}a 192.0.2.1\n"), ("list", f"a{LONG}\na{LONG}\n"),
     ("ansible", f"a{LONG} ansible_host=192.0.2.1\na{LONG} ansible_host=192.0.2.2\n"),
     ("ansible", f"[a{LONG}:children]\na{LONG}\n")],
    ids=["no host", "twice", "two addresses", "a group in itself"],
)  # fmt: skip
def test_an_endless_name_does_not_make_an_endless_message(tmp_path, form, content):
    (tmp_path / "hosts").write_text(content)
    with pytest.raises(PolicyError) as refused:
        read_inventory(tmp_path / "hosts", "hosts", form)
    assert all(len(line) < 400 for line in str(refused.value).split("\n"))
