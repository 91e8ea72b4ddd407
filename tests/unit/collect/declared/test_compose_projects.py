"""Several files that make one project: merged, extended, included; variables, profiles and networks of all of them."""

import os

import pytest

from auditor.collect.declared.compose.evidence import ComposeFile
from auditor.collect.registry import open_all
from auditor.errors import EvidenceError
from tests.unit.collect.declared.projects import doubts, observed, published, service, written

BASE = service('"8000:80"')["compose.yaml"]


def over(*ports, **others):
    return service(*ports, **others)["compose.yaml"]


def test_an_override_beside_the_file_is_taken_along_and_its_ports_are_added(tmp_path):
    files = {"compose.yaml": BASE, "compose.override.yaml": over('"8001:80"')}
    assert published(tmp_path, files) == ["8000/tcp", "8001/tcp"]
    (seen,) = observed(tmp_path, files)
    assert [(one.location.file, one.location.line) for one in seen.openings] == [
        ("compose.yaml", 5),
        ("compose.override.yaml", 5),
    ]
    assert seen.notes == ("also read: compose.override.yaml",)


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.yaml", "compose.yml"])
def test_any_name_that_compose_takes_by_itself_takes_its_override_along(tmp_path, name):
    files = {name: BASE, "docker-compose.override.yml": over('"8001:80"')}
    assert published(tmp_path, files) == ["8000/tcp", "8001/tcp"]


def test_a_file_of_another_name_comes_alone(tmp_path):
    files = {"compose.prod.yaml": BASE, "compose.override.yaml": over('"8001:80"')}
    assert published(tmp_path, files) == ["8000/tcp"]


def test_files_named_together_are_merged_in_order_and_take_nothing_along(tmp_path):
    files = {
        "compose.yaml": BASE,
        "compose.override.yaml": over('"8001:80"'),
        "prod.yaml": over('"8002:80"'),
    }
    assert published(tmp_path, files, "prod.yaml") == ["8000/tcp", "8002/tcp"]
    first, second = observed(tmp_path, files, "prod.yaml")
    assert [one.location.file for one in first.openings] == ["compose.yaml"]
    assert [one.location.file for one in second.openings] == ["prod.yaml"]


def test_files_of_other_folders_are_projects_of_their_own(tmp_path):
    written(tmp_path, {"a/compose.yaml": BASE, "b/compose.yaml": BASE})
    first, second = open_all([str(tmp_path / "a/compose.yaml"), str(tmp_path / "b/compose.yaml")])
    assert [len(seen.openings) for piece in (first, second) for seen in piece] == [1, 1]


def test_files_given_on_the_command_line_become_one_project(tmp_path):
    written(tmp_path, {"compose.yaml": BASE, "prod.yaml": "services: {web: {ports: !reset []}}\n"})
    pieces = open_all([str(tmp_path / "compose.yaml"), str(tmp_path / "prod.yaml")])
    assert [seen.openings for piece in pieces for seen in piece] == [(), ()]


def test_compose_file_names_the_files_that_belong_together(tmp_path):
    files = {"compose.yaml": BASE, "compose.override.yaml": over('"8001:80"'), "more.yaml": over('"8002:80"')}
    together = {"COMPOSE_FILE": os.pathsep.join(("compose.yaml", "more.yaml"))}
    assert published(tmp_path, files, environment=together) == ["8000/tcp", "8002/tcp"]
    assert published(tmp_path, files, environment={"COMPOSE_FILE": "compose.yaml"}) == ["8000/tcp"]


def test_a_port_that_is_there_twice_counts_once_and_where_it_stands_last(tmp_path):
    files = {"compose.yaml": BASE, "compose.override.yaml": over('"8000:80"')}
    (seen,) = observed(tmp_path, files)
    assert [one.location.file for one in seen.openings] == ["compose.override.yaml"]


@pytest.mark.parametrize(
    ("override", "ports"),
    [
        ("services: {web: {ports: !reset []}}\n", []),
        ("services: {web: {ports: !reset null}}\n", []),
        ('services:\n  web:\n    ports: !override\n      - "9000:80"\n', ["9000/tcp"]),
        ("services: {web: !reset null}\n", []),
        ('services: {web: !override {image: y, ports: ["9000:80"]}}\n', ["9000/tcp"]),
        ("services: !reset {}\n", []),
        ('services: {web: {ports: [!reset "8000:80", "9000:80"]}}\n', ["8000/tcp", "9000/tcp"]),
        ("x: &none\n  ports: !reset []\nservices:\n  web:\n    <<: *none\n", []),
        ("services: {web: {ports: null}}\n", ["8000/tcp"]),
        ("services: {web: {network_mode: none}}\n", []),
        ('---\nservices: {web: {ports: !reset []}}\n---\nservices: {web: {ports: ["9000:80"]}}\n', ["9000/tcp"]),
    ],
)
def test_an_override_takes_away_what_it_says(tmp_path, override, ports):
    files = {"compose.yaml": BASE + "  other: {image: x, network_mode: none}\n", "compose.override.yaml": override}
    assert published(tmp_path, files) == ports


