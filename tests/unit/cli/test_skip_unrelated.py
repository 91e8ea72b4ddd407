"""`check --skip-unrelated`: ordinary YAML does not block a commit, and nothing that may declare a port is spared."""

from __future__ import annotations

import pytest

from auditor.cli.app import run
from auditor.collect.unrelated import declares_nothing

POLICY = "version: 1\nhosts: {web-1: 192.0.2.10}\nrules: [{hosts: [web-1], allow: [443]}]\nservices: {shop: [443]}\n"
COMPOSE = "services: {web: {image: nginx, ports: ['6379:6379']}}\n"
UNRELATED = {
    "empty": "",
    "comments": "# nothing yet\n---\n# still nothing\n",
    "rulers": "#" * 5000 + "\nvalue: 1\n",
    "values": "replicaCount: 2\nservice: {type: NodePort, port: 80}\ncontroller: {kind: DaemonSet}\n",
    "policy": POLICY,
    "list": "- name: play\n  tasks: []\n",
    "text": "just words\n",
}
NEVER_SPARED = {
    "broken": "apiVersion: v1\nkind: Service\nspec: [\n",
    "broken values": "service: {port: 80\n",
    "slip": "apiVerion: v1\ntype: NodePort\n",
    "no version": "kind: Service\nspec: {type: NodePort}\n",
    "capital": "Kind: Service\n",
    "second document": "replicas: 1\n---\nkind: Service\n",
    "list": "- kind: Service\n",
    "template": "{{- if .Values.open }}\nports: []\n{{- end }}\n",
    "empty services": "services:\n",
    "policy with a kind": "version: 1\nhosts: {}\nkind: Service\n",
    "manifest": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: NodePort, ports: [{port: 80}]}\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("case", UNRELATED)
def test_yaml_that_declares_nothing_does_not_block(folder, capsys, case):
    (folder / "some.yaml").write_text(UNRELATED[case], encoding="utf-8")
    assert run(["check", "exposure.yaml", "some.yaml"]) == 4, "without the option every file must be evidence"
    capsys.readouterr()
    assert run(["check", "--skip-unrelated", "exposure.yaml", "some.yaml"]) == 0
    told = capsys.readouterr()
    assert "passed over, as it declares nothing: some.yaml" in told.err
    assert "nothing to judge" in told.err
    assert "conforms" not in told.out
    assert run(["check", "--skip-unrelated", "--host", "web-1", "exposure.yaml", "some.yaml", "compose.yaml"]) == 1


@pytest.mark.parametrize("case", NEVER_SPARED)
def test_what_may_declare_something_is_never_passed_over(folder, case):
    (folder / "some.yaml").write_text(NEVER_SPARED[case], encoding="utf-8")
    assert not declares_nothing("some.yaml")
    assert run(["check", "--skip-unrelated", "exposure.yaml", "some.yaml"]) != 0


@pytest.mark.parametrize(
    "name", ["compose.yaml", "docker-compose.prod.yml", "missing.yaml", "values.json", "notes.txt"]
)
def test_a_file_that_is_called_otherwise_or_is_not_there_is_an_error(folder, name):
    if name != "missing.yaml":
        (folder / name).write_text("", encoding="utf-8")
    assert run(["check", "--skip-unrelated", "exposure.yaml", name]) == 4


def test_a_broken_policy_is_an_error_where_nothing_is_left_to_judge(folder):
    (folder / "exposure.yaml").write_text("version: 1\n", encoding="utf-8")
    (folder / "some.yaml").write_text("", encoding="utf-8")
    assert run(["check", "--skip-unrelated", "exposure.yaml", "some.yaml"]) == 2


def test_without_files_nothing_is_scanned_in_their_place(capsys):
    assert run(["check", "--skip-unrelated", "exposure.yaml"]) == 2
    assert "--skip-unrelated goes with evidence files" in capsys.readouterr().err
