"""Who scans: how each program is started for a scene, and what it says is open."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from auditor.model.ports import PortSet
from auditor.model.target import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.scan.scenes import Scene

Pairs = frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program says is open; where it tells, the seconds and processor seconds of the scan itself.

    ``unknown`` counts ports that it says it cannot know, ``unsure`` are those of them that are open in truth. ``found``
    is when it knew all open ones, in seconds.
    """

    opens: Pairs
    seconds: float | None = None
    cpu: float | None = None
    unknown: int = 0
    unsure: Pairs = frozenset()
    found: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """``words`` starts it for a scene, ``read`` understands what it printed, ``missing`` says why it cannot run, or ''.

    ``codes`` are the exit codes of a scan that was carried out.
    """

    title: str
    words: Callable[[Scene], list[str]]
    read: Callable[[str, Scene], Answer]
    missing: Callable[[], str]
    codes: frozenset[int] = frozenset({0})
    ours: bool = False


def nothing() -> str:
    """It is always here."""
    return ""


def needs(tool: str) -> Callable[[], str]:
    """A program of somebody else's."""
    return lambda: "" if shutil.which(tool) else f"{tool} is not installed"


# -- ours ----------------------------------------------------------------------------------------------------------


def own(method: str, protocol: str = "tcp") -> Callable[[Scene], list[str]]:
    """The scan itself, see `own`."""

    def words(scene: Scene) -> list[str]:
        asked = (method, protocol, scene.ports, str(len(scene.truth)), *scene.addresses)
        return [sys.executable, "-m", "benchmarks.scan.own", *asked]

    return words


def own_answer(text: str, scene: Scene) -> Answer:
    """What `own` prints."""
    told = json.loads(text)
    opens = frozenset((address, port) for address, port in told.pop("opens"))
    return Answer(opens=opens, **doubts(told.pop("unknown"), scene), **told)


def doubts(unknown: Iterable[tuple[str, str]], scene: Scene) -> dict[str, Any]:
    """The fields of an answer for what a scan of ours says it cannot know: pairs of address and ports."""
    pairs = [(address, port) for address, ports in unknown for port in numbers(ports)]
    return {"unknown": len(pairs), "unsure": scene.truth & frozenset(pairs)}


def command_line(*options: str) -> Callable[[Scene], list[str]]:
    """The whole `auditor scan`."""

    def words(scene: Scene) -> list[str]:
        asked = ("-q", "-o", "json", "--rate", "unlimited", "-p", scene.ports)
        return [sys.executable, "-m", "auditor", "scan", *asked, *options, *scene.addresses]

    return words


def check(scene: Scene) -> list[str]:
    """The whole `auditor check`, with a policy that the one host conforms to."""
    (address,) = scene.addresses
    policy = scene.folder / "exposure.yaml"
    policy.write_text(
        f"version: 1\nhosts: {{host: {address}}}\nscan: {{rate: unlimited, tcp: [{scene.ports}]}}\n"
        f"rules:\n  - {{id: all, hosts: [host], require: [{', '.join(map(str, scene.opens))}]}}\n",
        encoding="utf-8",
    )
    saved = str(scene.folder / "seen.jsonl")
    Path(saved).unlink(missing_ok=True)
    return [sys.executable, "-m", "auditor", "check", str(policy), "--save", saved]


def snapshot_answer(text: str, scene: Scene) -> Answer:
    """A snapshot's lines."""
    opens: set[tuple[str, int]] = set()
    unknown: list[tuple[str, str]] = []
    for line in map(json.loads, text.splitlines()):
        if "address" in line:
            opens |= {(line["address"], port) for port in numbers(line.get("tcp", {}).get("open", ""))}
            unknown += [(line["address"], error["ports"]) for error in line.get("errors", ())]
    return Answer(opens=frozenset(opens), **doubts(unknown, scene))


def check_answer(_: str, scene: Scene) -> Answer:
    """What `auditor check` saved."""
    return snapshot_answer((scene.folder / "seen.jsonl").read_text(encoding="utf-8"), scene)


def numbers(ports: str) -> list[int]:
    """The port numbers of a snapshot's text."""
    ranges = PortSet.parse(ports).ranges() if ports else ()
    return [number for low, high in ranges for number in range(low & 0xFFFF, (high & 0xFFFF) + 1)]


def syn_missing() -> str:
    """Whether the scan has the method."""
    has = "method" in {field.name for field in dataclasses.fields(Batch)}
    return "" if has else "this version has no method syn"


@functools.cache
def syn_option_missing() -> str:
    """Whether the command has the method."""
    shown = subprocess.run(
        [sys.executable, "-m", "auditor", "scan", "--help"], capture_output=True, text=True, check=True
    )
    return "" if "--method" in shown.stdout else "this version has no --method"


# -- peers ---------------------------------------------------------------------------------------------------------


def nmap(*options: str) -> Callable[[Scene], list[str]]:
    """With these options; names of open ports on standard output."""
    return lambda scene: ["nmap", "-n", *options, f"-p{scene.ports}", "--open", "-oG", "-", *scene.addresses]


