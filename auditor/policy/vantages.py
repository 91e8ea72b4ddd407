"""The vantages that the files of a policy declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model.network import NOWHERE, NetworkSet
from auditor.model.policy import LOCAL, Vantage
from auditor.policy.addresses import read_network
from auditor.policy.nodes import check_name, text_entries, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.files.located_yaml import Located
    from auditor.model.location import Location
    from auditor.policy.extends import Document
    from auditor.policy.problems import Problems


def read_vantages(documents: Sequence[Document], problems: Problems) -> Mapping[str, Vantage]:
    """The vantages of all files, by name.

    A vantage without networks is only a name: a pack limits a rule to ``internet`` so, and the team's file says which
    networks that is. Networks declared twice must be the same.
    """
    found: dict[str, Vantage] = {}
    for document in documents:
        section = document.root.fields.get("vantages")
        for name, node in section.fields.items() if section else ():
            place = section.key_location(name) if section else node.location
            if name == LOCAL:
                problems.add(place, f"the vantage '{LOCAL}' is every host's own loopback and cannot be declared")
            elif check_name(name, place, problems):
                vantage = Vantage(name=name, networks=_networks(node, problems), location=place)
                _join(found, vantage, place, problems)
    return found


def _join(found: dict[str, Vantage], vantage: Vantage, place: Location, problems: Problems) -> None:
    known = found.get(vantage.name)
    if known is None or not known.networks:
        found[vantage.name] = vantage
    elif vantage.networks and vantage.networks != known.networks:
        problems.add(place, f"the vantage '{vantage.name:.80}' is declared differently at {known.location}")


def _networks(node: Located, problems: Problems) -> NetworkSet:
    networks = NOWHERE
    for entry in text_entries(node.fields.get("networks")):
        networks |= word(entry, read_network, problems) or NOWHERE
    return networks
