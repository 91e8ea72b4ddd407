"""Containers get their names from monitors and from what engines keep on the disk; without either, the id stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.containers import Containers, option, watched
from auditor.model.evidence import Container

ID = "0123456789abcdef" * 4
OTHER = ID[::-1]


@pytest.fixture
def machine(tmp_path):
    """A made-up machine: its processes and its files."""

    class Machine:
        proc, root = tmp_path / "proc", tmp_path / "root"

        def process(self, pid: int, parent: int, name: str, *arguments: str) -> None:
            folder = self.proc / str(pid)
            folder.mkdir(parents=True)
            (folder / "stat").write_text(f"{pid} ({name}) S {parent} 0 0\n")
            (folder / "cmdline").write_text("".join(f"{each}\0" for each in (name, *arguments)))

        def file(self, path: str, content: object) -> None:
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content if isinstance(content, str) else json.dumps(content))

        def named(self, known: Container | None = None, parent: int = 0) -> Container | None:
            return Containers(str(self.proc), str(self.root)).named(known, parent)

    return Machine()


def known(engine: str) -> Container:
    return Container(engine=engine, id=ID)


def test_docker_keeps_the_name_beside_the_container(machine):
    machine.file(f"var/lib/docker/containers/{ID}/config.v2.json", {"Name": "/web"})
    assert machine.named(known("docker")) == Container(engine="docker", id=ID, name="web")


@pytest.mark.parametrize("given", [["--data-root", "{}"], ["--data-root={}"], ["-g", "{}"]])
def test_docker_is_looked_for_where_its_daemon_was_told_to_keep_things(machine, given):
    machine.file(f"elsewhere/containers/{ID}/config.v2.json", {"Name": "/web"})
    machine.process(7, 1, "dockerd", *(each.format(machine.root / "elsewhere") for each in given))
    assert machine.named(known("docker")).name == "web"


def test_docker_is_looked_for_where_its_settings_say(machine):
    machine.file(f"elsewhere/containers/{ID}/config.v2.json", {"Name": "/web"})
    machine.file("etc/docker/daemon.json", {"data-root": str(machine.root / "elsewhere")})
    assert machine.named(known("docker")).name == "web"


def test_podman_lists_what_is_in_its_storage(machine):
    path = "var/lib/containers/storage/overlay-containers/containers.json"
    machine.file(path, [{"id": OTHER, "names": ["not-this"]}, {"id": ID, "names": ["web"]}, 7])
    assert machine.named(known("podman")).name == "web"


def test_a_pod_is_named_with_its_namespace_and_container(machine):
    path = f"run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json"
    notes = {"sandbox-namespace": "shop", "sandbox-name": "web-0", "container-name": "nginx"}
    machine.file(path, {"annotations": {f"io.kubernetes.cri.{key}": value for key, value in notes.items()}})
    assert machine.named(known("kubernetes")).name == "shop/web-0/nginx"


def test_a_container_of_cri_o_is_named_by_its_annotations(machine):
    path = f"run/containers/storage/overlay-containers/{ID}/userdata/config.json"
    notes = {"pod.namespace": "shop", "pod.name": "web-0", "container.name": "nginx"}
    machine.file(path, {"annotations": {f"io.kubernetes.{key}": value for key, value in notes.items()}})
    assert machine.named(known("kubernetes")).name == "shop/web-0/nginx"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"Name": 7}', '{"Name": ""}', "\xff", "[" * 100_000])
def test_what_an_engine_keeps_may_be_anything(machine, content):
    machine.file(f"var/lib/docker/containers/{ID}/config.v2.json", content)
    assert machine.named(known("docker")) == known("docker")


def test_an_id_that_is_none_leads_to_no_file(machine):
    odd = Container(engine="docker", id="../../secret")
    assert machine.named(odd) == odd


def test_where_the_control_group_says_nothing_a_monitor_among_the_ancestors_does(machine):
    machine.process(20, 1, "conmon", "--api-version", "1", "-c", ID, "-u", ID, "-r", "/usr/bin/crun", "-n", "web")
    machine.process(21, 20, "sh")
    machine.process(22, 21, "worker) S 1 (")
    assert machine.named(None, 22) == Container(engine="podman", id=ID, name="web")


def test_a_shim_tells_engine_and_id(machine):
    machine.file(f"var/lib/docker/containers/{ID}/config.v2.json", {"Name": "/web"})
    machine.process(20, 1, "containerd-shim", "-namespace", "moby", "-id", ID, "-address", "/run/x.sock")
    assert machine.named(None, 20) == Container(engine="docker", id=ID, name="web")


def test_the_monitor_completes_what_the_control_group_says(machine):
    machine.process(20, 1, "conmon", "-c", ID, "-n", "web")
    assert machine.named(Container(engine="container", id=ID), 20) == Container(engine="podman", id=ID, name="web")
    assert machine.named(Container(engine="docker", id=OTHER), 20) == Container(engine="docker", id=OTHER)


def test_ancestors_that_go_round_in_a_circle_come_to_an_end(machine):
    machine.process(20, 21, "a")
    machine.process(21, 20, "b")
    assert machine.named(None, 20) is None


def test_an_ancestor_that_has_gone_ends_the_question(machine):
    machine.process(20, 19, "sh")
    assert machine.named(None, 20) is None


@pytest.mark.parametrize(
    ("given", "space", "engine"),
    [(["-id", ID], "moby", "docker"), (["-id", ID], "k8s.io", "kubernetes"), (["-id", ID], "default", "containerd")],
)
def test_the_namespace_of_containerd_tells_the_engine(given, space, engine):
    found = watched("containerd-shim", ["/usr/bin/containerd-shim-runc-v2", "-namespace", space, *given])
    assert found == Container(engine=engine, id=ID)


def test_a_monitor_that_does_not_say_whose_it_is_says_nothing():
    assert watched("conmon", ["conmon", "--version"]) is None
    assert watched("containerd-shim", ["containerd-shim-runc-v2", "-id"]) is None


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=5))
def test_no_command_line_raises(name, words):
    for program in ("conmon", "containerd-shim", name):
        watched(program, words)
    option(words, "-n", "--name")
