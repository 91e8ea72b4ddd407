"""``docker inspect`` and ``podman inspect``, and the same from the API: state, network and ports of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.engine.container import Binding, Container, Net, Run, is_port, network_of, run_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model.location import Location


def is_inspected(value: Any) -> bool:
    """Whether it is a container as ``inspect`` shows it, and not an image, network or volume."""
    return isinstance(value, dict) and isinstance(value.get("State"), dict) and "Id" in value


def inspected(value: dict[str, Any], location: Location | None = None) -> Container:
    """Read one container. A stopped one publishes nothing, though Podman still lists its ports."""
    host, settings = _mapping(value, "HostConfig"), _mapping(value, "NetworkSettings")
    state = run_of(str(_mapping(value, "State").get("Status") or _old_state(_mapping(value, "State"))))
    mode = host.get("NetworkMode")
    net, shared = network_of(mode) if isinstance(mode, str) else (_guessed(settings), "")
    listed = settings.get("Ports")
    odd: list[str] = []
    if state is Run.RESTARTING and not listed:
        listed = host.get("PortBindings")
    bindings = tuple(_bindings(listed, odd))
    return Container(
        name=str(value.get("Name") or value.get("Id") or "?").removeprefix("/")[:200],
        identity=str(value.get("Id") or ""),
        run=state,
        net=net,
        shared=shared,
        bindings=bindings,
        exposed=tuple(_mapping(_mapping(value, "Config"), "ExposedPorts")),
        odd=odd[0] if odd else None,
        location=location,
    )


def _mapping(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _old_state(state: dict[str, Any]) -> str:
    """Engines before 2015 have truths for a state."""
    if state.get("Restarting") is True:
        return "restarting"
    return "running" if state.get("Running") is not False else "exited"


def _guessed(settings: dict[str, Any]) -> Net:
    """Say whose network it is where no mode is given."""
    if settings.get("Ports"):
        return Net.OWN
    networks = settings.get("Networks")
    return (Net.HOST if "host" in networks else Net.OWN) if isinstance(networks, dict) and networks else Net.UNSAID


def _bindings(listed: Any, odd: list[str]) -> Iterator[Binding]:
    """Read ``{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}``; without a list a port is not published."""
    if listed is None:
        return
    if not isinstance(listed, dict):
        odd.append("has ports that cannot be read")
        return
    for inside, bound in listed.items():
        target, _, protocol = str(inside).partition("/")
        each: list[Any] = bound if isinstance(bound, list) else [] if bound is None else [None]
        for one in each:
            low, dash, high = str(one.get("HostPort") if isinstance(one, dict) else "").partition("-")
            first = int(low) if low.isdecimal() and len(low) < 6 else 0
            last = (int(high) if high.isdecimal() and len(high) < 6 else 0) if dash else first
            if not (is_port(first) and is_port(last) and first <= last):
                odd.append(f"publishes {target[:20]} on a port that cannot be read")
                continue
            yield Binding(
                address=str(one.get("HostIp") or ""),
                low=first,
                high=last,
                protocol=(protocol or "tcp").lower(),
                target=target,
            )
