"""Firewall rules of Google's cloud in a Terraform plan, and the instances of the plan that they are for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import (
    ALL_PORTS,
    IPV4,
    SCTP,
    UNKNOWN,
    Access,
    port_number,
    shown,
    span,
)
from auditor.collect.declared.infrastructure.aws import LATER, networks_of
from auditor.collect.declared.infrastructure.ranked import Ranked, effective
from auditor.collect.declared.infrastructure.subject import Subject
from auditor.model.ports import NO_PORTS, PortSet, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.infrastructure.plan import Path, Plan, Resource
    from auditor.collect.declared.infrastructure.references import References

_FIREWALL = "google_compute_firewall"
_INSTANCES = ("google_compute_instance", "google_compute_instance_template", "google_compute_region_instance_template")
_PROTOCOLS = {
    "tcp": (Protocol.TCP,), "6": (Protocol.TCP,), "udp": (Protocol.UDP,), "17": (Protocol.UDP,), "all": tuple(Protocol),
}  # fmt: skip
_PRIORITY = 1000
"""What a rule has that does not say."""
_NOBODY = "for no instance in this plan"


class GoogleFirewalls:
    """The firewall rules of one plan."""

    def __init__(self, plan: Plan, references: References) -> None:
        self._plan = plan
        self._references = references
        self._rules = [(one, list(self._ranked(one))) for one in plan.of(_FIREWALL) if _counts(one)]

    def subjects(self) -> Iterator[Subject]:
        """Yield each instance with the rules that are for it, and the rules that are for none by themselves."""
        used: set[str] = set()
        for instance in self._plan.of(*_INSTANCES):
            own = [(rule, ranked) for rule, ranked in self._rules if self._is_for(rule, instance)]
            used.update(rule.address for rule, _ in own)
            ranked = [one for _, group in own for one in group]
            also = tuple(dict.fromkeys(name for rule, _ in own for name in (rule.address, rule.plain)))
            rules = list(effective(ranked, denial_first=True))
            yield Subject(name=instance.address, names=(*_names(instance), *also), rules=rules)
        for rule, ranked in self._rules:
            if rule.address not in used:
                yield self._alone(rule, ranked)

    def _alone(self, rule: Resource, ranked: list[Ranked]) -> Subject:
        """Make a subject of a rule for nobody in the plan; denials for the same targets count."""
        same = [one for other, group in self._rules for one in group if other is rule or self._covers(other, rule)]
        mine = {one.access.path for one in ranked}
        rules = [one for one in effective(same, denial_first=True) if one.path in mine]
        rules = [replace(one, what=f"{one.what}; {_NOBODY}") for one in rules]
        return Subject(name=rule.address, names=_names(rule), rules=rules, notes=(f"{rule.address} is {_NOBODY}",))

    def _covers(self, denial: Resource, rule: Resource) -> bool:
        """Whether a denial is for all targets of another rule."""
        keys = ("target_tags", "target_service_accounts")
        wide = all(denial.get(key) in (None, []) for key in keys)
        same = all(denial.get(key) == rule.get(key) and denial.get(key) is not UNKNOWN for key in keys)
        networks, others = self._networks(denial, denial.get("network")), self._networks(rule, rule.get("network"))
        return (wide or same) and bool(networks & others)

    def _ranked(self, rule: Resource) -> Iterator[Ranked]:
        priority = rule.get("priority")
        number = _PRIORITY if priority is None else priority if isinstance(priority, int) else None
        for key in ("allow", "deny"):
            if key == "deny" and not _surely_denies(rule):
                number = None
            entries, known = rule.items(key)
            if not known:
                doubt = f"{rule.address}: what it lets in is {LATER}"
                access = Access(ports=ALL_PORTS, vague=True, doubts=(doubt,), what=rule.address, path=rule.path)
                yield Ranked(access=access, allows=key == "allow", priority=number)
            for at, entry in enumerate(entries):
                access = self._access(rule, entry if isinstance(entry, dict) else {}, (*rule.path, key, at))
                yield Ranked(access=access, allows=key == "allow", priority=number)

    def _access(self, rule: Resource, entry: dict[str, Any], path: Path) -> Access:
        ports, vague = _ports(entry)
        doubts = [vague] if vague else []
        ranges, known = rule.items("source_ranges")
        known |= not rule.is_set("source_ranges")
        sources, unclear = networks_of(ranges)
        doubts += unclear if known else [f"its sources are {LATER}"]
        groups = []
        for key, what in (("source_tags", "instances tagged"), ("source_service_accounts", "instances that run as")):
            texts, _ = rule.items(key)
            groups += [f"{what} {shown(text) if isinstance(text, str) else 'another'}" for text in texts]
        if not ranges and not groups and known:
            sources = IPV4  # a rule for incoming traffic that names no source is for all of them
        text = rule.get("description")
        return Access(
            ports=ports,
            vague=bool(vague),
            sources=sources,
            groups=tuple(groups),
            doubts=tuple(f"{rule.address}: {doubt}" for doubt in doubts),
            what=f"{rule.address} ({shown(text)})" if isinstance(text, str) and text else rule.address,
            path=path if not ranges else (*rule.path, "source_ranges"),
        )

    def _is_for(self, rule: Resource, instance: Resource) -> bool:
        """Whether a rule is surely for an instance."""
        networks, own = self._networks(rule, rule.get("network")), self._interfaces(instance)
        if networks and own and not networks & own:
            return False
        tags, accounts = rule.get("target_tags"), rule.get("target_service_accounts")
        if tags in (None, []) and accounts in (None, []):
            return True
        emails = {one.get("email") for one in _mappings(instance.get("service_account"))}
        return bool(_texts(tags) & _texts(instance.get("tags"))) or bool(_texts(accounts) & _texts(list(emails)))

    def _networks(self, resource: Resource, value: Any, key: str = "network") -> set[str]:
        """Return what a network is called: the end of its link, and its address and name in the plan."""
        found = {value.rsplit("/", 1)[-1]} if isinstance(value, str) and value else set()
        expressions = [(resource.config or {}).get(key)]
        if resource.type != _FIREWALL:
            blocks = (resource.config or {}).get("network_interface")
            expressions = [block.get(key) for block in _mappings(blocks)]
        for expression in expressions:
            for meant in self._references.of(resource, expression).resources:
                if meant.type == "google_compute_subnetwork":
                    found |= self._networks_of_subnetwork(meant)
                else:
                    found |= {meant.plain} | _texts([meant.get("name")])
        return found

    def _networks_of_subnetwork(self, subnetwork: Resource) -> set[str]:
        meant = self._references.of(subnetwork, (subnetwork.config or {}).get("network")).resources
        found = {name for one in meant for name in (one.plain, *_texts([one.get("name")]))}
        value = subnetwork.get("network")
        return found | ({value.rsplit("/", 1)[-1]} if isinstance(value, str) and value else set())

    def _interfaces(self, instance: Resource) -> set[str]:
        found: set[str] = set()
        for interface in _mappings(instance.get("network_interface")):
            found |= self._networks(instance, interface.get("network"))
            found |= self._networks(instance, None, "subnetwork")
        return found


def _counts(rule: Resource) -> bool:
    """Whether a rule is for incoming traffic, and not switched off."""
    return rule.get("disabled") is not True and rule.get("direction") != "EGRESS"


def _surely_denies(rule: Resource) -> bool:
    """Whether a rule is in force for sure, for incoming traffic, and for every address of its targets."""
    if rule.get("disabled") is UNKNOWN or rule.get("destination_ranges") not in (None, [], UNKNOWN):
        return False
    return not any(rule.get(key) is UNKNOWN and rule.is_set(key) for key in ("direction", "destination_ranges"))


def _ports(entry: dict[str, Any]) -> tuple[PortSet, str | None]:
    protocol = entry.get("protocol")
    if protocol is UNKNOWN or protocol is None:
        return ALL_PORTS, f"its protocol is {LATER}"
    protocols = _PROTOCOLS.get(str(protocol).lower())
    if protocols is None:
        return NO_PORTS, SCTP if str(protocol).lower() in {"sctp", "132"} else None
    texts = entry.get("ports")
    everything = span(0, 65535, protocols)
    if texts is UNKNOWN or (isinstance(texts, list) and UNKNOWN in texts):
        return everything, f"its ports are {LATER}"
    found = NO_PORTS
    for text in texts if isinstance(texts, list) else []:
        low, _, high = str(text).partition("-")
        first, last = port_number(low), port_number(high or low)
        if first is None or last is None or not 0 <= first <= last:
            return everything, f"'{shown(text)}' is no port"
        found |= span(first, last, protocols)
    return (found if texts else everything), None


def _names(resource: Resource) -> tuple[str, ...]:
    texts: list[Any] = [resource.address, resource.plain, *(resource.get(key) for key in ("name", "hostname", "id"))]
    for interface in _mappings(resource.get("network_interface")):
        texts.append(interface.get("network_ip"))
        texts += [one.get("nat_ip") for one in _mappings(interface.get("access_config"))]
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and text))


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> set[str]:
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()
