"""Addresses as a policy writes them: hosts' addresses, vantages' networks, ``bind`` conditions."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from auditor.files.validate import quoted
from auditor.model.network import LOOPBACK, PRIVATE, NetworkSet, parse_address
from auditor.model.policy import AddressKind, BindScope, HostAddress
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from auditor.model.network import Address

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMERIC = re.compile(r"[0-9.\-]+")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""A name that ends in such a label is read as an address by many programs (URL Standard, "ends in a number")."""
_BROADCAST = IPv4Address("255.255.255.255")
_WITH_PORT = re.compile(r"(?:\[(.*)\]|([^:]*))(?::[0-9]+)?")
_LONGEST_NAME = 253
_SCOPES = {BindScope.LOOPBACK.value: LOOPBACK, BindScope.PRIVATE.value: PRIVATE}
_ADDRESS_RULE = "an IPv4 or IPv6 address, a DNS name, or a network in CIDR form"


def read_host_address(text: str) -> HostAddress:
    """Read an address (in its canonical form then), a network or a DNS name (RFC 1123, underscores allowed).

    A network of one address is that address.

    :raises WrongWordError: anything else.
    """
    if "/" in text:
        return _network(text)
    try:
        address = parse_address(text)
    except ValueError:
        return _name(text)
    if reason := _nobody(address):
        raise WrongWordError(f"{quoted(text)} is not an address of a host: {reason}", expected=_ADDRESS_RULE)
    return HostAddress(text=str(address), kind=AddressKind.ADDRESS, networks=NetworkSet.of(_unzoned(address)))


def read_network(text: str) -> NetworkSet:
    """Read a network in CIDR form or a single address.

    :raises WrongWordError: anything else, or a network with host bits set.
    """
    try:
        return NetworkSet.of(ip_network(text))
    except ValueError:
        raise _network_error(text) from None


def read_bind(text: str) -> NetworkSet:
    """Read one word of a ``bind`` condition: ``loopback``, ``private``, an address or a network.

    :raises WrongWordError: anything else.
    """
    scope = _SCOPES.get(text.casefold())
    if scope is not None:
        return scope
    try:
        return read_network(text)
    except WrongWordError as error:
        from auditor.files.suggest import nearest

        suggestion = error.suggestion or nearest(text, _SCOPES)
        expected = "'loopback', 'private', an address or a network"
        raise WrongWordError(error.message, expected=expected, suggestion=suggestion) from None


def _network(text: str) -> HostAddress:
    try:
        network = ip_network(text)
    except ValueError:
        raise _network_error(text, _ADDRESS_RULE) from None
    if network.is_multicast:
        raise WrongWordError(f"{quoted(text)} holds no address of a host: it is multicast", expected=_ADDRESS_RULE)
    if network.num_addresses == 1:
        return read_host_address(str(network.network_address))
    return HostAddress(text=str(network), kind=AddressKind.NETWORK, networks=NetworkSet.of(network))


def _nobody(address: Address) -> str | None:
    """Why an address is none that a host can have. Sources: RFC 1122, 3.2.1.3; RFC 4291, 2.5.2 and 2.7."""
    if address.is_unspecified:
        return "it stands for no address"
    if address.is_multicast:
        return "it is multicast"
    if address == _BROADCAST:
        return "it is broadcast"
    return None


def _network_error(text: str, expected: str = "a network such as 192.0.2.0/24") -> WrongWordError:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return WrongWordError(f"{quoted(text)} is not a network", expected=expected)
    return WrongWordError(f"{quoted(text)} is an address inside a network", suggestion=str(meant))


def _name(text: str) -> HostAddress:
    name = text.removesuffix(".")
    labels = name.split(".")
    if _NUMERIC.fullmatch(text) or _NUMBER.fullmatch(labels[-1]) or ":" in text:
        raise WrongWordError(f"{quoted(text)} is not an address", expected=_ADDRESS_RULE, suggestion=_port_cut(text))
    if not text.isascii():
        raise WrongWordError(f"{quoted(text)} is not a DNS name", expected="ASCII letters", suggestion=_punycode(name))
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise WrongWordError(f"{quoted(text)} is not a DNS name", expected=_ADDRESS_RULE)
    return HostAddress(text=text, kind=AddressKind.NAME)


def _port_cut(text: str) -> str | None:
    """Return ``192.0.2.1`` for ``192.0.2.1:443`` and ``[192.0.2.1]``: the likeliest slips."""
    found = _WITH_PORT.fullmatch(text)
    try:
        return str(ip_address(found[1] or found[2])) if found else None
    except ValueError:
        return None


def _punycode(name: str) -> str | None:
    if len(name) > _LONGEST_NAME:
        return None
    try:
        meant = name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return meant if all(_LABEL.fullmatch(label) for label in meant.split(".")) else None


def _unzoned(address: Address) -> Address:
    return IPv6Address(int(address)) if isinstance(address, IPv6Address) and address.scope_id else address
