"""CloudFormation templates, in YAML with its short forms or in JSON, as declared evidence."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import ANYWHERE, UNKNOWN, Access, port_number, shown
from auditor.collect.declared.infrastructure.aws import GUARDED, INSIDE, listener_ports, networks_of, ports_of
from auditor.collect.declared.infrastructure.cloudformation_values import Logical, Template, Value, tagged
from auditor.collect.declared.infrastructure.subject import Subject, observations
from auditor.collect.declared.infrastructure.unread import doubt_about, is_unread_in_template
from auditor.errors import EvidenceError
from auditor.files.documents import read_documents
from auditor.model.network import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.infrastructure.cloudformation_values import Path, Value
    from auditor.files.documents import Document
    from auditor.files.text import SourceText
    from auditor.model.evidence import Observation

_GROUP = "AWS::EC2::SecurityGroup"
_RULE = "AWS::EC2::SecurityGroupIngress"
_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_ATTRIBUTES = {
    "SecurityGroupIds", "SecurityGroups", "VpcSecurityGroupIds", "VPCSecurityGroups", "GroupSet", "SecurityGroupId",
    "Ec2SecurityGroupIds",
}  # fmt: skip
_DEFAULTED = {
    "AWS::EC2::Instance", "AWS::ElasticLoadBalancing::LoadBalancer", _BALANCER,
}  # fmt: skip
_OTHERWISE = {"LaunchTemplate", "NetworkInterfaces"}
"""Properties by which an instance has groups that it does not name itself."""
_MACRO = "Fn::Transform"
_TAME = ("AWS::LanguageExtensions", "AWS::Serverless-", "AWS::SecretsManager-", "AWS::CodeDeployBlueGreen")
"""Macros of AWS's own that make no rules of a firewall."""
_LATER = "known only at deployment"
_DEEPEST = 8


def parse(source: SourceText) -> Iterator[Observation]:
    """Read a template: each thing that lets others in, by its logical name, and what is known only at deployment.

    :raises EvidenceError: neither YAML nor JSON, or no template.
    """
    documents = read_documents(source, tagged=tagged)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise EvidenceError(f"{source.file}: a CloudFormation template is one mapping")
    yield from observations(_Stack(documents[0]).subjects())


