"""Compose files and engines' output that others wrote: none crashes, and what is published is what is expected.

``compose_published.json`` has what docker-compose 1.29 (``config``, with all profiles) says of each file that it
accepts, as ``service address:port/protocol``; the laboratory's truth is what a real ``connect()`` from outside saw.
"""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from auditor.collect.declared.compose.evidence import ComposeFile
from auditor.collect.registry import open_evidence
from auditor.errors import EvidenceError
from tests.unit.collect.declared.projects import observed

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
LAB = CORPUS / "own-lab"
EXPECTED = json.loads(Path(__file__).with_name("compose_published.json").read_text(encoding="utf-8"))
ALL = {"COMPOSE_PROFILES": "*"}
WRITTEN = {None: "", "0.0.0.0/0": "0.0.0.0", "::/0": "::"}

if not CORPUS.is_dir() and os.environ.get("CI") != "true":
    pytest.skip("the corpus of real files is not beside this checkout", allow_module_level=True)

CASES = json.loads((CORPUS / "compose-cases/cases.json").read_text(encoding="utf-8"))


def items(openings):
    """The openings as the expected values are written; of one out of a range, the range."""
    for one in openings:
        service = re.match(r"service (\S+),", one.what)[1]
        address = WRITTEN.get(None if one.bind is None else str(one.bind), str(one.bind))
        if chosen := re.search(r"first free of (\S+)", one.what):
            yield f"{service} {address}:{chosen[1]}/{one.port.protocol}"
        elif "engine chooses" not in one.what:
            yield from (f"{service} {address}:{port.number}/{port.protocol}" for port in one.ports)


def test_compose_files_publish_what_another_reader_says():
    differing = []
    for name, expected in EXPECTED.items():
        path = CORPUS / "compose" / name
        if not re.search(r"^services:", path.read_text(encoding="utf-8"), re.MULTILINE):
            continue  # compose has given this form up
        seen = None
        with suppress(EvidenceError):  # without any services
            (seen,) = ComposeFile(str(path), str(path), ALL)
        fixed = {one for one in expected if ":/" not in one}
        if set(items(seen.openings if seen else ())) != fixed:
            differing.append(name)
    assert len(EXPECTED) > 100
    assert differing == []


def test_every_compose_file_is_read_or_refused():
    for path in (CORPUS / "compose").rglob("*.y*ml"):
        with suppress(EvidenceError):
            list(open_evidence(str(path)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_case_of_composes_own_tests(case, tmp_path):
    lines = "".join(f"      - {json.dumps(port)}\n" for port in case.get("ports", ()))
    texts = case.get("files") or [f"services:\n  web:\n    image: x\n    ports:\n{lines}"]
    files = dict(zip(("compose.yaml", "compose.override.yaml"), texts, strict=False))
    (seen,) = observed(tmp_path, files, environment={})
    expected = case.get("expected")
    if expected is None:
        assert seen.openings == ()
        assert seen.unknown
        return
    wanted = expected if isinstance(expected, dict) else {"web": expected}
    assert set(items(seen.openings)) == {
        f"{service} {address}:{published}/{protocol}"
        for service, ports in wanted.items()
        for address, published, _, protocol in ports
        if published is not None
    }


def reached(seen):
    return {port.number for one in seen.openings if one.bind is None or str(one.bind) == "0.0.0.0/0"
            for port in one.ports if port.protocol == "tcp"}  # fmt: skip


def test_the_laboratorys_project_is_open_where_a_real_connection_was_made():
    path = LAB / "compose-a/project/docker-compose.yml"
    (seen,) = ComposeFile(str(path), str(path), {})
    truth = json.loads((LAB / "compose-a/TRUTH-connect-outside-v4.json").read_text(encoding="utf-8"))
    silent = {9000, 9001, 9002, 9003, 8098} - set(truth["open"])  # published, and nobody listens in the container
    assert reached(seen) - silent == set(truth["open"]) - {8093}
    assert any("hostmode uses the host's network" in left.reason for left in seen.unknown)  # 8093


@pytest.mark.parametrize("name", ["docker-inspect.json", "docker-ps-a.txt", "docker-ps-a.jsonl",
                                  "docker-api-containers-json-all.json"])  # fmt: skip
def test_every_view_of_the_laboratorys_engine_tells_the_same(name):
    (seen,) = open_evidence(str(LAB / "docker-run" / name))
    open_outside = {7779, 8080, 8084, 8090, 8091, 8097, 8100, 9100, 32768}  # nmap's; 8083 has an address of its own
    silent = {9000, 9001, 9002, 9003, 5353, 32770}  # published, and nobody listens in the container
    assert reached(seen) - silent - {7780} == open_outside  # 7780 comes and goes
    assert any("hostnet" in left.reason for left in seen.unknown)  # 8095


@pytest.mark.parametrize("path", sorted((CORPUS / "docker-inspect").rglob("*.json")), ids=lambda path: path.name)
def test_inspected_containers_of_others_are_read_or_refused(path):
    if path.name in {"docker-compose-version.json", "docker-context-podman.json"}:
        with pytest.raises(EvidenceError, match="not recognised"):
            open_evidence(str(path))
        return
    (seen,) = open_evidence(str(path))
    ports = [str(one.ports) for one in seen.openings]
    assert ports == (
        ["32770/tcp"] if path.name in {"docker-inspect.json", "docker-inspect-bridge-network.json"} else []
    )
