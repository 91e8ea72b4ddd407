"""Terraform plans by hand, in the form of ``terraform show -json``."""


def plan(*resources):
    """Make a plan of what the functions below make."""
    configuration = {}
    for one in resources:
        if one["config"] is not None and "module_address" not in one["change"]:
            name = f"{one['change']['type']}.{one['change']['name']}"
            configuration[name] = {"address": name, "mode": "managed", "expressions": one["config"]}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": {}},
        "resource_changes": [one["change"] for one in resources],
        "configuration": {"root_module": {"resources": list(configuration.values())}},
    }


def resource(kind, name, values, *, unknown=None, config=None, actions=("create",), index="", module=None):
    """Make any resource."""
    address = f"{module}.{kind}.{name}{index}" if module else f"{kind}.{name}{index}"
    actions = list(actions)
    before, after = (values, None) if actions in (["delete"], ["forget"]) else (None, values)
    change = {"actions": actions, "before": before, "after": after, "after_unknown": unknown or {}}
    entry = {"address": address, "mode": "managed", "type": kind, "name": name, "change": change}
    if module:
        entry["module_address"] = module
    return {"change": entry, "config": config}


def ingress(port, last=None, **fields):
    """Make one inline rule."""
    told = {"from_port": port, "to_port": port if last is None else last, "protocol": "tcp"}
    return told | {"cidr_blocks": ["0.0.0.0/0"], "ipv6_cidr_blocks": [], "security_groups": [], "self": False} | fields


def group(name, rules, *, values=None, config=None, **more):
    """Make a security group with inline rules."""
    told = {"name": name} if rules is None else {"name": name, "ingress": rules}
    config = {"ingress": {}} if config is None else config
    return resource("aws_security_group", name, told | (values or {}), config=config, **more)


def instance(name, groups, *, index="", more=(), reference=None):
    """Make an instance whose groups are known only after apply."""
    references = reference or [f"{groups}.id", groups, *more]
    config = {"vpc_security_group_ids": {"references": references}}
    return resource("aws_instance", name, {}, unknown={"vpc_security_group_ids": True}, config=config, index=index)


def rule(name, port, group_id, *, values=None, actions=("create",)):
    """Make an ``aws_security_group_rule``."""
    told = {"type": "ingress", "from_port": port, "to_port": port, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"]}
    unknown = {"source_security_group_id": True} | ({} if values else {"security_group_id": True})
    config = {"security_group_id": group_id or {}}
    kind = "aws_security_group_rule"
    return resource(kind, name, told | (values or {}), unknown=unknown, config=config, actions=actions)


def aws_rule(name, port, group_id, *, values=None):
    """Make an ``aws_vpc_security_group_ingress_rule``."""
    told = {"from_port": port, "to_port": port, "ip_protocol": "tcp", "cidr_ipv4": "0.0.0.0/0", "cidr_ipv6": None}
    unknown = {} if values else {"security_group_id": True}
    config = {"security_group_id": group_id or {}}
    kind = "aws_vpc_security_group_ingress_rule"
    return resource(kind, name, told | (values or {}), unknown=unknown, config=config)