class _Stack:
    """What one template will bring about."""

    def __init__(self, document: Document) -> None:
        self._document = document
        data = document.data
        self._resources = {name: one for name, one in _mapping(data.get("Resources")).items() if isinstance(one, dict)}
        self._template = Template(
            parameters=_mapping(data.get("Parameters")),
            mappings=_mapping(data.get("Mappings")),
            conditions=_mapping(data.get("Conditions")),
            resources=self._resources,
        )
        self._rules: dict[str, list[Access]] = defaultdict(list)
        self._doubts: dict[str, list[str]] = defaultdict(list)
        self._made: dict[str, bool | None] = {name: self._is_made(one) for name, one in self._resources.items()}

    def subjects(self) -> Iterator[Subject]:
        """Yield each group with each of the things that carry it, and those that nothing carries by themselves."""
        groups = self._of(_GROUP)
        for name in groups:
            self._read_group(name)
        yield from self._sort_rules(groups)
        attached: set[str] = set()
        for carrier, carried, doubts in self._carriers():
            attached.update(carried)
            for name in carried:
                yield self._subject(carrier, self._rules[name], self._doubts[name], also=self._names(name))
            if doubts:
                yield self._subject(carrier, [], doubts)
        for name in groups:
            if name not in attached:
                note = "attached to nothing in this template"
                rules = [replace(rule, what=f"{rule.what}; {note}") for rule in self._rules[name]]
                yield self._subject(name, rules, self._doubts[name])
        yield from self._balancers()
        yield from self._unread(told=bool(self._rules or attached))
        yield from self._made_later()

    def _made_later(self) -> Iterator[Subject]:
        """Yield what macros and loops add, which the template does not show."""
        for name, resource in self._resources.items():
            if self._made[name] is not False and (_MACRO in resource or _MACRO in _mapping(resource.get("Properties"))):
                place = self._document.location(("Resources", name))
                reason = f"{place.file}:{place.line}: what a macro adds to {name} is {_LATER}"
                yield self._subject(name, [], [reason])
        looped = (name for name in _mapping(self._document.data.get("Resources")) if str(name).startswith("Fn::"))
        for maker in (*self._transforms(), *map(shown, looped)):
            yield Subject(name="template", doubts=[f"{maker} makes resources that are {_LATER}"])

    def _unread(self, *, told: bool) -> Iterator[Subject]:
        """Yield what may open ports and is not read. ``told``: the template says otherwise who may come in."""
        for name, resource in self._resources.items():
            kind, properties = str(resource.get("Type")), resource.get("Properties")
            if self._made[name] is not False and is_unread_in_template(kind, properties, told=told):
                place = self._document.location(("Resources", name))
                yield self._subject(name, [], [doubt_about(name, shown(kind), place)])

    def _transforms(self) -> Iterator[str]:
        """Yield the macros of the whole template that may make anything."""
        named = self._document.data.get("Transform")
        for one in named if isinstance(named, list) else [named]:
            name = one.get("Name") if isinstance(one, dict) else one
            if name is not None and not str(name).startswith(_TAME):
                yield shown(name)

    def _is_made(self, resource: dict[str, Any]) -> bool | None:
        condition = resource.get("Condition")
        return True if condition is None else self._template.holds(condition)

    def _of(self, kind: str) -> list[str]:
        found = (name for name, one in self._resources.items() if one.get("Type") == kind)
        return [name for name in found if self._made[name] is not False]

    def _properties(self, name: str) -> Value:
        return self._template.value(self._resources[name].get("Properties"), ("Resources", name, "Properties"))

    def _read_group(self, name: str) -> None:
        properties = self._properties(name)
        if properties.data is UNKNOWN:
            self._doubts[name].append(f"{name}: its properties are {_LATER}")
            return
        ingress = _mapping(properties.data).get("SecurityGroupIngress")
        for entry in self._template.items(ingress, (*properties.path, "SecurityGroupIngress")):
            if isinstance(entry.data, dict):
                self._rules[name].append(self._access(name, entry, owner=name))
            else:
                self._doubts[name].append(f"{name}: an ingress rule is {self._why()}")

    def _sort_rules(self, groups: list[str]) -> Iterator[Subject]:
        for name in self._of(_RULE):
            properties = self._properties(name)
            access = self._access(name, properties)
            owner = (
                self._template.field(properties, "GroupId").data or self._template.field(properties, "GroupName").data
            )
            if isinstance(owner, Logical) and owner.name in groups:
                self._rules[owner.name].append(access)
            elif not isinstance(owner, Logical) or self._made.get(owner.name) is not False:
                known = (owner,) if isinstance(owner, str) else ()
                yield self._subject(name, [access], [], also=known)

    def _access(self, name: str, entry: Value, owner: str | None = None) -> Access:
        template = self._template
        template.reasons.clear()
        template.assumed.clear()
        protocol, low, high = (template.field(entry, key).data for key in ("IpProtocol", "FromPort", "ToPort"))
        ports, vague = ports_of(protocol, low, high, _LATER)
        doubts = [vague] if vague else []
        sources, groups, literal = NOWHERE, [], entry.path
        for key in ("CidrIp", "CidrIpv6"):
            value = template.field(entry, key)
            if value.data is not None:
                networks, unclear = networks_of([value.data], _LATER)
                literal = (*entry.path, key) if networks >= sources else literal
                sources |= networks
                doubts += unclear
        for key in ("SourceSecurityGroupId", "SourceSecurityGroupName"):
            value = template.field(entry, key)
            if value.data is not None:
                own = isinstance(value.data, Logical) and value.data.name == owner
                groups.append(f"other members of {owner}" if own else f"members of {_named(value.data)}")
        listed = template.field(entry, "SourcePrefixListId").data
        if listed is not None:
            doubts.append(f"what is in {_named(listed, 'a prefix list')} is not in the template")
        made = self._made.get(name)
        if made is None:
            doubts.append(f"whether it will be made is {_LATER}")
        why = f" ({template.reasons[0]})" if template.reasons and doubts else ""
        return Access(
            ports=ports,
            vague=bool(vague) or made is None,
            sources=sources,
            groups=tuple(groups),
            doubts=tuple(f"{name}: {doubt}{why}" for doubt in doubts),
            what=self._described(name, entry),
            path=literal,
            location=self._document.location(literal),
        )

    def _described(self, name: str, entry: Value) -> str:
        """Say whose rule it is, its description, and which defaults it counts with."""
        assumed = dict.fromkeys(self._template.assumed)
        text = self._template.field(entry, "Description").data
        facts = [shown(text)] if isinstance(text, str) and text else []
        facts += [f"with the default of {', '.join(assumed)}"] if assumed else []
        return f"{name} ({'; '.join(facts)})" if facts else name

    def _why(self) -> str:
        reasons = self._template.reasons
        return f"{_LATER} ({reasons[-1]})" if reasons else _LATER

    def _carriers(self) -> Iterator[tuple[str, list[str], list[str]]]:
        for name, resource in self._resources.items():
            kind = str(resource.get("Type"))
            if kind in {_GROUP, _RULE, "AWS::EC2::SecurityGroupEgress"} or self._made[name] is False:
                continue
            groups: list[str] = []
            doubts: list[str] = []
            for value in self._found(self._properties(name), 0):
                if isinstance(value, Logical) and self._resources[value.name].get("Type") == _GROUP:
                    groups.append(value.name)
                else:
                    what = self._why() if value is UNKNOWN else f"not in the template: {_named(value)}"
                    doubts.append(f"{name} takes security groups that are {what}")
            if not groups and not doubts and self._takes_default(name, kind):
                doubts.append(f"{name} takes a security group that is not in the template: its network's default group")
            if groups or doubts:
                yield name, list(dict.fromkeys(groups)), list(dict.fromkeys(doubts))

    def _takes_default(self, name: str, kind: str) -> bool:
        """Whether a resource that names no group has the one that its network gives."""
        properties = _mapping(self._properties(name).data)
        is_plain = properties.get("Type", "application") == "application" and properties.get("Scheme") != "internal"
        return kind in _DEFAULTED and is_plain and not _OTHERWISE & set(properties)

    def _found(self, node: Value, depth: int) -> Iterator[Any]:
        """Yield every group that the properties of a resource name, at whatever depth."""
        if not isinstance(node.data, dict | list) or depth > _DEEPEST:
            return
        inner = node.data.items() if isinstance(node.data, dict) else enumerate(node.data)
        for key, child in inner:
            path: Path = (*node.path, key)
            if key in _ATTRIBUTES:
                yield from (one.data for one in self._template.items(child, path))
            else:
                yield from self._found(self._template.value(child, path), depth + 1)

    def _balancers(self) -> Iterator[Subject]:
        """Yield network load balancers without groups: everyone reaches whatever their listeners take."""
        for name in self._of(_LISTENER):
            properties = self._properties(name)
            target = self._template.field(properties, "LoadBalancerArn").data
            protocol = self._template.field(properties, "Protocol").data
            if not isinstance(target, Logical) or self._resources[target.name].get("Type") != _BALANCER:
                if protocol not in GUARDED:
                    reason = f"{name}: whom its load balancer lets in is not in the template"
                    yield self._subject(name, [], [reason])
                continue
            balancer = self._properties(target.name)
            kind = self._template.field(balancer, "Type").data
            if kind is UNKNOWN:
                yield self._subject(target.name, [], [f"{name}: the kind of {target.name} is {_LATER}"])
            if kind != "network" or self._template.field(balancer, "SecurityGroups").data is not None:
                continue
            self._template.reasons.clear()
            port = self._template.field(properties, "Port")
            inside = self._template.field(balancer, "Scheme").data == "internal"
            ports, vague = listener_ports(protocol, port.data, _LATER)
            doubts = (f"{name}: {vague}",) if vague else ()
            place = self._document.location(port.path)
            what = f"{name}: a listener of {target.name}, which has no security group"
            access = Access(
                ports=ports,
                vague=bool(vague),
                sources=NOWHERE if inside else ANYWHERE,
                groups=(INSIDE,) if inside else (),
                doubts=doubts,
                what=what,
                target=self._target(properties),
                location=place,
            )
            yield self._subject(target.name, [access], [])

    def _target(self, listener: Value) -> str | None:
        """Return the port of the one target group that a listener forwards to, as ``8080/tcp``."""
        actions = self._template.items(
            _mapping(listener.data).get("DefaultActions"), (*listener.path, "DefaultActions")
        )
        named = [self._template.field(one, "TargetGroupArn").data for one in actions]
        if len(named) != 1 or not isinstance(named[0], Logical):
            return None
        group = self._properties(named[0].name)
        port = port_number(self._template.field(group, "Port").data)
        protocol = str(self._template.field(group, "Protocol").data).lower()
        known = {"tcp": "tcp", "tls": "tcp", "udp": "udp"}.get(protocol)
        return f"{port}/{known}" if port is not None and known is not None else None

    def _subject(self, name: str, rules: list[Access], doubts: list[str], also: tuple[str, ...] = ()) -> Subject:
        return Subject(name=name, names=(*self._names(name), *also), rules=list(rules), doubts=list(doubts))

    def _names(self, name: str) -> tuple[str, ...]:
        properties = self._properties(name)
        texts = [name, *(self._template.field(properties, key).data for key in ("GroupName", "Name"))]
        for tag in self._template.items(_mapping(properties.data).get("Tags"), (*properties.path, "Tags")):
            texts += (
                [self._template.field(tag, "Value").data] if self._template.field(tag, "Key").data == "Name" else []
            )
        return tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and text))


def _named(value: Any, otherwise: str = "another security group") -> str:
    if isinstance(value, Logical):
        return value.name
    return otherwise if value is UNKNOWN else shown(value)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
