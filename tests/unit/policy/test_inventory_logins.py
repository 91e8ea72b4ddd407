"""Logins over SSH for all hosts of an inventory."""

from __future__ import annotations

import pytest

from auditor.errors import PolicyError
from auditor.model.ssh import Login
from auditor.policy.load import load_policy

INVENTORY = "web-1 ansible_host=192.0.2.10\nweb-2 ansible_host=192.0.2.11\n"


def logins(folder, ssh, form="ansible", text=INVENTORY):
    (folder / "inventory").write_text(text, encoding="utf-8")
    path = folder / "exposure.yaml"
    path.write_text(
        f"version: 1\nhosts: {{from: {form}, file: inventory{ssh}}}\nrules: [{{hosts: '*', allow: [22]}}]\n",
        encoding="utf-8",
    )
    return [host.ssh for host in load_policy(path).hosts.values()]


def test_without_ssh_nobody_is_asked(tmp_path):
    assert logins(tmp_path, "") == logins(tmp_path, ", ssh: false") == [None, None]


def test_every_host_is_asked_at_its_own_address(tmp_path):
    assert logins(tmp_path, ", ssh: true") == [Login(host="192.0.2.10"), Login(host="192.0.2.11")]
    assert logins(tmp_path, ", ssh: {user: audit, port: 2222, sudo: true}") == [
        Login(host=address, user="audit", port=2222, sudo=True) for address in ("192.0.2.10", "192.0.2.11")
    ]


def test_networks_are_not_asked(tmp_path):
    text = "dmz,192.0.2.64/26\nweb,192.0.2.10\n"
    assert logins(tmp_path, ", ssh: true", "list", text) == [None, Login(host="192.0.2.10")]


@pytest.mark.parametrize(
    "ssh", ["audit@web-1", "{host: web-1}", "{user: -oProxyCommand=x}", "{port: 0}", "[1]", "{x: 1}"]
)
def test_what_is_no_login_for_all_is_one_problem_with_its_place(tmp_path, ssh):
    with pytest.raises(PolicyError) as caught:
        logins(tmp_path, f", ssh: {ssh}")
    (problem,) = caught.value.problems
    assert "exposure.yaml:2:" in str(problem)
