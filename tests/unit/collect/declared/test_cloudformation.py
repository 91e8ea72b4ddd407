"""CloudFormation templates: which of their values can be told, what they let in, and where that is written."""

import json

import pytest

from auditor.collect.registry import open_evidence

GROUP = """AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Source: {{Type: String{default}}}
Mappings:
  Ports: {{prod: {{ssh: 22}}}}
Conditions:
  Prod: !Equals [!Ref Source, 0.0.0.0/0]
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web
      SecurityGroupIngress:
{ingress}
"""
EVERYONE = ", Default: 0.0.0.0/0"


def read(tmp_path, text):
    path = tmp_path / "template.yaml"
    path.write_text(text)
    return list(open_evidence(str(path)))


def web(tmp_path, ingress, default=EVERYONE, more=""):
    (seen,) = read(tmp_path, GROUP.format(ingress=f"        - {ingress}", default=default) + more)
    return seen


def said(seen):
    return [(str(one.ports), one.group or str(one.sources)) for one in seen.openings]


def doubts(seen):
    return [(str(one.ports), one.reason) for one in seen.unknown]


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        ("{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}", [("22/tcp", "0.0.0.0/0")]),
        ('{IpProtocol: "6", FromPort: "22", ToPort: "23", CidrIpv6: "::/0"}', [("22-23/tcp", "::/0")]),
        ("{IpProtocol: -1, CidrIp: 10.0.0.0/8}", [("1-65535/tcp", "10.0.0.0/8"), ("1-65535/udp", "10.0.0.0/8")]),
        ("{IpProtocol: icmp, FromPort: -1, ToPort: -1, CidrIp: 0.0.0.0/0}", []),
        ("{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 192.168.1.0/0}", [("22/tcp", "0.0.0.0/0")]),
        ("{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref Source}", [("22/tcp", "0.0.0.0/0")]),
        ('{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Sub "${Source}"}', [("22/tcp", "0.0.0.0/0")]),
        ('{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Join ["/", [0.0.0.0, 0]]}', [("22/tcp", "0.0.0.0/0")]),
        (
            '{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Select [1, !Split [",", "a,10.0.0.0/8"]]}',
            [("22/tcp", "10.0.0.0/8")],
        ),
        (
            "{IpProtocol: tcp, FromPort: !FindInMap [Ports, prod, ssh], ToPort: 22, CidrIp: 0.0.0.0/0}",
            [("22/tcp", "0.0.0.0/0")],
        ),
        (
            "!If [Prod, {IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIp: 0.0.0.0/0}, !Ref AWS::NoValue]",
            [("1/tcp", "0.0.0.0/0")],
        ),
        ("!If [Prod, !Ref AWS::NoValue, {IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIp: 0.0.0.0/0}]", []),
        (
            "{IpProtocol: tcp, FromPort: 22, ToPort: 22, SourceSecurityGroupId: !GetAtt Web.GroupId}",
            [("22/tcp", "other members of Web")],
        ),
        (
            "{IpProtocol: tcp, FromPort: 22, ToPort: 22, SourceSecurityGroupId: sg-1}",
            [("22/tcp", "members of sg-1")],
        ),
    ],
)
def test_an_ingress_rule_opens_its_ports_to_its_sources(tmp_path, ingress, expected):
    seen = web(tmp_path, ingress)
    assert (said(seen), doubts(seen)) == (expected, [])


@pytest.mark.parametrize(
    ("ingress", "ports", "reason"),
    [
        (
            "{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref Source}",
            "22/tcp",
            "Web: its sources are known only at deployment (the parameter Source has no default)",
        ),
        (
            "{IpProtocol: tcp, FromPort: !Ref Source, ToPort: 22, CidrIp: 0.0.0.0/0}",
            "1-65535/tcp",
            "Web: its ports are known only at deployment (the parameter Source has no default)",
        ),
        (
            "!If [Prod, {IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIp: 0.0.0.0/0}, !Ref AWS::NoValue]",
            "",
            "Web: an ingress rule is known only at deployment (whether Prod holds is known only at deployment)",
        ),
        (
            "{IpProtocol: tcp, FromPort: 22, ToPort: 22, SourcePrefixListId: pl-1}",
            "22/tcp",
            "Web: what is in pl-1 is not in the template",
        ),
        (
            "{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !ImportValue office}",
            "22/tcp",
            "Web: its sources are known only at deployment (Fn::ImportValue is not known before deployment)",
        ),
    ],
)
def test_what_is_known_only_at_deployment_is_unverified(tmp_path, ingress, ports, reason):
    seen = web(tmp_path, ingress, default="")
    assert (said(seen), doubts(seen)) == ([], [(ports, reason)])