def test_the_networks_mode_can_be_reset(tmp_path):
    files = {
        "compose.yaml": over('"8000:80"', network_mode="none"),
        "compose.override.yaml": "services: {web: {network_mode: !reset null}}\n",
    }
    assert published(tmp_path, files) == ["8000/tcp"]


def test_a_service_that_extends_another_has_its_ports_too(tmp_path):
    content = BASE + '  two:\n    extends: {service: web}\n    ports: ["8001:81"]\n  three: {extends: web}\n'
    assert published(tmp_path, {"compose.yaml": content}) == ["8000/tcp", "8000/tcp", "8000/tcp", "8001/tcp"]


def test_a_service_of_another_file_is_extended_and_its_port_points_there(tmp_path):
    files = {
        "compose.yaml": 'services:\n  web:\n    extends: {file: base/common.yaml, service: app}\n    ports: ["1:1"]\n',
        "base/common.yaml": 'services:\n  app:\n    extends: {file: deeper.yaml, service: root}\n    ports: ["2:2"]\n',
        "base/deeper.yaml": 'services:\n  root:\n    image: x\n    ports: ["3:3"]\n',
    }
    (seen,) = observed(tmp_path, files)
    assert [(str(one.ports), one.location.file) for one in seen.openings] == [
        ("3/tcp", "base/deeper.yaml"),
        ("2/tcp", "base/common.yaml"),
        ("1/tcp", "compose.yaml"),
    ]


def test_an_extending_service_can_reset_what_it_extends(tmp_path):
    content = BASE + '  two:\n    extends: web\n    ports: !override ["8001:81"]\n'
    assert published(tmp_path, {"compose.yaml": content}) == ["8000/tcp", "8001/tcp"]


@pytest.mark.parametrize(
    ("extends", "says"),
    [
        ("{service: missing}", "no service of that name"),
        ("{file: missing.yaml, service: web}", "cannot read missing.yaml: No such file or directory"),
        ("{file: ., service: web}", "not a file"),
        ('{file: "https://example.com/compose.yaml", service: web}', "nothing is fetched"),
        ('{file: "$WHERE/compose.yaml", service: web}', "depends on WHERE, which is not set"),
        ("{file: compose.yaml}", "no service is named"),
        ("{service: web}", "extend one another"),
        ("{file: broken.yaml, service: web}", "broken.yaml:2:"),
    ],
)
def test_what_cannot_be_extended_leaves_the_service_open(tmp_path, extends, says):
    content = f'services:\n  web:\n    image: x\n    extends: {extends}\n    ports: ["8000:80"]\n'
    files = {"compose.yaml": content, "broken.yaml": "services: {\n"}
    assert published(tmp_path, files) == ["8000/tcp"]
    ((ports, reason),) = doubts(tmp_path, files)
    assert ports == ""
    assert reason.startswith("compose.yaml:4: service web: not extended: ")
    assert says in reason


def test_included_files_are_projects_inside_the_project(tmp_path):
    files = {
        "compose.yaml": 'include:\n  - sub/compose.yaml\nservices:\n  web: {image: x, ports: ["1:1"]}\n',
        "sub/compose.yaml": 'services:\n  inner: {image: x, ports: ["${PORT:-2}:2", "${OTHER:-4}:4"]}\n',
        "sub/.env": "PORT=3\nOTHER=5\n",
        ".env": "OTHER=6\n",
    }
    assert published(tmp_path, files) == ["1/tcp", "3/tcp", "6/tcp"]


def test_an_include_in_long_form_has_files_a_folder_and_variables_of_its_own(tmp_path):
    files = {
        "compose.yaml": "include:\n  - path: [sub/a.yaml, sub/b.yaml]\n    project_directory: other\n"
        "    env_file: [sub/my.env, /dev/null]\nservices: {}\n",
        "sub/a.yaml": 'services:\n  inner: {image: x, ports: ["${PORT}:2"]}\n',
        "sub/b.yaml": "services:\n  inner: {extends: {file: c.yaml, service: base}}\n",
        "other/c.yaml": 'services:\n  base: {image: x, ports: ["7:7"]}\n',
        "sub/my.env": "PORT=3\n",
    }
    assert published(tmp_path, files) == ["3/tcp", "7/tcp"]


