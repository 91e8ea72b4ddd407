"""What fuzzing begins with: the examples, the texts in the tests, and files of real tools where they are at hand.

The registry of evidence says itself which text is of which kind.
"""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.collect.format import Head
from auditor.collect.registry import FORMATS
from fuzzing.targets import MARK, NEXT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
REAL = (ROOT / "../shared/corpus").resolve()
LARGEST = 12_000
"""In bytes; larger inputs would be read too seldom."""

_SHORTEST = 20


def seeds(target: str, format_name: str) -> list[bytes]:
    """Return the texts that one target begins with, each once, in a stable order."""
    found = [data for name, data in _sorted_by_kind() if name == format_name] if format_name else []
    found += OWN.get(target, ())
    if pattern := PATTERNS.get(target):
        places = (ROOT / "examples", ROOT / "tests/unit", ROOT / "policies", REAL)
        found += [data for place in places for one in pattern for data in _read(place.rglob(one))]
    if target == "policy":
        found += [text for text in _texts() if b"hosts:" in text]
    return sorted(set(found), key=lambda data: (len(data), data))


@cache
def _sorted_by_kind() -> tuple[tuple[str, bytes], ...]:
    files = [path for place in (ROOT / "examples", ROOT / "tests", REAL) for path in sorted(place.rglob("*"))]
    everything = [(path.name, data) for path in files for data in _read([path])]
    everything += [("evidence", text) for text in _texts()]
    return tuple((kind, data) for name, data in everything if (kind := _kind(name, data)))


def _kind(name: str, data: bytes) -> str:
    head = Head(path=name, data=data, text=data.decode("utf-8-sig", "replace").lstrip())
    return next((known.name for known in FORMATS if known.matches(head)), "")


def _read(paths: Iterator[Path] | list[Path]) -> Iterator[bytes]:
    for path in paths:
        if path.is_file() and path.suffix != ".py" and path.stat().st_size <= LARGEST:
            yield path.read_bytes()


@cache
def _texts() -> tuple[bytes, ...]:
    """Return the long texts in the tests, and what is written there as data, in JSON."""
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) >= _SHORTEST:
                found.append(node.value.encode(errors="replace"))
            elif isinstance(node, (ast.Dict, ast.List)):
                found += _as_json(node)
    return tuple(found)


def _as_json(node: ast.AST) -> Iterator[bytes]:
    try:
        text = json.dumps(ast.literal_eval(node))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return
    if len(text) >= _SHORTEST:
        yield text.encode()


_TABLE = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0        0 4711 1 0 100 0 0 10 0\n"
)
_SECTIONS = {
    "uname-n": "web.example\n", "uname-s": "Linux\n", "uname-m": "x86_64\n", "order": "    1\n", "id": "0\n",
    "modules": "nf_nat 1 0 - Live\n", "builtin": "", "tcp": _TABLE, "tcp6": _TABLE, "udp": _TABLE, "udp6": _TABLE,
    "ss": "tcp LISTEN 0 128 0.0.0.0%lo:80 0.0.0.0:* ino:4711 sk:1 v6only:0\n", "net:[4026531840] tcp": _TABLE,
    "denied": "3\n", "range": "32768\t60999\n", "users": "root:x:0:0::/root:/bin/sh\n", "reserved": "\n",
}  # fmt: skip


def _framed() -> bytes:
    parts = [f"\n{MARK} begin 1\n"]
    for name, text in _SECTIONS.items():
        lines = text.split("\n")[:-1]
        rows = "".join(f"={line}\n" for line in lines)
        parts.append(f"{MARK} section {name}\n{rows}.{len(lines)} {len(text)}\n{MARK} done\n")
    return ("".join(parts) + f"{MARK} end {len(_SECTIONS)}\n").encode()


