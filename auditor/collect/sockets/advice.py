"""What the facts about a port mean, and what to do about them, in sentences. No I/O.

The names of processes in them are as those chose them: whoever prints a sentence escapes it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, assert_never

from auditor.collect.sockets.trial import Outcome
from auditor.model.ports import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.sockets.holding import Connection, Holding
    from auditor.collect.sockets.trial import Trial
    from auditor.model.evidence import Socket

_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound

_ON_BEHALF = {
    "docker-proxy": "a container publishes it: 'docker ps --filter publish={number}' names it",
    "rootlessport": "a container publishes it: 'podman ps' names it",
    "conmon": "a container publishes it: 'podman ps' names it",
    "systemd": "a socket unit holds it: 'systemctl list-sockets' names it; stop that unit, not its service",
    "init": "a socket unit holds it: 'systemctl list-sockets' names it; stop that unit, not its service",
}


def why(facts: Holding, trial: Trial) -> str:
    """Say in a phrase what became of a try, and whose doing that is."""
    match trial.outcome:
        case Outcome.FREE:
            return "can be bound"
        case Outcome.FREE_WITH_REUSEADDR:
            return f"can be bound with SO_REUSEADDR alone: {_lingering(facts)}"
        case Outcome.IN_USE:
            shared = "; SO_REUSEPORT would share it" if trial.sharable else ""
            return f"in use by {_blockers(facts, trial.address)}{shared}"
        case Outcome.PRIVILEGED:
            held = _holders_in_the_way(facts, trial.address)
            used = f"; and in use by {', '.join(held)}" if held else ""
            return f"needs privilege: below {facts.privileged_below} are for root and CAP_NET_BIND_SERVICE{used}"
        case Outcome.ABSENT:
            return f"not on this machine: {trial.error}"
        case Outcome.REFUSED:
            return f"refused: {trial.error}; look at the security module (SELinux, AppArmor) and control groups"
        case _:
            assert_never(trial.outcome)


def steps(facts: Holding) -> tuple[str, ...]:
    """Say what to do so that a server can have the port, the likeliest first; nothing where it is free."""
    if all(trial.outcome in {Outcome.FREE, Outcome.ABSENT} for trial in facts.trials):
        return ()
    return tuple(dict.fromkeys(_steps(facts)))


def stands_in_the_way(address: str, dual_stack: bool, wanted: str) -> bool:  # noqa: FBT001 - a fact, not a switch
    """Whether a socket on ``address`` keeps another from binding ``wanted`` (``0.0.0.0``, ``::`` or IPv4)."""
    if wanted == "::":
        return True
    if ":" in address:
        return address == "::" and dual_stack
    return wanted in _WILDCARDS or address in _WILDCARDS or address == wanted


def who(held: Socket | Connection) -> str:
    """``nginx (pid 812, user root)``, with what is hidden said to be."""
    if held.process is None:
        return f"an unseen process (user {held.user})" if held.user else "no process any more"
    return f"{held.process} (pid {held.pid}, user {held.user})"


def _steps(facts: Holding) -> Iterator[str]:
    outcomes = {trial.outcome for trial in facts.trials}
    if Outcome.IN_USE in outcomes or (Outcome.PRIVILEGED in outcomes and (facts.listeners or facts.bound)):
        yield from _stop(facts)
    if any(trial.sharable for trial in facts.trials):
        yield "share it: set SO_REUSEPORT in the new program too, run as the same user"
    if Outcome.FREE_WITH_REUSEADDR in outcomes:
        yield "set SO_REUSEADDR before bind, as servers should" + (
            ", or wait a minute" if any(each.state == "TIME_WAIT" for each in facts.connections) else ""
        )
    if Outcome.PRIVILEGED in outcomes:
        yield (
            "run as root, or give the program the capability CAP_NET_BIND_SERVICE (setcap, AmbientCapabilities=), "
            f"or set net.ipv4.ip_unprivileged_port_start to {facts.port.number} or less"
        )
    if facts.next_free and outcomes & {Outcome.IN_USE, Outcome.PRIVILEGED}:
        yield f"choose another port: {facts.next_free} is free"


def _stop(facts: Holding) -> Iterator[str]:
    units = dict(facts.units)
    for each in (*facts.listeners, *facts.bound):
        if each.process is None and facts.unprivileged:
            yield "run this as root to see whose process it is"
        elif each.process is None:
            yield "it is the kernel's own (NFS, WireGuard, VXLAN), or of a process that even root is not shown here"
        elif each.process in _ON_BEHALF:
            yield _ON_BEHALF[each.process].format(number=facts.port.number)
        elif each.pid in units:
            yield f"stop {each.process} (pid {each.pid}): systemctl stop {units[each.pid]}"
        else:
            yield f"stop {each.process} (pid {each.pid})"
    if not facts.listeners and not facts.bound:
        yield from _end_connections(facts)


def _end_connections(facts: Holding) -> Iterator[str]:
    for each in facts.connections:
        if each.process:
            yield f"end the connection of {each.process} (pid {each.pid}), or wait until it ends"
    if any(each.process is None for each in facts.connections):
        yield "wait a minute for the last connections to be forgotten; a server that sets SO_REUSEADDR need not"
    if facts.ephemeral and facts.ephemeral[0] <= facts.port.number <= facts.ephemeral[1]:
        yield f"keep the port from outgoing connections: net.ipv4.ip_local_reserved_ports={facts.port.number}"


def _blockers(facts: Holding, wanted: str) -> str:
    if held := _holders_in_the_way(facts, wanted):
        return ", ".join(held)
    lines = [each for each in facts.connections if stands_in_the_way(each.local, dual_stack=False, wanted=wanted)]
    if lines:
        ends = sorted({who(each) for each in lines if each.process})[:3]
        return f"{_counted(lines)} on this port" + (f": {', '.join(ends)}" if ends else "")
    if facts.port.protocol is Protocol.TCP:
        return "a socket that is bound and not listening, which this kernel does not show"
    return "a socket that the kernel does not show"


def _holders_in_the_way(facts: Holding, wanted: str) -> tuple[str, ...]:
    held = (
        f"{who(each)} on {each.address}"
        for each in (*facts.listeners, *facts.bound)
        if stands_in_the_way(each.address, each.dual_stack, wanted)
    )
    return tuple(dict.fromkeys(held))


def _lingering(facts: Holding) -> str:
    if facts.connections:
        return f"{_counted(facts.connections)} still {'uses' if len(facts.connections) == 1 else 'use'} it"
    return "another socket is bound to it"


def _counted(connections: tuple[Connection, ...] | list[Connection]) -> str:
    states = Counter(each.state for each in connections)
    named = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"{len(connections)} connection{'' if len(connections) == 1 else 's'} ({named})"