def test_a_file_adds_to_the_services_that_it_includes(tmp_path):
    files = {
        "compose.yaml": 'include: [sub.yaml]\nservices:\n  web: {ports: ["1:1"]}\n',
        "sub.yaml": 'services:\n  web: {image: x, ports: ["2:2"]}\n',
    }
    assert published(tmp_path, files) == ["1/tcp", "2/tcp"]


@pytest.mark.parametrize(
    ("include", "says"),
    [
        ("missing.yaml", "cannot read missing.yaml"),
        ("https://example.com/compose.yaml", "nothing is fetched"),
        ("oci://docker.io/x/y:latest", "nothing is fetched"),
        ("git@github.com:x/y.git", "nothing is fetched"),
        ("compose.yaml", "include one another"),
        ("sub/back.yaml", "include one another"),
        ("{path: []}", "no path"),
        ("{path: sub/fine.yaml, env_file: missing.env}", "missing.env"),
    ],
)
def test_what_cannot_be_included_leaves_the_project_open(tmp_path, include, says):
    files = {
        "compose.yaml": f'include:\n  - {include}\nservices:\n  web: {{image: x, ports: ["1:1"]}}\n',
        "sub/back.yaml": "include: [../compose.yaml]\nservices: {}\n",
        "sub/fine.yaml": "services: {a: {image: x}}\n",
    }
    assert published(tmp_path, files) == ["1/tcp"]
    ((ports, reason),) = doubts(tmp_path, files)
    assert (ports, says in reason) == ("", True), reason


def test_the_environment_wins_over_the_dotenv_file(tmp_path):
    files = service('"${PORT}:80"') | {".env": "PORT=8080\n"}
    assert published(tmp_path, files) == ["8080/tcp"]
    assert published(tmp_path, files, environment={"PORT": "9090"}) == ["9090/tcp"]
    assert published(tmp_path, files, environment={"COMPOSE_DISABLE_ENV_FILE": "1"}) == []


def test_a_broken_dotenv_file_leaves_the_project_open(tmp_path):
    ((ports, reason),) = doubts(tmp_path, service('"80:80"') | {".env": "A='open\n"})
    assert (ports, reason) == ("", ".env: compose refuses this file: line 1: a quote that is not closed")


def test_a_profile_that_nobody_speaks_of_leaves_its_ports_open(tmp_path):
    files = service('"8000:80"', profiles="[debug]")
    assert published(tmp_path, files) == []
    ((ports, reason),) = doubts(tmp_path, files)
    assert ports == "8000/tcp"
    assert "with the profile debug alone" in reason


@pytest.mark.parametrize(
    ("profiles", "ports"),
    [("debug", ["8000/tcp"]), ("a, debug", ["8000/tcp"]), ("*", ["8000/tcp"]), ("a", []), ("", [])],
)
def test_compose_profiles_says_which_profiles_are_used(tmp_path, profiles, ports):
    files = service('"8000:80"', profiles="[debug]")
    assert published(tmp_path, files, environment={"COMPOSE_PROFILES": profiles}) == ports
    assert doubts(tmp_path, files | {".env": f"COMPOSE_PROFILES={profiles}\n"}) == []


HOST = "uses the host's network"
MODE = "com.docker.network.bridge.gateway_mode_ipv"


@pytest.mark.parametrize(
    ("rest", "ports", "says"),
    [
        ("network_mode: host", [], HOST),
        ("networks: [outer]\nnetworks:\n  outer: {external: true, name: host}", [], HOST),
        ("network_mode: none", [], None),
        ("network_mode: bridge", ["8000/tcp"], None),
        ('network_mode: "service:other"', [], None),
        ('network_mode: "service:hostly"', [], HOST),
        ('network_mode: "service:missing"', [], "no such service"),
        ('network_mode: "container:abc"', [], "of which no file says anything"),
        ("network_mode: $MODE", [], "depends on MODE"),
        ("networks: [inner]\nnetworks:\n  inner: {internal: true}", [], None),
        ('networks: [inner]\nnetworks:\n  inner: {internal: "${I:-yes}"}', [], None),
        ("networks: [inner, outer]\nnetworks:\n  inner: {internal: true}\n  outer:", ["8000/tcp"], None),
        ("networks: {inner: {aliases: [a]}}\nnetworks:\n  inner: {internal: true}", [], None),
        ("image: y\nnetworks:\n  default: {internal: true}", [], None),
        ("networks: [lan]\nnetworks:\n  lan: {driver: macvlan}", [], "an address of its own"),
        ('network_mode: "ns:/proc/1/ns/net"', [], "a network namespace of which no file says anything"),
        (f"networks: [b]\nnetworks:\n  b: {{driver_opts: {{{MODE}4: nat-unprotected}}}}", ["8000/tcp"], "of its own"),
        (f"networks: [b]\nnetworks:\n  b: {{driver_opts: {{{MODE}4: routed}}}}", [], "an address of its own"),
        (f"networks: [b]\nnetworks:\n  b: {{driver_opts: {{{MODE}6: routed}}}}", ["8000/tcp"], "of its own"),
        (f"networks: [b]\nnetworks:\n  b: {{driver_opts: {{{MODE}4: nat}}}}", ["8000/tcp"], None),
        ("networks: [b]\nnetworks:\n  b: {driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}}",
         [], "an option of its network"),
    ],
)  # fmt: skip
def test_the_network_decides_what_becomes_of_a_port(tmp_path, rest, ports, says):
    inside, _, outside = rest.partition("\n")
    image = "" if inside.startswith("image") else "    image: x\n"
    content = (
        f'services:\n  web:\n{image}    {inside}\n    ports: ["8000:80"]\n'
        "  other: {image: x}\n  hostly: {image: x, network_mode: host, profiles: [never]}\n" + outside + "\n"
    )
    environment = {"COMPOSE_PROFILES": ""}
    assert published(tmp_path, {"compose.yaml": content}, environment=environment) == ports
    left = doubts(tmp_path, {"compose.yaml": content}, environment=environment)
    assert [says in reason for _, reason in left] == ([True] if says else [])


