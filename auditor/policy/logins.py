"""How to log in to a host over SSH, as the key ``ssh:`` of a host says it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from auditor.model.policy import AddressKind
from auditor.model.ssh import LOGIN_FORM, Login, checked_host, checked_user, parse_jump, parse_login
from auditor.policy.nodes import flag, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.files.located_yaml import Located
    from auditor.model.policy import HostAddress
    from auditor.policy.problems import Problems

_Read = TypeVar("_Read")

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
