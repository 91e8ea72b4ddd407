"""Network security groups of Azure in a Terraform plan, and the interfaces and subnets that they are for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import (
    ALL_PORTS,
    ANYWHERE,
    UNKNOWN,
    Access,
    network_of,
    port_number,
    shown,
    span,
)
from auditor.collect.declared.infrastructure.aws import LATER
from auditor.collect.declared.infrastructure.ranked import Ranked, effective
from auditor.collect.declared.infrastructure.subject import Subject
from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.infrastructure.origin import Origins
    from auditor.collect.declared.infrastructure.plan import Path, Plan, Resource
    from auditor.collect.declared.infrastructure.references import References

_GROUP = "azurerm_network_security_group"
_RULE = "azurerm_network_security_rule"
_ATTRIBUTE = "network_security_group_id"
_INTERFACE = "azurerm_network_interface"
_PROTOCOLS = {"tcp": (Protocol.TCP,), "udp": (Protocol.UDP,), "*": tuple(Protocol), "any": tuple(Protocol)}
_EVERYTHING = {"*", "any", "0.0.0.0/0", "virtualnetwork"}
"""Destinations that leave nothing out: what a group guards lies in its virtual network."""
_EVERY_PORT = {"*", "any", "0-65535", "1-65535"}
_EVERYONE = {"*", "any", "internet"}
"""Service tags and wildcards that let everyone in."""
_NOBODY = "attached to nothing in this plan"


class AzureGroups:
    """The network security groups of one plan."""

    def __init__(self, plan: Plan, references: References, origins: Origins) -> None:
        self._plan = plan
        self._references = references
        self._origins = origins
        self._groups = {one.address: one for one in plan.of(_GROUP)}
        self._rules: dict[str, list[Ranked]] = defaultdict(list)
        self._doubts: dict[str, list[str]] = defaultdict(list)

    def subjects(self) -> Iterator[Subject]:
        """Yield each group with each machine, interface or subnet that has it; those that nothing has by themselves."""
        separate: set[str] = set()
        for one in self._plan.of(_RULE):
            owners = self._owners(one)
            separate.update(owner.address for owner in owners)
            ranked = self._ranked(one, one.values, one.path, one.address)
            for owner in owners:
                self._rules[owner.address] += ranked
            if not owners:
                yield Subject(name=one.address, names=_names(one), rules=list(effective(ranked, denial_first=False)))
        for address, group in self._groups.items():
            self._read_inline(group, has_rules=address in separate)
        attached: set[str] = set()
        for carrier, group in self._carriers():
            attached.add(group.address)
            yield self._subject(group, carrier.address, (*_names(carrier), *_names(group)))
        for address, group in self._groups.items():
            if address not in attached:
                yield self._subject(group, address, _names(group), note=_NOBODY)

    def _subject(self, group: Resource, name: str, names: tuple[str, ...], note: str = "") -> Subject:
        rules = list(effective(self._rules[group.address], denial_first=False))
        if note:
            rules = [replace(one, what=f"{one.what}; {note}") for one in rules]
        return Subject(name=name, names=names, rules=rules, doubts=list(self._doubts[group.address]))

    def _read_inline(self, group: Resource, *, has_rules: bool) -> None:
        entries, known = group.items("security_rule")
        if not known and not has_rules and self._origins.mentions(group, "security_rule") is not False:
            self._doubts[group.address].append(f"the rules of {group.address} are {LATER}, or it has none")
        for at, entry in enumerate(entries):
            if isinstance(entry, dict):
                path = (*group.path, "security_rule", at)
                self._rules[group.address] += self._ranked(group, entry, path, group.address)
            else:
                self._doubts[group.address].append(f"a rule of {group.address} is {LATER}")

    def _ranked(self, resource: Resource, entry: dict[str, Any], path: Path, what: str) -> list[Ranked]:
        if str(entry.get("direction")).lower() == "outbound":
            return []
        ports, vague = _ports(entry)
        doubts = [vague] if vague else []
        sources, groups = self._sources(entry, doubts)
        allows = str(entry.get("access")).lower()
        if allows not in {"allow", "deny"} or entry.get("direction") is UNKNOWN:
            vague = f"whether it lets in is {LATER}"
            doubts.append(vague)
        name = entry.get("name")
        title = f"{what} ({shown(name)})" if isinstance(name, str) and name and resource.type == _GROUP else what
        access = Access(
            ports=ports,
            vague=bool(vague),
            sources=sources,
            groups=groups,
            doubts=tuple(f"{title}: {doubt}" for doubt in doubts),
            what=title,
            path=path,
        )
        number = entry.get("priority")
        whole = allows != "deny" or _is_for_all(entry)
        priority = number if isinstance(number, int) and whole else None
        return [Ranked(access=access, allows=allows != "deny", priority=priority)]

    def _sources(self, entry: dict[str, Any], doubts: list[str]) -> tuple[NetworkSet, tuple[str, ...]]:
        found, groups = NOWHERE, []
        for text in (*_listed(entry.get("source_address_prefix")), *_listed(entry.get("source_address_prefixes"))):
            network = network_of(text)
            if text is UNKNOWN:
                doubts.append(f"its sources are {LATER}")
            elif isinstance(text, str) and text.strip().lower() in _EVERYONE:
                found |= ANYWHERE
            elif network is not None:
                found |= network
            elif text:
                groups.append(f"the service tag {shown(text)}")
        if _listed(entry.get("source_application_security_group_ids")):
            groups.append("members of an application security group")
        return found, tuple(groups)

    def _owners(self, rule: Resource) -> list[Resource]:
        name, place = rule.get("network_security_group_name"), rule.get("resource_group_name")
        if isinstance(name, str):
            named = [one for one in self._groups.values() if one.get("name") == name]
            near = [one for one in named if one.get("resource_group_name") == place]
            found = near or named
            if len(found) < 2:
                return found
        else:
            found = []
        meant = self._references.of(rule, (rule.config or {}).get("network_security_group_name")).resources
        return [one for one in meant if one.address in self._groups] or found

    def _carriers(self) -> Iterator[tuple[Resource, Resource]]:
        for one in self._plan.resources:
            if one.data or not one.type.startswith("azurerm_") or one.type in {_GROUP, _RULE}:
                continue
            for group in self._carried_by(one):
                for carrier in self._bearers(one):
                    yield carrier, group

    def _carried_by(self, one: Resource) -> list[Resource]:
        values = list(_found(one.values, 0))
        known = {text.lower() for text in values if isinstance(text, str)}
        found = [group for group in self._groups.values() if str(group.get("id")).lower() in known]
        for expression in _found(one.config or {}, 0) if UNKNOWN in values else ():
            meant = self._references.of(one, expression).resources
            found += [group for group in meant if group.address in self._groups]
        return list({group.address: group for group in found}.values())

    def _bearers(self, one: Resource) -> list[Resource]:
        """Return who bears a group: the other end of an association, and behind an interface its machine."""
        ends = [one]
        for key in ("network_interface_id", "subnet_id"):
            if one.type.endswith("_association") and key in one.values | (one.config or {}):
                ends = self._meant(one, key) or [one]
        interfaces = [nic for end in ends for nic in (self._in_subnet(end) if end.type == "azurerm_subnet" else [end])]
        return [self._machine(nic) or nic for nic in interfaces or ends]

    def _meant(self, one: Resource, key: str) -> list[Resource]:
        value = one.get(key)
        same = [other for other in self._plan.resources if isinstance(value, str) and other.get("id") == value]
        return same or self._references.of(one, (one.config or {}).get(key)).resources

    def _in_subnet(self, subnet: Resource) -> list[Resource]:
        found = []
        for nic in self._plan.of(_INTERFACE):
            blocks = (nic.config or {}).get("ip_configuration")
            meant = self._references.of(
                nic, [block.get("subnet_id") for block in blocks or [] if isinstance(block, dict)]
            )
            ids = [one.get("subnet_id") for one in _listed(nic.get("ip_configuration")) if isinstance(one, dict)]
            if subnet in meant.resources or (subnet.get("id") in ids and isinstance(subnet.get("id"), str)):
                found.append(nic)
        return found or [subnet]

    def _machine(self, interface: Resource) -> Resource | None:
        for one in self._plan.resources:
            if "virtual_machine" in one.type and "network_interface_ids" in one.values | (one.config or {}):
                ids = _listed(one.get("network_interface_ids"))
                identity = interface.get("id")
                meant = self._references.of(one, (one.config or {}).get("network_interface_ids")).resources
                if (isinstance(identity, str) and identity in ids) or (
                    interface in meant and one.module == interface.module
                ):
                    return one
        return None


def _ports(entry: dict[str, Any]) -> tuple[PortSet, str | None]:
    protocol = entry.get("protocol")
    if protocol is UNKNOWN:
        return ALL_PORTS, f"its protocol is {LATER}"
    protocols = _PROTOCOLS.get(str(protocol).lower())
    if protocols is None:
        return NO_PORTS, None  # ICMP, ESP and AH
    everything, found = span(0, 65535, protocols), NO_PORTS
    for text in (*_listed(entry.get("destination_port_range")), *_listed(entry.get("destination_port_ranges"))):
        if text is UNKNOWN:
            return everything, f"its ports are {LATER}"
        if str(text).strip() == "*":
            return everything, None
        low, _, high = str(text).partition("-")
        first, last = port_number(low), port_number(high or low)
        if text == "":
            continue
        if first is None or last is None or not 0 <= first <= last:
            return everything, f"'{shown(text)}' is no port"
        found |= span(first, last, protocols)
    return found, None


def _names(resource: Resource) -> tuple[str, ...]:
    texts: list[Any] = [resource.address, resource.plain]
    texts += [resource.get(key) for key in ("name", "computer_name", "public_ip_address", "private_ip_address", "id")]
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and text))


def _found(value: Any, depth: int) -> Iterator[Any]:
    """Yield the groups that the values or expressions of a resource name, at whatever depth."""
    if not isinstance(value, dict) or depth > 5:
        return
    for key, inner in value.items():
        if key == _ATTRIBUTE:
            yield inner
        else:
            for item in inner if isinstance(inner, list) else [inner]:
                yield from _found(item, depth + 1)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _is_for_all(entry: dict[str, Any]) -> bool:
    """Whether a rule is for everything behind the group and from every port: a denial of less keeps nobody out."""
    for key, whole in (("destination_address_prefix", _EVERYTHING), ("source_port_range", _EVERY_PORT)):
        texts = [*_listed(entry.get(key)), *_listed(entry.get(f"{key}es" if key.endswith("x") else f"{key}s"))]
        if any(text is UNKNOWN or (text and str(text).strip().lower() not in whole) for text in texts):
            return False
    return not _listed(entry.get("destination_application_security_group_ids"))