def test_a_default_that_counts_is_named(tmp_path):
    seen = web(tmp_path, "{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref Source}")
    assert seen.openings[0].what == "Web (with the default of Source); attached to nothing in this template"


def test_the_place_is_the_line_that_says_to_whom(tmp_path):
    seen = web(tmp_path, "IpProtocol: tcp\n          FromPort: 22\n          ToPort: 22\n          CidrIp: 0.0.0.0/0")
    place = seen.openings[0].location
    assert (place.line, place.column, place.end_column, place.snippet) == (17, 19, 28, "          CidrIp: 0.0.0.0/0")


def test_a_group_counts_for_whatever_carries_it_and_rules_of_their_own_join_it(tmp_path):
    more = """
  Ssh:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Web.GroupId, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
  Server:
    Type: AWS::EC2::Instance
    Properties:
      NetworkInterfaces: [{GroupSet: [!Ref Web]}]
      Tags: [{Key: Name, Value: web-1}]
"""
    seen = web(tmp_path, "{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}", more=more)
    assert (seen.host, seen.names) == ("Server", ("web-1", "Web"))
    assert said(seen) == [("443/tcp", "0.0.0.0/0"), ("22/tcp", "0.0.0.0/0")]


@pytest.mark.parametrize(("default", "made"), [(", Default: 10.0.0.0/8", False), (EVERYONE, True), ("", None)])
def test_a_resource_under_a_condition_is_made_if_that_holds(tmp_path, default, made):
    more = """
  Ssh:
    Type: AWS::EC2::SecurityGroupIngress
    Condition: Prod
    Properties: {GroupId: sg-1, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
"""
    seen = read(tmp_path, GROUP.format(ingress="        []", default=default) + more)
    rules = [one for one in seen if one.host == "Ssh"]
    if made is False:
        assert rules == []
    else:
        assert [bool(one.openings) for one in rules] == [bool(made)]
        assert [reason for *_, reason in doubts(rules[0])] == (
            [] if made else ["Ssh: whether it will be made is known only at deployment"]
        )


def test_a_network_load_balancer_without_groups_lets_everyone_in_to_its_listeners(tmp_path):
    text = """Resources:
  Front:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Type: network}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {LoadBalancerArn: !Ref Front, Port: 53, Protocol: TCP_UDP}
"""
    (seen,) = read(tmp_path, text)
    assert (seen.host, said(seen)) == ("Front", [("53/tcp", "0.0.0.0/0,::/0"), ("53/udp", "0.0.0.0/0,::/0")])


def test_what_a_listener_forwards_to_is_told(tmp_path):
    text = """Resources:
  Front:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Type: network}
  Inner:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {Port: 8080, Protocol: TCP}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Front
      Port: 80
      Protocol: TCP
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Inner}]
"""
    [one] = [opening for seen in read(tmp_path, text) for opening in seen.openings]
    assert (str(one.ports), one.target) == ("80/tcp", "8080/tcp")


def test_an_internal_load_balancer_without_groups_lets_its_own_network_in(tmp_path):
    text = """Resources:
  Front:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Type: network, Scheme: internal}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {LoadBalancerArn: !Ref Front, Port: 6379, Protocol: TLS}
"""
    (seen,) = read(tmp_path, text)
    assert said(seen) == [("6379/tcp", "whoever is in its own network")]


