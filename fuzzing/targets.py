"""The table of what is fuzzed: for each kind of input the door through which its bytes come in."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditor.collect.declared.compose.dotenv import DotenvError, parse_dotenv
from auditor.collect.declared.engine.client import Client
from auditor.collect.declared.engine.live import Engine
from auditor.collect.identify.certificate import read_certificate
from auditor.collect.identify.registry import recognise
from auditor.collect.registry import FORMATS, open_evidence
from auditor.collect.sockets.remote.answer import observation
from auditor.collect.sockets.remote.frame import FrameError, Read, Section, sections
from auditor.errors import AuditorError
from auditor.findings.baseline import held_against
from auditor.model.ports import PortSet
from auditor.policy.inventory import read_inventory
from auditor.policy.load import load_policy
from auditor.report.audit_file import read_audit

Door = Callable[[bytes, Path], None]
"""Takes the bytes of one input and a folder for files. Whatever it lets out is a crash."""

MARK = "c0ffee"
NEXT_FILE = b"\n#=== next file\n"
"""Parts an input that becomes several files."""

_LONGEST_MESSAGE = 2000


class BadMessageError(Exception):
    """An error of use whose message nobody could read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One kind of input. ``format`` is its name in the registry of evidence; '' for what is no evidence file."""

    door: Door
    format: str = ""
    name: str = ""


def evidence(file: str, *, asked: str | None = None) -> Door:
    """Read a file to its end, whatever the registry takes it for."""

    def door(data: bytes, folder: Path) -> None:
        path = folder / file
        path.write_bytes(data)
        _clean(lambda: list(open_evidence(str(path), asked=PortSet.parse(asked) if asked else None)))

    return door


def compose(data: bytes, folder: Path) -> None:
    """Read a project: the compose file, then ``.env``, then a file that others may include or extend."""
    for name in (".env", "other.yaml"):
        (folder / name).unlink(missing_ok=True)
    for name, part in zip(("compose.yaml", ".env", "other.yaml"), data.split(NEXT_FILE), strict=False):
        (folder / name).write_bytes(part)
    _clean(lambda: list(open_evidence(str(folder / "compose.yaml"))))


def dotenv(data: bytes, folder: Path) -> None:  # noqa: ARG001 - every door has this signature
    """Read variables, some of which stand for others."""
    try:
        parse_dotenv(data.decode(errors="replace"), {"HOME": "/root", "EMPTY": ""}.get)
    except DotenvError as error:
        _check(str(error))


def engine(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Ask an engine whose answers stand in the input: to ``/info``, the list, a container and the services."""
    try:
        answers = json.loads(data)
    except (ValueError, RecursionError):
        return
    _clean(lambda: list(Engine("unix:///nowhere", {}, client=_Answers(answers))))  # type: ignore[arg-type]


class _Answers:
    def __init__(self, answers: object) -> None:
        self.answers = answers if isinstance(answers, list) else [answers]

    def get(self, target: str) -> object:
        index = {"/info": 0, "/containers/json?all=1": 1, "/services": 3}.get(target, 2)
        return self.answers[index] if index < len(self.answers) else None


def http(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Take an answer of an engine over HTTP."""
    _clean(lambda: _Spoken(data).get("/info"))


class _Spoken(Client):
    """A client of somebody who says one thing, whatever is asked, and hangs up."""

    def __init__(self, data: bytes) -> None:
        super().__init__("/nowhere", "unix:///nowhere", deadline=1)
        self._said = data

    def _connected(self) -> socket.socket:
        ours, self._theirs = socket.socketpair()
        self._theirs.sendall(self._said)
        self._theirs.shutdown(socket.SHUT_WR)
        return ours

    def _fetch(self, target: str) -> tuple[int, bytes]:
        try:
            return super()._fetch(target)
        finally:
            self._theirs.close()


def frame(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Take apart what came back over SSH."""
    try:
        observation("web", sections(data, MARK))
    except FrameError as error:
        _check(str(error))


def answer(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Read the sections of an answer over SSH; form feeds part them, and the first line of each is its name."""
    found = {}
    for part in data.split(b"\f"):
        name, *lines = part.split(b"\n")
        found[name.decode(errors="replace")] = Section(read=Read.DONE, lines=tuple(lines))
    try:
        observation("web", found)
    except FrameError as error:
        _check(str(error))


def policy(data: bytes, folder: Path) -> None:
    """Read a policy; it may extend a second file."""
    for name, part in zip(("policy.yaml", "base.yaml"), data.split(NEXT_FILE), strict=False):
        (folder / name).write_bytes(part)
    _clean(lambda: load_policy(folder / "policy.yaml"))


def inventory(file: str, form: str) -> Door:
    """Read the hosts of a file."""

    def door(data: bytes, folder: Path) -> None:
        path = folder / file
        path.write_bytes(data)
        _clean(lambda: read_inventory(path, file, form))

    return door


def audit(data: bytes, folder: Path) -> None:
    """Read an audit file, as ``auditor report`` does, and hold it against itself, as ``--baseline`` does."""
    path = folder / "audit.json"
    path.write_bytes(data)

    def read() -> None:
        saved = read_audit(str(path)).audit
        held_against(saved, saved, source="audit.json")

    _clean(read)


def certificate(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Read a certificate."""
    read_certificate(data)


def banner(data: bytes, folder: Path) -> None:  # noqa: ARG001
    """Recognise what a service said, after the first line was said to it."""
    said, _, heard = data.partition(b"\0")
    recognise(heard, said)


def _clean(read: Callable[[], object]) -> None:
    try:
        read()
    except AuditorError as error:
        _check(*str(error).split("\n")) if hasattr(error, "problems") else _check(str(error))


def _check(*messages: str) -> None:
    for message in messages:
        if not message or "\n" in message or len(message) > _LONGEST_MESSAGE:
            raise BadMessageError(f"{len(message)} characters: {message[:200]!r}")


_FILES = {
    "snapshot": "scan.jsonl", "nmap XML": "scan.xml", "Terraform plan": "plan.json", "CloudFormation": "template.yaml",
    "Kubernetes": "service.yaml", "nft JSON": "nft.json",
}  # fmt: skip
_ASKED = {"host:port lines", "zmap CSV", "RustScan"}


def _slug(name: str) -> str:
    return name.replace("-F", "fields").replace(":", " ").replace(" ", "-").lower()


TARGETS: dict[str, Target] = {
    **{
        _slug(known.name): Target(
            door=evidence(_FILES.get(known.name, "evidence"), asked="1-1000" if known.name in _ASKED else None),
            format=known.name,
        )
        for known in FORMATS
    },
    "compose": Target(door=compose, format="compose"),
    "dotenv": Target(door=dotenv),
    "engine-answers": Target(door=engine),
    "engine-http": Target(door=http),
    "ssh-frame": Target(door=frame),
    "ssh-answer": Target(door=answer),
    "policy": Target(door=policy),
    "inventory-ini": Target(door=inventory("hosts.ini", "ansible")),
    "inventory-yaml": Target(door=inventory("hosts.yaml", "ansible")),
    "inventory-list": Target(door=inventory("hosts.txt", "list")),
    "audit": Target(door=audit),
    "certificate": Target(door=certificate),
    "banner": Target(door=banner),
}
"""By name: every kind of evidence that the registry knows, and everything else that comes from outside."""
