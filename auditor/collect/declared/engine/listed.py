"""Lists of containers in JSON: ``docker ps``, ``docker compose ps``, ``podman ps``, the API's ``/containers/json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.engine.cells import read_cell
from auditor.collect.declared.engine.container import Binding, Container, Net, is_port, network_of, run_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.model.location import Location

_ADDRESS = ("IP", "host_ip", "hostIP", "URL")
_OUTSIDE = ("PublicPort", "host_port", "hostPort", "PublishedPort")
_INSIDE = ("PrivatePort", "container_port", "containerPort", "TargetPort")
_PROTOCOL = ("Type", "protocol", "Protocol")


def is_listed(value: Any) -> bool:
    """Whether it is a row of one of those lists."""
    return (
        isinstance(value, dict) and ("Ports" in value or "Publishers" in value) and bool({"Names", "Name"} & set(value))
    )


def listed(value: dict[str, Any], location: Location | None = None) -> Container:
    """Read one row."""
    odd: list[str] = []
    bindings = tuple(_bindings(value, odd))
    if bindings and "ImageID" in value and not {"HostConfig", "Networks"} & set(value):
        odd.append("is listed through Podman's API, which names the first port of a range alone")
    net, shared = _network(value, published=bool(bindings) or _mentions_ports(value))
    return Container(
        name=_name(value),
        identity=str(value.get("Id") or value.get("ID") or ""),
        run=run_of(_state(value)),
        net=net,
        shared=shared,
        bindings=bindings,
        odd=odd[0] if odd else None,
        location=location,
    )


def _name(value: Mapping[str, Any]) -> str:
    names = value.get("Names") or value.get("Name") or value.get("Id") or value.get("ID") or "?"
    first = names[0] if isinstance(names, list) and names else names
    return str(first).removeprefix("/")[:200]


def _state(value: Mapping[str, Any]) -> str:
    """Return the state, or of an old engine the first word of the status (``Up 2 hours``, ``Exited (0)``)."""
    state = value.get("State")
    if isinstance(state, str) and state:
        return state
    return state_of_status(str(value.get("Status") or ""))


def state_of_status(status: str) -> str:
    """Return the state that a status in words begins with."""
    word = status.strip().partition(" ")[0].lower()
    return word if word in {"exited", "created", "restarting", "removal", "dead", "stopping", "stopped"} else "running"


def _network(value: Mapping[str, Any], *, published: bool) -> tuple[Net, str]:
    mode = value["HostConfig"].get("NetworkMode") if isinstance(value.get("HostConfig"), dict) else None
    if isinstance(mode, str):
        return network_of(mode)
    networks = value.get("Networks")
    names = networks.split(",") if isinstance(networks, str) else networks if isinstance(networks, list) else []
    if "host" in names:
        return Net.HOST, ""
    return (Net.OWN if published or any(names) else Net.UNSAID), ""


def _mentions_ports(value: Mapping[str, Any]) -> bool:
    """Whether the engine names ports that are not published: it does not for containers in the host's network."""
    return bool(value.get("Ports"))


def _bindings(value: Mapping[str, Any], odd: list[str]) -> Iterator[Binding]:
    ports = value.get("Publishers") or value.get("Ports")
    if isinstance(ports, str):
        yield from read_cell(ports, odd)
        return
    if ports is not None and not isinstance(ports, list):
        odd.append("has ports that cannot be read")
        return
    for one in ports or ():
        outside = _first(one, _OUTSIDE) if isinstance(one, dict) else "?"
        if outside is None or outside == 0:
            continue
        span = one.get("range") if isinstance(one, dict) else None
        last = outside + max(span, 1) - 1 if isinstance(span, int) and isinstance(outside, int) else outside
        if not (is_port(outside) and is_port(last) and isinstance(outside, int) and isinstance(last, int)):
            odd.append("publishes a port that cannot be read")
            continue
        inside = _first(one, _INSIDE)
        yield Binding(
            address=str(_first(one, _ADDRESS) or ""),
            low=outside,
            high=last,
            protocol=str(_first(one, _PROTOCOL) or "tcp").lower(),
            target=str(inside),
        )


def _first(value: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((value[key] for key in keys if key in value), None)