@pytest.mark.parametrize("target", ["arn:aws:lb/net/x", "!ImportValue front", "!Ref Front"])
def test_a_listener_whose_load_balancer_may_be_open_to_all_is_unverified(tmp_path, target):
    text = f"""Parameters:
  Kind: {{Type: String}}
Resources:
  Front:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {{Type: !Ref Kind}}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {{LoadBalancerArn: {target}, Port: 6379, Protocol: TCP}}
"""
    (seen,) = read(tmp_path, text)
    assert [ports for ports, _ in doubts(seen)] == [""]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::CloudFormation::Stack", "{TemplateURL: https://example.com/inner.yaml}"),
        ("AWS::NetworkFirewall::RuleGroup", "{}"),
        ("AWS::Lightsail::Instance", "{}"),
        ("AWS::RDS::DBSecurityGroup", "{}"),
        ("AWS::EKS::Cluster", "{}"),
        ("AWS::EKS::Cluster", "{ResourcesVpcConfig: {EndpointPublicAccess: true}}"),
        ("AWS::EKS::Nodegroup", "{RemoteAccess: {Ec2SshKey: ops}}"),
        ("AWS::Transfer::Server", "{}"),
        ("AWS::GameLift::Fleet", "{EC2InboundPermissions: [{IpRange: 0.0.0.0/0, FromPort: 22}]}"),
        ("AWS::GlobalAccelerator::Listener", "{}"),
        ("AWS::VpcLattice::Listener", "{}"),
        ("AWS::EC2::ClientVpnEndpoint", "{}"),
        ("AWS::MediaLive::InputSecurityGroup", "{}"),
        ("AWS::Redshift::ClusterSecurityGroupIngress", "{}"),
        ("AWS::Unheard::Of", "{AllowedCidrs: [0.0.0.0/0]}"),
        ("Acme::Net::FirewallRule", "{}"),
        ("Acme::Web::Site::MODULE", "{}"),
    ],
)
def test_what_may_open_ports_and_is_not_read_is_unverified_by_its_name(tmp_path, kind, properties):
    (seen,) = read(tmp_path, f"Resources:\n  Edge: {{Type: '{kind}', Properties: {properties}}}\n")
    reason = f"{tmp_path}/template.yaml:2: Edge: what {kind} opens is not read"
    assert (seen.host, doubts(seen)) == ("Edge", [("", reason)])


def test_a_network_acl_alone_is_unverified_and_beside_a_group_it_only_narrows(tmp_path):
    acl = "  Acl: {Type: 'AWS::EC2::NetworkAclEntry', Properties: {RuleAction: allow}}\n"
    (seen,) = read(tmp_path, f"Resources:\n{acl}")
    reason = f"{tmp_path}/template.yaml:2: Acl: what AWS::EC2::NetworkAclEntry opens is not read"
    assert doubts(seen) == [("", reason)]
    assert doubts(web(tmp_path, "{IpProtocol: tcp, FromPort: 1, ToPort: 1, CidrIp: 10.0.0.0/8}", more=acl)) == []


def test_a_macro_of_the_whole_template_is_unverified_and_those_known_to_be_tame_are_not(tmp_path):
    text = "Transform: [AWS::Serverless-2016-10-31, OurMacro]\nResources:\n  B: {Type: 'AWS::S3::Bucket'}\n"
    (seen,) = read(tmp_path, text)
    assert doubts(seen) == [("", "OurMacro makes resources that are known only at deployment")]


def test_json_says_the_same_as_yaml(tmp_path):
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": {"Ref": "Source"}}
    template = {
        "Parameters": {"Source": {"Type": "String", "Default": "0.0.0.0/0"}},
        "Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [rule]}}},
    }
    (seen,) = read(tmp_path, json.dumps(template, indent=1))
    assert said(seen) == [("22/tcp", "0.0.0.0/0")]
    assert seen.openings[0].location.snippet.strip() == '"CidrIp": {'


def test_a_loop_over_resources_is_unverified(tmp_path):
    text = "Resources:\n  'Fn::ForEach::Groups': [Name, [a], {'Sg${Name}': {Type: AWS::EC2::SecurityGroup}}]\n"
    (seen,) = read(tmp_path, text)
    assert doubts(seen) == [("", "Fn::ForEach::Groups makes resources that are known only at deployment")]


