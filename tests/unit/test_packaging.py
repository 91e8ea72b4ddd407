"""The wheel holds all that the auditor needs at run time, and finds it when installed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import auditor

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED = sorted(
    path.relative_to(ROOT)
    for kind, pattern in (("policies", "*.yaml"), ("schemas", "*.json"), ("controls", "*.yaml"))
    for path in (ROOT / kind).glob(pattern)
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", folder, ROOT], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel where no checkout is near: pip does no more for a pure wheel."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, *arguments: str) -> str:
    """Run Python with the installed package in place of the checkout's."""
    program = [sys.executable, "-P", *arguments]
    environment = {"PYTHONPATH": str(installed), "PATH": ""}
    return subprocess.run(
        program, check=True, capture_output=True, text=True, cwd=installed, env=environment
    ).stdout.strip()


def test_the_wheel_holds_every_pack_schema_and_title_of_a_control(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert SHIPPED, "packs and schemas must exist"
    assert {f"auditor/share/{path.as_posix()}" for path in SHIPPED} <= names


def test_the_wheel_holds_types_data_and_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "auditor/py.typed" in names
    data = [path.relative_to(ROOT).as_posix() for path in (ROOT / "auditor").rglob("*.tsv")]
    assert set(data) <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"auditor", f"exposure_auditor-{auditor.__version__}.dist-info"}


def test_an_installed_auditor_finds_what_ships_with_it(installed: Path) -> None:
    kinds = ("policies", "schemas", "controls")
    script = f"from auditor.files.resources import shipped; print(*map(shipped, {kinds}))"
    folders = [Path(text) for text in run_installed(installed, "-c", script).split()]
    assert folders == [installed / "auditor/share" / kind for kind in kinds]
    found = {f"{folder.name}/{path.name}" for folder in folders for path in folder.glob("*.*")}
    assert found == {path.as_posix() for path in SHIPPED}


def test_an_installed_auditor_knows_the_titles_of_controls(installed: Path) -> None:
    script = "from auditor.report.control_titles import shipped_titles; print(shipped_titles()['soc2'])"
    assert run_installed(installed, "-c", script) == "SOC 2"


def test_an_installed_auditor_runs(installed: Path) -> None:
    assert run_installed(installed, "-m", "auditor", "--version") == f"auditor {auditor.__version__}"


def test_the_command_line_is_the_declared_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "auditor = auditor.cli.app:main" in archive.read(name).decode()


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_requirement_is_pinned_with_its_hashes(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    requirements = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert requirements
    assert [line for line in requirements if not re.match(r"[a-z0-9._-]+==\S+.*--hash=sha256:[0-9a-f]{64}", line)] == []


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_declared_dependency_is_pinned(name: str) -> None:
    groups = PROJECT["dependency-groups"]
    wanted = [*PROJECT["project"]["dependencies"], *groups["build"]]
    if name == "dev.txt":
        wanted += [*groups["test"], *groups["lint"]]
    pinned = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE)
    )
    names = {re.split(r"[><=\[ ]", entry, maxsplit=1)[0].lower().replace("_", "-") for entry in wanted}
    assert names <= pinned