def nmap_answer(text: str, _: Scene) -> Answer:
    """The grepable form: ``Host: 192.0.2.10 ()<tab>Ports: 22/open/tcp//ssh///, …``."""
    opens = set()
    for line in text.splitlines():
        if line.startswith("Host: ") and "Ports: " in line:
            opens |= {(line.split()[1], int(port)) for port in re.findall(r"(\d+)/open/", line)}
    return Answer(opens=frozenset(opens))


def masscan(retries: int, rate: int = 300_000) -> Callable[[Scene], list[str]]:
    """With a stack of its own, or this machine's would reset what it opens."""

    def words(scene: Scene) -> list[str]:
        link = ["-e", scene.device, "--source-ip", scene.spare, "--router-mac", scene.gateway]
        pace = ["--rate", str(rate), "--wait", "2", "--retries", str(retries)]
        return ["masscan", f"-p{scene.ports}", *link, *pace, "--open-only", "-oL", "-", *scene.addresses]

    return words


def masscan_answer(text: str, _: Scene) -> Answer:
    """Its list: ``open tcp 22 192.0.2.10 1700000000``."""
    lines = [line.split() for line in text.splitlines() if line.startswith("open ")]
    return Answer(opens=frozenset((words[3], int(words[2])) for words in lines))


@functools.cache
def _compiled() -> tuple[tempfile.TemporaryDirectory[str], str]:
    folder = tempfile.TemporaryDirectory()
    program = f"{folder.name}/epoll"
    source = Path(__file__).with_name("epoll.c")
    subprocess.run(["cc", "-O2", "-o", program, str(source)], check=True)
    return folder, program


def epoll(scene: Scene) -> list[str]:
    """The loop in C, for the one range of ports of one host."""
    return [_compiled()[1], *scene.addresses, *scene.ports.split("-")]


def epoll_answer(text: str, scene: Scene) -> Answer:
    """What it prints."""
    (address,) = scene.addresses
    ports = frozenset((address, int(port)) for port in re.findall(r"^open (\d+)$", text, re.MULTILINE))
    seconds = re.search(r"^seconds (\S+)$", text, re.MULTILINE)
    assert seconds, text
    return Answer(opens=ports, seconds=float(seconds[1]))


def _nmap(*options: str) -> Program:
    return Program(title=f"nmap {' '.join(options)}", words=nmap(*options), read=nmap_answer, missing=needs("nmap"))


def _masscan(retries: int) -> Program:
    title = f"masscan --retries {retries}"
    return Program(title=title, words=masscan(retries), read=masscan_answer, missing=needs("masscan"))


_FAST = ("-T5", "--min-rate", "20000")
_SNAPSHOT = frozenset({0, 3})

PROGRAMS = MappingProxyType(
    {
        "connect": Program(
            title="connect, the scan itself", words=own("connect"), read=own_answer, missing=nothing, ours=True
        ),
        "syn": Program(title="SYN, the scan itself", words=own("syn"), read=own_answer, missing=syn_missing, ours=True),
        "scan": Program(
            title="auditor scan",
            words=command_line(),
            read=snapshot_answer,
            missing=nothing,
            codes=_SNAPSHOT,
            ours=True,
        ),
        "scan-syn": Program(
            title="auditor scan --method syn",
            words=command_line("--method", "syn"),
            read=snapshot_answer,
            missing=syn_option_missing,
            codes=_SNAPSHOT,
            ours=True,
        ),
        "check": Program(
            title="auditor check", words=check, read=check_answer, missing=nothing, codes=_SNAPSHOT, ours=True
        ),
        "nmap-sT-T4": _nmap("-Pn", "-sT", "-T4"),
        "nmap-sS-T4": _nmap("-Pn", "-sS", "-T4"),
        "nmap-sT-T5": _nmap("-Pn", "-sT", *_FAST),
        "nmap-sS-T5": _nmap("-Pn", "-sS", *_FAST),
        "nmap-sT-ping": _nmap("-sT", "-T4"),
        "nmap-sS-ping": _nmap("-sS", "-T4"),
        "masscan": _masscan(0),
        "masscan-r3": _masscan(3),
        "epoll": Program(title="a C epoll loop", words=epoll, read=epoll_answer, missing=needs("cc")),
        "udp": Program(
            title="UDP, the scan itself", words=own("connect", "udp"), read=own_answer, missing=nothing, ours=True
        ),
        "nmap-sU-T4": _nmap("-Pn", "-sU", "-T4"),
        "nmap-sU-T5": _nmap("-Pn", "-sU", *_FAST),
    }
)

TCP = (
    *("connect", "syn", "scan", "scan-syn"),
    *("nmap-sT-T4", "nmap-sS-T4", "nmap-sT-T5", "nmap-sS-T5", "masscan"),
)
UDP = ("udp", "nmap-sU-T4", "nmap-sU-T5")
