"""A process's control group tells its systemd unit and its container, in both versions, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.sockets.control_groups import container_of, unit_of
from auditor.model.evidence import Container

ID = "0123456789abcdef" * 4
INNER = ID[::-1]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n", "postgresql@15-main.service"),
        ("12:cpu:/\n1:name=systemd:/system.slice/ssh.service/sub\n0::/\n", "ssh.service"),
        ("9:memory:/user.slice\n1:name=systemd:/system.slice/ssh.service\n", "ssh.service"),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", "session-2.scope"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/redis.service",
            "user@1000.service/redis.service",
        ),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service/init.scope"),
        ("0::/system.slice/dbus.socket", "dbus.socket"),
        ("0::/init.scope", "init.scope"),
        ("0::/system.slice/a\\x2db.service", "a\\x2db.service"),
        ("0::/system.slice/$(reboot).service\n", None),
        ("0::/system.slice/two\nlines.service\n", None),
        ("0::/machine.slice", None),
        ("0::/", None),
        ("", None),
    ],
)
def test_a_unit_is_known_by_the_control_group(text, unit):
    assert unit_of(text) == unit
    assert container_of(text) is None


@pytest.mark.parametrize(
    ("path", "engine", "identity", "name", "unit"),
    [
        (f"/system.slice/docker-{ID}.scope", "docker", ID, None, None),
        (f"/docker/{ID}", "docker", ID, None, None),
        (f"/docker/{INNER}/docker/{ID}", "docker", ID, None, None),
        (f"/docker/{ID}/system.slice/nginx.service", "docker", ID, None, "nginx.service"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman", ID, None, None),
        (
            f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope",
            "podman", ID, None, None,
        ),
        (
            f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice/cri-containerd-{ID}.scope",
            "kubernetes", ID, None, None,
        ),
        (f"/kubepods/besteffort/podx/{ID}", "kubernetes", ID, None, None),
        (f"/system.slice/kubelet/kubepods/podx/crio-{ID}", "kubernetes", ID, None, None),
        (f"/docker/{INNER}/kubelet/kubepods/podx/{ID}", "kubernetes", ID, None, None),
        (f"/somewhere/{ID}", "container", ID, None, None),
        ("/lxc.payload.web/system.slice/nginx.service", "lxc", None, "web", "nginx.service"),
        ("/lxc/web", "lxc", None, "web", None),
        ("/machine.slice/systemd-nspawn@we\\x2db.service/payload/system.slice/a.service", "systemd-nspawn", None,
         "we-b", "a.service"),
        ("/machine.slice/machine-web.scope/payload", "machine", None, "web", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "line", ["0::{}\n", "9:cpu,cpuacct:{}\n0::/\n", "1:name=systemd:{}\n0::/system.slice/d.service"]
)
def test_a_container_is_known_by_the_control_group(line, path, engine, identity, name, unit):
    text = line.format(path)
    assert container_of(text) == Container(engine=engine, id=identity, name=name)
    assert unit_of(text) == unit


@pytest.mark.parametrize(
    "path",
    [f"/machine.slice/libpod-conmon-{ID}.scope", "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", f"/{ID[:63]}g"],
)
def test_a_monitor_a_virtual_machine_and_odd_paths_are_no_containers(path):
    assert container_of(f"0::{path}") is None


@given(st.text())
def test_no_text_raises(text):
    unit_of(text)
    container_of(text)


def test_a_container_is_written_by_its_name_or_else_by_the_beginning_of_its_id():
    assert str(Container(engine="docker", id=ID, name="web")) == "docker web"
    assert str(Container(engine="docker", id=ID)) == "docker 0123456789ab"
