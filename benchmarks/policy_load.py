"""Makes a policy of many hosts and rules, and prints what loading and resolving it takes.

Usage: python benchmarks/policy_load.py [HOSTS RULES]      (default: 10000 500)
"""

import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

ROLES = ["web", "db", "cache", "mail", "dns", "worker", "queue", "search", "build", "edge"]


def policy_text(hosts: int, rules: int) -> str:
    lines = ["version: 1", "name: benchmark", "vantages:", '  internet: {networks: ["0.0.0.0/0", "::/0"]}', "hosts:"]
    for n in range(hosts):
        role = ROLES[n % len(ROLES)]
        address = f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"
        tags = f"[{role}, site-{n % 40}, team-{n % 25}]"
        lines.append(f"  {role}-{n:05}: {{address: {address}, tags: {tags}}}")
    lines.append("rules:")
    for n in range(rules):
        role = ROLES[n % len(ROLES)]
        selectors = [
            f"[tag:site-{n % 40}]",
            f"[{role}-*, '!tag:team-{n % 25}']",
            f"[{role}-{n % len(ROLES):05}]",
            f"['*-*{n % 10}']",
            f"[10.0.{n % 32}.0/24]",
        ]
        lines += [
            f"  - id: rule-{n}",
            f"    hosts: {selectors[n % len(selectors)]}",
            f"    allow: [{1000 + n}, {20000 + n * 7}-{20003 + n * 7}/tcp, ssh, https]",
            "    reason: Something that this team runs here",
            f"    owner: team-{n % 25}",
        ]
        if n % 7 == 0:
            lines.append("    from: [internet]")
        if n % 11 == 0:
            lines.append("    deny: [telnet, 2375/tcp]")
    return "\n".join(lines) + "\n"


def main() -> None:
    from auditor.policy.load import load_policy
    from auditor.policy.resolve import Resolver
    from auditor.policy.select import check

    hosts, rules = (int(text) for text in (sys.argv[1:] or ["10000", "500"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exposure.yaml"
        path.write_text(policy_text(hosts, rules), encoding="utf-8")
        started = time.perf_counter()
        policy = load_policy(str(path))
        loaded = time.perf_counter()
    problems = check(policy)
    checked = time.perf_counter()
    resolver = Resolver(policy, dt.datetime.now(dt.UTC).date())
    distinct = len({id(resolver.expectation(host, "internet")) for host in policy.hosts.values()})
    resolved = time.perf_counter()
    print(f"{len(policy.hosts):,} hosts, {len(policy.rules):,} rules, {len(problems)} problems")
    print(f"load     {loaded - started:6.2f} s")
    print(f"check    {checked - loaded:6.2f} s  (every selector matches something)")
    print(f"resolve  {resolved - checked:6.2f} s  (one vantage, {distinct:,} distinct expectations)")


if __name__ == "__main__":
    main()