def test_a_service_in_the_hosts_network_says_which_ports_the_file_mentions(tmp_path):
    files = service('"8000:80"', network_mode="host", expose="[6379]")
    ((ports, reason),) = doubts(tmp_path, files)
    assert ports == ""
    assert reason.startswith("compose.yaml:4: service web uses the host's network: whatever it listens on is open")
    assert reason.endswith(" (the file names 6379, 80)")


def test_a_project_can_be_told_from_others_by_its_name(tmp_path):
    files = {"compose.yaml": "name: Shop.prod\n" + BASE}
    (seen,) = observed(tmp_path, files)
    assert seen.names[0] == "compose:shopprod"
    (seen,) = observed(tmp_path, files, environment={"COMPOSE_PROJECT_NAME": "other"})
    assert seen.names[0] == "compose:other"


def test_a_named_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(EvidenceError, match=r"cannot read .*more\.yaml"):
        observed(tmp_path, service('"1:1"'), environment={"COMPOSE_FILE": "compose.yaml:more.yaml"})


def test_includes_are_bounded(tmp_path):
    files = {"compose.yaml": "include: [f0.yaml]\nservices: {web: {image: x}}\n"}
    files |= {f"f{n}.yaml": f"include: [f{n + 1}.yaml]\nservices: {{}}\n" for n in range(40)}
    assert any("deep" in reason for _, reason in doubts(tmp_path, files))


def test_many_ways_to_one_service_end_in_time(tmp_path):
    """Each file includes the next one many times."""
    files = {f"f{n}.yaml": "include: [" + f"f{n + 1}.yaml, " * 8 + "]\nservices: {}\n" for n in range(12)}
    files = {"compose.yaml": "include: [f0.yaml]\nservices: {web: {image: x}}\n"} | files
    assert doubts(tmp_path, files)


def test_a_file_from_a_pipe_stands_in_the_working_folder(tmp_path, monkeypatch):
    written(tmp_path, {"here/.env": "PORT=1\n", "spool/copy": over('"$PORT:80"'), "spool/.env": "PORT=2\n"})
    monkeypatch.chdir(tmp_path / "here")
    (seen,) = ComposeFile(str(tmp_path / "spool/copy"), "standard input", {})
    assert [str(one.ports) for one in seen.openings] == ["1/tcp"]


@pytest.mark.parametrize(
    "order", [("compose.override.yaml", "compose.yaml"), ("compose.yaml", "compose.override.yaml")]
)
def test_the_override_goes_over_its_file_in_whatever_order_both_are_named(tmp_path, order):
    files = {"compose.yaml": over('"127.0.0.1:9000:80"'), "compose.override.yaml": OVERRIDDEN}
    written(tmp_path, files)
    assert published(tmp_path, {name: files[name] for name in order}, order[1]) == ["9000/tcp"]


def test_other_files_keep_the_order_in_which_they_are_named(tmp_path):
    files = {
        "compose.override.yaml": OVERRIDDEN,
        "a.yaml": BASE,
        "docker-compose.yml": over('"127.0.0.1:9000:80"'),
        "z.yaml": OVERRIDDEN.replace("9000", "9001"),
    }
    assert published(tmp_path, files, *list(files)[1:]) == ["9001/tcp"]
    assert published(tmp_path, files, "a.yaml", "docker-compose.yml") == ["9000/tcp"]


OVERRIDDEN = "services: {web: {ports: !override ['9000:80']}}\n"
