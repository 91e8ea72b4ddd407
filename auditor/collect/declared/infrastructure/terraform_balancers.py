"""Network load balancers of AWS in a plan that have no security group: their listeners let in whoever reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.collect.declared.infrastructure.access import ANYWHERE, UNKNOWN, Access, port_number
from auditor.collect.declared.infrastructure.aws import GUARDED, INSIDE, LATER, listener_ports
from auditor.collect.declared.infrastructure.aws_attributes import names_of
from auditor.collect.declared.infrastructure.subject import Subject
from auditor.model.network import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.collect.declared.infrastructure.plan import Plan, Resource
    from auditor.collect.declared.infrastructure.references import References

_BALANCERS = ("aws_lb", "aws_alb")
_TARGETS = ("aws_lb_target_group", "aws_alb_target_group")


def balancers(plan: Plan, references: References) -> Iterator[Subject]:
    """Yield each listener with the balancer that it is of, or by itself where the plan does not have that."""
    by_arn = {arn: one for one in plan.of(*_BALANCERS) if isinstance(arn := one.get("arn"), str)}
    for listener in plan.of("aws_lb_listener", "aws_alb_listener"):
        if listener.get("protocol") in GUARDED:
            continue
        named = listener.get("load_balancer_arn")
        if isinstance(named, str):
            meant = [by_arn[named]] if named in by_arn else []
        else:
            expression = (listener.config or {}).get("load_balancer_arn")
            meant = [one for one in references.of(listener, expression).resources if one.type in _BALANCERS]
        for balancer in meant:
            yield from _listened(listener, balancer, target_of(plan, references, listener))
        if not meant:
            reason = f"{listener.address}: whom its load balancer lets in is not in the plan"
            yield Subject(name=listener.address, names=names_of(listener), doubts=[reason])


def target_of(plan: Plan, references: References, listener: Resource) -> str | None:
    """Return the port of the one target group that a listener forwards to, as ``8080/tcp``; None if nobody can say."""
    by_arn = {arn: one for one in plan.of(*_TARGETS) if isinstance(arn := one.get("arn"), str)}
    actions = [one for one in listener.items("default_action")[0] if isinstance(one, dict)]
    named = [by_arn[arn] for one in actions if isinstance(arn := one.get("target_group_arn"), str) and arn in by_arn]
    if not named:
        meant = references.of(listener, (listener.config or {}).get("default_action"))
        named = [one for one in meant.resources if one.type in _TARGETS]
    ports = {(port_number(one.get("port")), str(one.get("protocol")).lower()) for one in named}
    if len(named) != 1 or (found := ports.pop())[0] is None:
        return None
    return f"{found[0]}/udp" if found[1] == "udp" else f"{found[0]}/tcp" if found[1] in {"tcp", "tls"} else None


def _listened(listener: Resource, balancer: Resource, target: str | None) -> Iterator[Subject]:
    kind, groups = balancer.get("load_balancer_type"), balancer.get("security_groups")
    if kind in {None, "application", "gateway"} or (groups not in (None, [], UNKNOWN)):
        return
    doubts = [f"its kind is {LATER}"] if kind is UNKNOWN else []
    if groups is UNKNOWN and balancer.is_set("security_groups"):
        doubts.append(f"its security groups are {LATER}")
    port = listener.get("port")
    ports, vague = listener_ports(listener.get("protocol"), port)
    doubts += [vague] if vague else []
    internal: Any = balancer.get("internal")
    inside = internal is True
    if internal is UNKNOWN and balancer.is_set("internal"):
        doubts.append(f"whether it is internal is {LATER}")
    access = Access(
        ports=ports,
        vague=bool(doubts),
        sources=NOWHERE if inside else ANYWHERE,
        groups=(INSIDE,) if inside else (),
        doubts=tuple(f"{listener.address}: {doubt}" for doubt in doubts),
        what=f"{listener.address}: a listener of {balancer.address}, which has no security group",
        target=target,
        path=(*listener.path, "port") if isinstance(port, int) else listener.path,
    )
    names = dict.fromkeys((*names_of(balancer), *names_of(listener)))
    yield Subject(name=balancer.address, names=tuple(names), rules=[access])
