"""Ansible inventories in YAML form, and the JSON of ``ansible-inventory --list``. Under ``policy.inventory``.

Source: "How to build your inventory" in Ansible's guide, and what its ``yaml`` inventory plug-in does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.files.located_yaml import parse_yaml
from auditor.files.suggest import nearest
from auditor.files.validate import quoted
from auditor.policy.groups import ADDRESS_VARIABLES
from auditor.policy.host_patterns import expand
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from auditor.files.located_yaml import Located
    from auditor.files.text import SourceText
    from auditor.model.location import Location
    from auditor.policy.groups import Groups

_TAGS = frozenset({"!vault", "!vault-encrypted", "!unsafe"})
_SECTIONS = ("hosts", "children", "vars")
_META = "_meta"


def read_yaml(source: SourceText, groups: Groups) -> None:
    """Read every group into ``groups``; what is wrong with them becomes its problems.

    :raises PolicyError: not YAML that a policy may be written in.
    """
    root = parse_yaml(source, text_tags=_TAGS)
    if not isinstance(root.data, dict):
        groups.problem(root.location, "this is not an inventory", expected="a mapping of groups, such as 'all:'")
    elif "plugin" in root.fields:
        message = "this is the configuration of an inventory plug-in"
        groups.problem(root.key_location("plugin"), message, expected="what 'ansible-inventory --list' writes")
    elif _META in root.fields:
        _read_listing(root, groups)
    else:
        for name, node in root.fields.items():
            _read_group(groups, name, node, root.key_location(name))


def _read_group(groups: Groups, name: str, node: Located, place: Location) -> None:
    groups.add_group(name, place)
    for section, body in _mapping(groups, node, f"the group {quoted(name)}").items():
        match section:
            case "hosts":
                _read_hosts(groups, name, body)
            case "children":
                for child, inner in _mapping(groups, body, "'children'").items():
                    groups.add_child(name, child, body.key_location(child))
                    _read_group(groups, child, inner, body.key_location(child))
            case "vars":
                for variable in _mapping(groups, body, "'vars'"):
                    groups.refuse_address(variable, body.key_location(variable))
            case _:
                groups.problem(
                    node.key_location(section),
                    f"a group has no {quoted(section)}",
                    expected="hosts, children or vars",
                    suggestion=nearest(section, _SECTIONS),
                )


def _read_hosts(groups: Groups, group: str, body: Located) -> None:
    if isinstance(body.data, str):
        _read_host(groups, group, body.data, body.location, None)
        return
    for pattern, variables in _mapping(groups, body, "'hosts'").items():
        _read_host(groups, group, pattern, body.key_location(pattern), variables)


def _read_host(groups: Groups, group: str, pattern: str, place: Location, variables: Located | None) -> None:
    try:
        names = list(expand(pattern))
    except WrongWordError as error:
        groups.problem(place, error.message, expected=error.expected)
        return
    for name in names:
        groups.add_host(name, place, [group])
    if variables is not None:
        fields = _mapping(groups, variables, f"the host {quoted(pattern)}")
        for name in names:
            _read_address(groups, name, fields)


def _read_address(groups: Groups, name: str, fields: dict[str, Located]) -> None:
    for variable in ADDRESS_VARIABLES:
        node = fields.get(variable)
        if node is None:
            continue
        if isinstance(node.data, str) and node.data:
            groups.set_address(name, node.data, node.location)
        else:
            groups.problem(node.location, f"'{variable}' is not text", expected="an address")


def _read_listing(root: Located, groups: Groups) -> None:
    """Read the JSON of ``ansible-inventory --list``: flat groups with lists, variables in ``_meta``."""
    for name, node in root.fields.items():
        if name == _META:
            continue
        groups.add_group(name, root.key_location(name))
        fields = _mapping(groups, node, f"the group {quoted(name)}")
        for host in _texts(groups, fields.get("hosts")):
            groups.add_host(host.data, host.location, [name])
        for child in _texts(groups, fields.get("children")):
            groups.add_group(child.data, child.location)
            groups.add_child(name, child.data, child.location)
    for name, variables in _mapping(groups, root.at([_META, "hostvars"]), "'hostvars'").items():
        groups.add_host(name, root.at([_META, "hostvars"]).key_location(name))
        _read_address(groups, name, _mapping(groups, variables, f"the host {quoted(name)}"))


def _texts(groups: Groups, node: Located | None) -> list[Located]:
    if node is None:
        return []
    if not isinstance(node.data, list) or not all(isinstance(item, str) for item in node.data):
        groups.problem(node.location, "this is not a list of names", expected="a list of names")
        return []
    return list(node.items)


def _mapping(groups: Groups, node: Located, what: str) -> dict[str, Located]:
    if isinstance(node.data, dict):
        return dict(node.fields)
    if node.data is not None:
        groups.problem(node.location, f"{what} is not a mapping", expected="a mapping")
    return {}