_INSPECTED = {
    "Id": "abcdef0123456789", "Name": "/web", "Args": [], "State": {"Status": "running", "Running": True},
    "Config": {"Image": "nginx", "ExposedPorts": {"80/tcp": {}}, "Labels": {}},
    "HostConfig": {"NetworkMode": "bridge", "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}},
}  # fmt: skip
_LISTED = {
    "Id": "abcdef0123456789", "Names": ["/web"], "Image": "nginx", "ImageID": "sha256:1", "State": "running",
    "Status": "Up 2 hours", "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
    "HostConfig": {"NetworkMode": "default"},
}  # fmt: skip
_SERVICE = {
    "ID": "s", "Spec": {"Name": "web"},
    "Endpoint": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}]},
}  # fmt: skip
_INFO = {"Name": "host", "Swarm": {"LocalNodeState": "active", "ControlAvailable": True}}
_COMPOSE = b"""\
name: shop
include: [other.yaml]
services:
  web:
    image: nginx
    ports: ["${BIND:-127.0.0.1}:8000-8010:80", {target: 443, published: "443", host_ip: "::1", mode: host}]
  db: {extends: {file: other.yaml, service: base}, network_mode: "service:web", profiles: [x], expose: [5432]}
networks: {default: {driver: host}}
"""

OWN: dict[str, tuple[bytes, ...]] = {
    "compose": (
        NEXT_FILE.join((_COMPOSE, b"BIND=0.0.0.0\n", b"services: {base: {ports: !override [80, '53:53/udp']}}\n")),
    ),
    "container-engine": (
        json.dumps([_INSPECTED]).encode(),
        json.dumps([_LISTED]).encode(),
        json.dumps(_LISTED).encode(),
        (
            b"CONTAINER ID   IMAGE   COMMAND   STATUS   PORTS                  NAMES\n"
            b"abc            redis   redis     Up 1     0.0.0.0:80->80/tcp     cache\n"
        ),
    ),
    "engine-answers": (
        json.dumps([_INFO, [_LISTED], _INSPECTED, [_SERVICE]]).encode(),
        json.dumps([{"Name": "h"}, [_LISTED], _INSPECTED]).encode(),
    ),
    "engine-http": (
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"Name": "a"}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{"Name": "a"}\r\n0\r\nX: y\r\n\r\n',
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nConnection: close\r\n\r\n{}",
    ),
    "dotenv": (b"A=1\nexport B=\"${A:-x}\\n\"\nC='$A'\nD=${B:+${C}} # x\nE: ${F:?no}\n",),
    "ssh-frame": (_framed(),),
    "ssh-answer": ("\f".join(f"{name}\n{text}" for name, text in _SECTIONS.items()).encode(),),
    "inventory-ini": (b"[web]\nweb[01:03].example ansible_host=192.0.2.1\n[all:children]\nweb\n[web:vars]\na=1\n",),
    "inventory-yaml": (
        b"all: {children: {web: {hosts: {'w[1:3]': {ansible_host: 192.0.2.1}}, vars: {a: 1}}}}\n",
        (
            b'{"_meta": {"hostvars": {"a": {"ansible_host": "192.0.2.1"}}}, "all": {"children": ["web"]},'
            b' "web": {"hosts": ["a"]}}'
        ),
    ),
    "inventory-list": (b"name,address,tags\nweb,192.0.2.1;2001:db8::1,prod;web # x\n192.0.2.7\n",),
    "certificate": (
        bytes.fromhex(
            "3043303da003020102020101300d06092a864886f70d01010b05003000301e170d3236303130313030303030305a"
            "170d3237303130313030303030305a300c310a3008060355040313016131"
        ),
    ),
    "banner": (
        *(b"\0" + one for one in (b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP Postfix\r\n", b"+OK ready\r\n")),
        b"\0J\0\0\0\n8.0.33\0\x01\0\0\0abcdefgh\0",
        b"GET / HTTP/1.1\r\n\r\n\0HTTP/1.1 200 OK\r\nServer: nginx/1.2\r\n\r\n<title>x</title>",
        *(b"PING\r\n\0" + one for one in (b"-NOAUTH Authentication required.\r\n", b"+PONG\r\n")),
        b"x\0E\0\0\0\x1aSFATAL\0C28000\0Mno\0\0",
        b"x\0\x16\x03\x03\0\x02\x02\x28",
    ),
}
"""Small inputs that reach deep, where the tests and examples have none."""

PATTERNS = {
    "policy": ("exposure.yaml", "*.policy.yaml", "good/*.yaml", "bad/*.yaml"),
    "inventory-ini": ("*.ini", "hosts", "inventory"),
    "inventory-yaml": ("hosts.yaml", "inventory.yaml", "inventory.json"),
    "audit": ("expected.json",),
    "dotenv": ("*.env", ".env"),
}
"""Which files hold what is no evidence."""
