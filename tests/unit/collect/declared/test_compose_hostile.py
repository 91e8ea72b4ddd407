"""Whatever stands in the files of a project: openings that are sound and have a place, or one clean error."""

import json
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.collect.declared.compose.beginning import looks_like
from auditor.errors import EvidenceError
from tests.unit.collect.declared.projects import observed, written

PORTS = [
    "80", "8000:80", "127.0.0.1:8000:80", "[::1]:8000-8003:80-83", "8000-8010:80", "53:53/udp", "80/sctp", "0:80",
    "${PORT}:80", "${PORT:-8000}:80", "${PORT:?no}:80", "$PORT", "::", "65535-1:80", "99999:80", "²:80", "9" * 5000,
    "127.0.0.1::80", "fe80::1%eth0:80:80", "22:22", "010:80", ":80", "1_0:80", "a:b:c:d",
]  # fmt: skip
WORDS = [
    *PORTS, "web", "db", "host", "none", "bridge", "service:db", "service:web", "container:x", "other.yaml", ".", "..",
    "compose.yaml", "missing.yaml", "no such/file", "default", "tcp", "udp", "ingress", "x", "", "true", "\u0000",
    "/dev/null",
]  # fmt: skip
KEYS = re.findall(
    r"\S+",
    """
    services web db ports expose network_mode networks extends file service include path env_file project_directory
    profiles deploy replicas scale mode target published host_ip protocol app_protocol name driver external image build
    default links depends_on x-a <<
    """,
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-1, 70000) | st.sampled_from(WORDS) | st.text(max_size=5) | st.floats()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
PORT_ITEMS = (
    st.sampled_from(PORTS)
    | st.integers(-1, 70000)
    | st.dictionaries(
        st.sampled_from(["target", "published", "host_ip", "protocol", "mode", "name"]), SCALARS, max_size=4
    )
)
SERVICES = st.fixed_dictionaries(
    {},
    optional={
        "image": SCALARS,
        "ports": st.lists(PORT_ITEMS, max_size=3) | VALUES,
        "network_mode": st.sampled_from(WORDS) | VALUES,
        "networks": VALUES,
        "extends": st.fixed_dictionaries({"service": st.sampled_from(["web", "db"])}, optional={"file": SCALARS})
        | VALUES,
        "profiles": VALUES,
        "deploy": st.fixed_dictionaries({}, optional={"replicas": SCALARS, "mode": SCALARS}) | VALUES,
        "scale": SCALARS,
        "expose": VALUES,
    },
)
PROJECTS = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["web", "db", "x"]), SERVICES | VALUES, max_size=3) | VALUES},
    optional={"include": VALUES, "networks": VALUES, "name": SCALARS, "x-a": VALUES, "version": SCALARS},
)
LINES = st.text(alphabet="AB=:'\"\\$ \n#{}", max_size=20)
FUZZED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("project")


def sound(folder, files):
    """Read the project; what comes out must be sound, the same the second time, and what is refused, in one line."""
    written(folder, files)
    try:
        seen = observed(folder, files)
        assert observed(folder, files) == seen
    except EvidenceError as error:
        message = str(error)
        assert "\n" not in message
        assert 0 < len(message) < 1000
        return None
    for one in (opening for each in seen for opening in each.openings):
        assert one.location.file in files
        assert one.location.line <= files[one.location.file].count("\n") + 1
    assert all(unknown.reason and "\n" not in unknown.reason for each in seen for unknown in each.unknown)
    return seen


@FUZZED
@given(main=PROJECTS, other=PROJECTS, variables=LINES)
def test_any_project_is_read_or_refused_in_one_line(folder, main, other, variables):
    sound(folder, {"compose.yaml": json.dumps(main), "other.yaml": json.dumps(other), ".env": f"PORT=1\n{variables}"})


@FUZZED
@given(main=PROJECTS)
def test_a_project_means_the_same_in_blocks_as_in_brackets(folder, main):
    def meaning(text):
        seen = sound(folder, {"compose.yaml": text, "other.yaml": "services: {}", ".env": "PORT=1\n"})
        return seen and sorted((str(one.ports), str(one.bind)) for each in seen for one in each.openings)

    as_blocks = yaml.safe_dump(main, default_flow_style=False, default_style='"')
    assert meaning(as_blocks) == meaning(yaml.safe_dump(main, default_flow_style=True, default_style='"'))


PIECES = [
    "services:\n", "  web:\n", "    ports:\n", "      - ", "'8000:80'\n", "8000:80\n", "{target: 80}\n",
    "include:\n", "  - other.yaml\n",
    "    extends: db\n", "&a ", "*a\n", "<<: *a\n", "!reset ", "!override ", "!tag ", "|\n", '"', "'", "{", "}", "[",
    "]", "# x\n",
    "\t", "\r\n", "? ", ": ", "---\n", "...\n", "%YAML 1.1\n", "\ufeff", "\x85", "$", "${", "${A:-", "null\n",
]  # fmt: skip


@FUZZED
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_read_or_refused_in_one_line(folder, text):
    looks_like(text, "compose.yaml")
    sound(folder, {"compose.yaml": text.encode(errors="replace").decode(), ".env": ""})


def test_the_project_that_is_varied_is_right_to_begin_with(folder):
    main = {"services": {"web": {"ports": ["${PORT:-8000}:80"], "extends": {"service": "db", "file": "other.yaml"}}}}
    other = {"services": {"db": {"ports": ["127.0.0.1:53:53/udp"]}}}
    files = {"compose.yaml": json.dumps(main), "other.yaml": json.dumps(other), ".env": "PORT=1\n"}
    (seen,) = sound(folder, files)
    assert sorted(str(one.ports) for one in seen.openings) == ["1/tcp", "53/udp"]
