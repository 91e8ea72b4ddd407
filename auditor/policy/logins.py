"""How to log in to a host over SSH, as the key ``ssh:`` of a host says it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from auditor.model.policy import AddressKind
from auditor.model.ssh import LOGIN_FORM, Login, checked_host, checked_user, parse_jump, parse_login
from auditor.policy.nodes import flag, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from auditor.files.located_yaml import Located
    from auditor.model.policy import Host, HostAddress
    from auditor.policy.problems import Problems

_Read = TypeVar("_Read")

_MANY_FORM = "'true', or a mapping without 'host'"
_HOST_FORM = "a host name, an address, or a 'Host' of the SSH configuration"


def read_login(node: Located | None, addresses: Sequence[HostAddress], problems: Problems) -> Login | None:
    """Read ``true``, ``user@host:port``, or a mapping; what it does not say of the place is the host's first address.

    What is wrong becomes a problem at its place.
    """
    if node is None or node.data is False or not addresses:
        return None
    if any(address.kind is AddressKind.NETWORK for address in addresses):
        problems.add(node.location, "a network has no login of its own", expected="'ssh' in entries for single hosts")
        return None
    if isinstance(node.data, str):
        return _checked(node, parse_login, problems, LOGIN_FORM)
    login = Login(host=addresses[0].text)
    if "%" in login.host and "host" not in node.fields:
        problems.add(node.location, "an address with a zone is no place to log in", expected=f"'host': {_HOST_FORM}")
    return _mapped(node, login, problems) if isinstance(node.data, dict) else login


def with_logins(hosts: Iterable[Host], node: Located | None, problems: Problems) -> Iterator[Host]:
    """Give each host of an inventory the login that ``ssh:`` beside it describes, at the host's first address.

    Networks have no login. What is wrong becomes one problem at its place.
    """
    place = _of_one_host(node)
    if place is not None:
        problems.add(place.location, "every host of the inventory would be the same login", expected=_MANY_FORM)
        node = None
    login: Login | None = None
    for host in hosts:
        single = all(address.kind is not AddressKind.NETWORK for address in host.addresses)
        if single and login is None:
            login = read_login(node, host.addresses, problems)
            node = node if login else None
        if single and login is not None:
            address = host.addresses[0].text
            if "%" in address and address != login.host:
                problems.add(host.location, "an address with a zone is no place to log in")
            yield replace(host, ssh=replace(login, host=address))
        else:
            yield host


def _of_one_host(node: Located | None) -> Located | None:
    """Return what names one place to log in to."""
    return node if node is None or isinstance(node.data, str) else node.fields.get("host")


def _mapped(node: Located, login: Login, problems: Problems) -> Login:
    fields = node.fields
    port = fields["port"].data if "port" in fields else None
    return replace(
        login,
        host=_checked(fields.get("host"), checked_host, problems, _HOST_FORM) or login.host,
        user=_checked(fields.get("user"), checked_user, problems, "a user name"),
        port=port if isinstance(port, int) else None,
        jump=_checked(fields.get("jump"), parse_jump, problems, f"{LOGIN_FORM}, or several joined by commas"),
        identity=text(node, "identity"),
        sudo=flag(node, "sudo", default=False),
    )


def _checked(node: Located | None, read: Callable[[str], _Read], problems: Problems, expected: str) -> _Read | None:
    if node is None or not isinstance(node.data, str):
        return None
    try:
        return read(node.data)
    except ValueError as error:
        problems.add(node.location, str(error), expected=expected)
        return None
