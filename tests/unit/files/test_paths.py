"""Names of files as they are shown."""

from __future__ import annotations

import pytest

from auditor.files.paths import base_of, below
from auditor.model.location import STDIN


@pytest.mark.parametrize(("folder", "base"), [(".", ""), ("deploy/lab", "deploy/lab"), (".github", ".github")])
def test_the_base_is_the_working_folder_below_the_root(tmp_path, monkeypatch, folder, base):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / folder)
    assert base_of(tmp_path.resolve()) == base


def test_outside_the_root_there_is_no_base(tmp_path, monkeypatch):
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path)
    assert base_of((tmp_path / "root").resolve()) == ""


@pytest.mark.parametrize("name", ["", "-", "live", "pack:web-server", STDIN])
def test_what_is_no_file_keeps_its_name(tmp_path, monkeypatch, name):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert below(tmp_path.resolve(), name) == name
    assert below(tmp_path.resolve(), "a.yaml") == "sub/a.yaml"