def test_listed_security_groups_are_read_by_id_and_name(tmp_path):
    permission = {
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "UserIdGroupPairs": [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}],
        "PrefixListIds": [{"PrefixListId": "pl-1"}],
    }  # fmt: skip
    listing = {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web", "IpPermissions": [permission]}]}
    (seen,) = read(tmp_path, json.dumps(listing))
    assert (seen.host, seen.names) == ("sg-1", ("web",))
    assert said(seen) == [
        ("22/tcp", "0.0.0.0/0"),
        ("22/tcp", "::/0"),
        ("22/tcp", "other members of sg-1"),
        ("22/tcp", "members of sg-2"),
    ]
    assert doubts(seen) == [("22/tcp", "sg-1 (web): what is in the prefix list pl-1 is not in the listing")]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::EKS::Cluster", "{ResourcesVpcConfig: {EndpointPublicAccess: false}}"),
        ("AWS::EKS::Nodegroup", "{}"),
        ("AWS::Transfer::Server", "{EndpointType: VPC}"),
        ("AWS::ElasticLoadBalancingV2::ListenerRule", "{Priority: 1}"),
        ("AWS::ElasticLoadBalancingV2::ListenerCertificate", "{}"),
        ("AWS::EC2::Route", "{DestinationCidrBlock: 0.0.0.0/0}"),
        ("AWS::EC2::SecurityGroupEgress", "{CidrIp: 0.0.0.0/0}"),
        ("AWS::EC2::PrefixList", "{Entries: [{Cidr: 0.0.0.0/0}]}"),
        ("AWS::WAFv2::IPSet", "{Addresses: [0.0.0.0/0]}"),
        ("AWS::NetworkFirewall::LoggingConfiguration", "{}"),
        ("AWS::Route53Resolver::FirewallRuleGroup", "{}"),
        ("AWS::IAM::ManagedPolicy", "{PolicyDocument: {Condition: {IpAddress: {'aws:SourceIp': 0.0.0.0/0}}}}"),
    ],
)
def test_what_lets_nobody_in_by_itself_is_not_doubted(tmp_path, kind, properties):
    seen = read(tmp_path, f"Resources:\n  Edge: {{Type: '{kind}', Properties: {properties}}}\n")
    assert [doubts(one) for one in seen if one.unknown] == []


@pytest.mark.parametrize(
    "place", ["Fn::Transform: {Name: M}, Properties: {}", "Properties: {Fn::Transform: {Name: M}}"]
)
def test_what_a_macro_adds_to_a_resource_is_unverified(tmp_path, place):
    seen = read(tmp_path, f"Resources:\n  Web: {{Type: 'AWS::EC2::SecurityGroup', {place}}}\n")
    reason = f"{tmp_path}/template.yaml:2: what a macro adds to Web is known only at deployment"
    assert [("", reason)] in [doubts(one) for one in seen]


@pytest.mark.parametrize(
    ("kind", "properties", "doubted"),
    [
        ("AWS::EC2::Instance", "{ImageId: ami-1}", True),
        ("AWS::EC2::Instance", "{LaunchTemplate: {LaunchTemplateId: lt-1}}", False),
        ("AWS::EC2::Instance", "{NetworkInterfaces: [{NetworkInterfaceId: eni-1}]}", False),
        ("AWS::ElasticLoadBalancing::LoadBalancer", "{Listeners: [{LoadBalancerPort: 80}]}", True),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "{}", True),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "{Type: network}", False),
        ("AWS::S3::Bucket", "{}", False),
    ],
)
def test_what_names_no_group_has_the_one_of_its_network(tmp_path, kind, properties, doubted):
    seen = read(tmp_path, f"Resources:\n  Web: {{Type: '{kind}', Properties: {properties}}}\n")
    reason = "Web takes a security group that is not in the template: its network's default group"
    assert [doubts(one) for one in seen] == ([[("", reason)]] if doubted else [])
