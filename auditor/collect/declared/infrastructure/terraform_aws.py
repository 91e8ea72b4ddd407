"""Security groups of AWS in a Terraform plan, in all their resource forms, and what they are attached to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN, Access, shown
from auditor.collect.declared.infrastructure.aws import LATER, networks_of, ports_of
from auditor.collect.declared.infrastructure.aws_attributes import expressed_in, listed, named_in, names_of
from auditor.collect.declared.infrastructure.aws_prefix_lists import PrefixLists
from auditor.collect.declared.infrastructure.subject import Subject
from auditor.model.network import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.infrastructure.origin import Origins
    from auditor.collect.declared.infrastructure.plan import Path, Plan, Resource
    from auditor.collect.declared.infrastructure.references import Meant, References

GROUPS = ("aws_security_group", "aws_default_security_group")
_RULE = "aws_security_group_rule"
_INGRESS = "aws_vpc_security_group_ingress_rule"
_EGRESS = "aws_vpc_security_group_egress_rule"
_ATTACHMENTS = ("aws_network_interface_sg_attachment", "aws_vpc_security_group_vpc_association")
_NO_CARRIERS = {*GROUPS, _RULE, _INGRESS, _EGRESS, *_ATTACHMENTS, "aws_emr_cluster"}


class AwsGroups:
    """The security groups of one plan."""

    def __init__(self, plan: Plan, references: References, origins: Origins) -> None:
        self._plan = plan
        self._references = references
        self._origins = origins
        self._managed: set[str] = set()
        self._groups = {one.address: one for one in plan.of(*GROUPS)}
        self._by_id: dict[str, list[Resource]] = defaultdict(list)
        for group in self._groups.values():
            for key in ("id", "name"):
                if isinstance(value := group.get(key), str):
                    self._by_id[value].append(group)
        self._lists = PrefixLists(plan)
        self._rules: dict[str, list[Access]] = defaultdict(list)
        self._doubts: dict[str, list[str]] = defaultdict(list)

    def subjects(self) -> Iterator[Subject]:
        """Yield each group with each of the things that it is attached to; those attached to nothing by themselves.

        A rule whose group the plan does not tell stands by itself, too.
        """
        yield from self._sort_rules()
        for group in self._groups.values():
            self._rules[group.address] += self._inline(group, self._doubts[group.address])
        attached: set[str] = set()
        for carrier, groups, doubt in self._carriers():
            attached.update(group.address for group in groups)
            yield from (self._carried(carrier, group) for group in groups)
            if doubt:
                yield Subject(name=carrier.address, names=names_of(carrier), doubts=[doubt])
        yield from (self._unattached(group) for address, group in self._groups.items() if address not in attached)

    def _sort_rules(self) -> Iterator[Subject]:
        """Give rules that are resources to their groups, and those without one of their own back."""
        for one in self._plan.of(_RULE, _INGRESS, _EGRESS):
            owners = self._owners(one)
            self._managed.update(owner.address for owner in owners)
            if one.type == _EGRESS or (one.type == _RULE and one.get("type") == "egress"):
                continue
            access = self._separate(one)
            for owner in owners:
                self._rules[owner.address].append(access)
            if not owners:
                yield self._ownerless(one, access)

    def _inline(self, group: Resource, doubts: list[str]) -> Iterator[Access]:
        """Yield the rules in a group's own block.

        Where it has none, a plan calls the list known only after apply, and it has no expressions for blocks that come
        by ``dynamic``: the two look alike. A group has rules of its own or as resources, never both; and the
        configuration beside the plan tells.
        """
        ingress, known = group.items("ingress")
        if not known:
            if group.address not in self._managed and self._origins.mentions(group, "ingress") is not False:
                doubts.append(f"the ingress rules of {group.address} are {LATER}, or it has none")
            return
        gone = self._removed_from(group)
        for at, entry in enumerate(ingress):
            path: Path = (*group.path, "ingress", at)
            if entry is UNKNOWN or not isinstance(entry, dict):
                doubts.append(f"an ingress rule of {group.address} is {LATER}")
            elif not (gone and _signature(entry) in gone):
                yield self._access(group, entry, path, group.address)

    def _removed_from(self, group: Resource) -> set[object]:
        """Return the rules of a group that this plan takes away, where the group's own list still has them."""
        if group.config is None or "ingress" in group.config:
            return set()
        return {
            _signature(one.values)
            for one in self._plan.removed
            if one.type == _RULE and one.get("type") == "ingress" and one.get("security_group_id") == group.get("id")
        }

    def _access(self, resource: Resource, entry: dict[str, Any], path: Path, what: str) -> Access:
        """Read a rule of the form that inline blocks and ``aws_security_group_rule`` have in common."""
        ports, vague = ports_of(entry.get("protocol"), entry.get("from_port"), entry.get("to_port"))
        doubts = [vague] if vague else []
        sources, groups = NOWHERE, []
        for key in ("cidr_blocks", "ipv6_cidr_blocks"):
            networks, unclear = networks_of(listed(entry.get(key)))
            sources |= networks
            doubts += unclear
        for item in listed(entry.get("prefix_list_ids")):
            sources |= self._lists.networks(item, self._meant(resource, "prefix_list_ids").resources, doubts)
        for key in ("security_groups", "source_security_group_id"):
            is_set = resource.is_set(key) or resource.is_set("ingress")
            items = [item for item in listed(entry.get(key)) if item is not UNKNOWN or is_set]
            groups += [self._group_named(resource, item, key) for item in items]
        if entry.get("self") is True:
            owners = [one.address for one in self._owners(resource)] if resource.type == _RULE else [what]
            groups.append(f"other members of {', '.join(owners) or 'its group'}")
        text = entry.get("description")
        described = f"{what} ({shown(text)})" if isinstance(text, str) and text else what
        reasons = tuple(f"{what}: {reason}" for reason in doubts)
        return Access(
            ports=ports,
            vague=bool(vague),
            sources=sources,
            groups=tuple(groups),
            doubts=reasons,
            what=described,
            path=path,
        )

    def _separate(self, one: Resource) -> Access:
        if one.type == _RULE:
            access = self._access(one, one.values, one.path, one.address)
            kind = one.get("type")
            return (
                access if kind == "ingress" else replace(access, doubts=(*access.doubts, f"its type is {shown(kind)}"))
            )
        ports, vague = ports_of(one.get("ip_protocol"), one.get("from_port"), one.get("to_port"))
        doubts = [vague] if vague else []
        networks, unclear = networks_of(one.get(key) for key in ("cidr_ipv4", "cidr_ipv6") if one.get(key) is not None)
        doubts += unclear
        groups = []
        if (named := one.get("prefix_list_id")) is not None:
            networks |= self._lists.networks(named, self._meant(one, "prefix_list_id").resources, doubts)
        source = one.get("referenced_security_group_id")
        if source is not None and (source is not UNKNOWN or one.is_set("referenced_security_group_id")):
            groups.append(self._group_named(one, source, "referenced_security_group_id"))
        text = one.get("description")
        described = f"{one.address} ({shown(text)})" if isinstance(text, str) and text else one.address
        reasons = tuple(f"{one.address}: {reason}" for reason in doubts)
        return Access(
            ports=ports,
            vague=bool(vague),
            sources=networks,
            groups=tuple(groups),
            doubts=reasons,
            what=described,
            path=one.path,
        )

    def _owners(self, rule: Resource) -> list[Resource]:
        value = rule.get("security_group_id")
        if isinstance(value, str):
            return self._by_id.get(value, [])
        return [one for one in self._meant(rule, "security_group_id").resources if one.address in self._groups]

    def _ownerless(self, rule: Resource, access: Access) -> Subject:
        value = rule.get("security_group_id")
        identity = (value,) if isinstance(value, str) else ()
        names = (rule.plain, *identity, *(one.address for one in self._meant(rule, "security_group_id").resources))
        return Subject(name=rule.address, names=names, rules=[access])

    def _group_named(self, resource: Resource, item: Any, key: str) -> str:
        if isinstance(item, str):
            known = self._by_id.get(item)
            return f"members of {known[0].address if known else shown(item)}"
        meant = [one.address for one in self._meant(resource, key).resources if one.type in GROUPS]
        if resource.type in GROUPS:  # the references are of all inline rules together
            return f"members of {' or '.join(meant)}" if len(meant) == 1 else "members of another security group"
        return f"members of {', '.join(meant)}" if meant else "members of another security group"

    def _meant(self, resource: Resource, key: str) -> Meant:
        config = resource.config or {}
        found = config.get(key)
        if found is None and "ingress" in config:
            found = config["ingress"]
        return self._references.of(resource, found)

    def _carriers(self) -> Iterator[tuple[Resource, list[Resource], str | None]]:
        interfaces = self._joined_interfaces()
        for one in self._plan.resources:
            if one.data or not one.type.startswith("aws_"):
                continue
            if one.type == "aws_network_interface_sg_attachment":
                yield from self._attachment(one)
            elif one.type not in _NO_CARRIERS:
                carrier = interfaces.get(one.address, one)
                groups, doubt = self._carried_by(one)
                if groups or doubt:
                    yield carrier, groups, doubt

    def _joined_interfaces(self) -> dict[str, Resource]:
        """Return the instances that have interfaces of their own in the plan, by the interface's address."""
        found = {}
        for one in self._plan.of("aws_instance", "aws_network_interface_attachment"):
            config = one.config or {}
            for key in ("network_interface", "primary_network_interface", "network_interface_id"):
                meant = self._references.of(one, config.get(key)).resources
                found.update({each.address: one for each in meant if each.type == "aws_network_interface"})
        return {address: one for address, one in found.items() if one.type == "aws_instance"}

    def _attachment(self, one: Resource) -> Iterator[tuple[Resource, list[Resource], str | None]]:
        groups = self._owners(one)
        meant = self._meant(one, "network_interface_id").resources
        for carrier in meant or [one]:
            yield carrier, groups, None if groups else f"the security group of {one.address} is not in the plan"

    def _carried_by(self, one: Resource) -> tuple[list[Resource], str | None]:
        """Return the groups that a resource carries, and why these may not be all."""
        values = list(named_in(one.values))
        if not values:
            return [], None
        groups = [group for value in values if isinstance(value, str) for group in self._by_id.get(value, [])]
        missing = [shown(value) for value in values if isinstance(value, str) and value not in self._by_id]
        if UNKNOWN in values:
            meant, doubt = self._expressed(one)
            groups += meant
            missing += [doubt] if doubt else []
        groups = list({group.address: group for group in groups}.values())
        named = f"{one.address} takes security groups that are not in the plan: {', '.join(missing)}"
        return groups, named if missing else None

    def _expressed(self, one: Resource) -> tuple[list[Resource], str | None]:
        """Return the groups that the expressions of a block mean, and why there may be others."""
        expressions = list(expressed_in(one.config or {}))
        if not expressions:
            has_interface = one.config is not None and "network_interface" in one.config
            has_none = one.config is not None and one.get("load_balancer_type") == "network"
            return [], None if has_interface or has_none else "its network's default group"
        groups, whole = [], True
        for expression in expressions:
            meant = self._references.of(one, expression)
            found = [each for each in meant.resources if each.address in self._groups]
            whole &= meant.whole and len(found) == len(meant.resources) and bool(found)
            groups += found
        return groups, None if whole else f"others {LATER}"

    def _carried(self, carrier: Resource, group: Resource) -> Subject:
        return Subject(
            name=carrier.address,
            names=(*names_of(carrier), *names_of(group)),
            rules=list(self._rules[group.address]),
            doubts=list(self._doubts[group.address]),
        )

    def _unattached(self, group: Resource) -> Subject:
        note = "attached to nothing in this plan"
        return Subject(
            name=group.address,
            names=names_of(group),
            rules=[replace(rule, what=f"{rule.what}; {note}") for rule in self._rules[group.address]],
            doubts=list(self._doubts[group.address]),
            notes=(f"{group.address} is {note}",),
        )


def _signature(entry: dict[str, Any]) -> object:
    networks = [str(item) for key in ("cidr_blocks", "ipv6_cidr_blocks") for item in listed(entry.get(key))]
    return (str(entry.get("protocol")), entry.get("from_port"), entry.get("to_port"), tuple(sorted(networks)))
