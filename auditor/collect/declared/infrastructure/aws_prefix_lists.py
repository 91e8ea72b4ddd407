"""Prefix lists of AWS in a Terraform plan: networks that rules name by the list they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import UNKNOWN, network_of, shown
from auditor.collect.declared.infrastructure.aws import LATER
from auditor.model.network import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.collect.declared.infrastructure.plan import Plan, Resource
    from auditor.model.network import NetworkSet

_LISTS = ("aws_ec2_managed_prefix_list", "aws_prefix_list")


class PrefixLists:
    """The prefix lists of one plan, by address and by identity."""

    def __init__(self, plan: Plan) -> None:
        self._known: dict[str, Resource] = {}
        for one in plan.resources:
            if one.type in _LISTS:
                self._known[one.address] = one
                if isinstance(identity := one.get("id"), str):
                    self._known[identity] = one

    def networks(self, item: Any, meant: Iterable[Resource], doubts: list[str]) -> NetworkSet:
        """Return what stands in the list that a rule names; ``meant`` are the resources that it refers to.

        What is not told is added to ``doubts``.
        """
        lists = []
        if isinstance(item, str):
            lists = [self._known[item]] if item in self._known else []
        elif item is UNKNOWN:
            lists = [one for one in meant if one.type in _LISTS]
        name = shown(item) if isinstance(item, str) else "it names"
        if not lists:
            doubts.append(f"what is in the prefix list {name} is not in the plan")
        found = NOWHERE
        for one in lists:
            found |= _entries(one, doubts)
        return found


def _entries(listed: Resource, doubts: list[str]) -> NetworkSet:
    found = NOWHERE
    entries, known = listed.items("entry" if "entry" in listed.values else "entries")
    if listed.type == "aws_prefix_list":
        entries, known = listed.items("cidr_blocks")
    if not known or not entries:
        doubts.append(f"what is in {listed.address} is {LATER}")
    for entry in entries:
        text = entry.get("cidr") if isinstance(entry, dict) else entry
        network = network_of(text)
        if network is None:
            doubts.append(f"what is in {listed.address} is {LATER}")
        else:
            found |= network
    return found
