"""The recipes for other systems: their own shell steps, run as each system runs them, against the real program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from defusedxml import ElementTree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
GITLAB = yaml.safe_load((ROOT / "templates/gitlab.yml").read_text(encoding="utf-8"))
AZURE = yaml.safe_load((ROOT / "templates/azure-pipelines.yml").read_text(encoding="utf-8"))
JENKINS = (ROOT / "templates/Jenkinsfile").read_text(encoding="utf-8")
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NOW = "2026-11-20T09:00:00Z"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the real program under its name, at a fixed time: the examples' evidence is of the past."""
    folder = tmp_path / "bin"
    folder.mkdir()
    real = Path(sys.executable).with_name("auditor")
    (folder / "auditor").write_text(
        "#!/bin/sh\ncommand=$1\nshift\n"
        f'[ "$command" != check ] || set -- --now {NOW} "$@"\nexec {real} "$command" "$@"\n'
    )
    (folder / "auditor").chmod(0o755)
    return folder


@pytest.fixture
def run(program: Path, tmp_path: Path):
    def go(shell: list[str], script: str, case: str, **variables: str) -> tuple[Path, int, str]:
        folder = tmp_path / case
        if not folder.exists():
            shutil.copytree(ROOT / "examples" / case, folder)
            (folder / ".git").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AUDITOR_")}
        environment = {**kept, **variables, "PATH": f"{program}:{os.environ['PATH']}"}
        done = subprocess.run(
            [*shell, script], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return folder, done.returncode, done.stdout + done.stderr

    return go


REPORTS = {
    *(
        "exposure.json",
        "exposure.sarif",
        "exposure-junit.xml",
        "gl-code-quality-report.json",
        "junit.xml",
        "summary.md",
    ),
}
CASES = [
    ("web-shop", {"EXPOSURE_EVIDENCE": "scan.jsonl", "AUDITOR_FROM": ""}, 1),
    ("nmap", {"EXPOSURE_EVIDENCE": "\nscan.xml\n", "AUDITOR_FROM": "office"}, 1),
    ("unverified", {"EXPOSURE_EVIDENCE": "interrupted.jsonl"}, 3),
    ("web-shop", {"EXPOSURE_EVIDENCE": "$(touch made)"}, 4),
]
"""An example, the variables of the pipeline, and the exit code."""


def script_of_gitlab() -> str:
    return "\n".join(GITLAB["exposure"]["script"])


def script_of_jenkins() -> str:
    (script,) = re.findall(r"returnStatus: true, script: '''(.*?)'''", JENKINS, re.DOTALL)
    return script


def script_of_azure() -> str:
    (script,) = [step["bash"] for step in AZURE["steps"] if step.get("displayName") == "Check"]
    return script


SYSTEMS = {
    "gitlab": (["sh", "-e", "-c"], script_of_gitlab(), "exposure-junit.xml"),
    "jenkins": (["sh", "-xe", "-c"], script_of_jenkins(), "exposure-junit.xml"),
    "azure": (["bash", "--noprofile", "--norc", "-c"], script_of_azure(), "staging/exposure/junit.xml"),
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("case", "variables", "expected"), CASES)
def test_each_recipe_ends_as_the_audit_does_and_writes_its_reports(run, system, case, variables, expected) -> None:
    shell, script, junit = SYSTEMS[system]
    folder, code, said = run(shell, script, case, **variables, BUILD_ARTIFACTSTAGINGDIRECTORY="staging")
    assert code == expected, said
    assert not (folder / "made").exists(), "a variable is data"
    if code in {0, 1, 3}:
        assert ElementTree.parse(folder / junit).getroot().findall(".//testcase")
        audit = json.loads((folder / junit).with_name("exposure.json").read_text())
        assert audit["exit_code"] == code
        assert json.loads((folder / junit).with_name("exposure.sarif").read_text())["runs"]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("policy", ["exposure.yaml", "missing.yaml"])
def test_reports_that_an_earlier_run_has_left_are_not_shown_as_this_ones(run, system, policy) -> None:
    shell, script, junit = SYSTEMS[system]
    staging = {"BUILD_ARTIFACTSTAGINGDIRECTORY": "staging"}
    folder, first, _ = run(shell, script, "web-shop", EXPOSURE_EVIDENCE="scan.jsonl", **staging)
    place = (folder / junit).parent
    written = [path for path in place.iterdir() if path.name in REPORTS]
    assert first == 1
    assert len(written) >= 3
    _, code, said = run(shell, script, "web-shop", EXPOSURE_EVIDENCE="nowhere", AUDITOR_POLICY=policy, **staging)
    assert code in {2, 4}, said
    assert [path.name for path in written if path.exists()] == []
    assert "uploadsummary" not in said


def test_gitlab_gets_a_code_quality_report_and_every_artifact_that_it_names(run) -> None:
    shell, script, _ = SYSTEMS["gitlab"]
    folder, _, _ = run(shell, script, "web-shop", EXPOSURE_EVIDENCE="scan.jsonl")
    artifacts = GITLAB["exposure"]["artifacts"]
    for name in [*artifacts["paths"], *artifacts["reports"].values()]:
        assert (folder / name).stat().st_size, name
    assert json.loads((folder / artifacts["reports"]["codequality"]).read_text())[0]["check_name"]


def test_gitlab_allows_what_is_not_verified_where_the_variable_says_so(run) -> None:
    shell, script, _ = SYSTEMS["gitlab"]
    evidence = {"EXPOSURE_EVIDENCE": "interrupted.jsonl"}
    allowed = run(shell, script, "unverified", **evidence, EXPOSURE_ALLOW_UNVERIFIED="true")[1]
    assert [allowed] == GITLAB["exposure"]["allow_failure"]["exit_codes"]
    violations = {"EXPOSURE_EVIDENCE": "scan.jsonl", "EXPOSURE_ALLOW_UNVERIFIED": "true"}
    assert run(shell, script, "web-shop", **violations)[1] == 1


def test_azure_succeeds_with_issues_where_the_variable_says_so(run) -> None:
    shell, script, _ = SYSTEMS["azure"]
    variables = {"EXPOSURE_EVIDENCE": "interrupted.jsonl", "BUILD_ARTIFACTSTAGINGDIRECTORY": "staging"}
    _, code, said = run(shell, script, "unverified", **variables, EXPOSURE_ALLOW_UNVERIFIED="true")
    assert code == 0
    assert "##vso[task.complete result=SucceededWithIssues;]" in said
    assert "##vso[task.uploadsummary]staging/exposure/summary.md" in said


def steps_of_installation() -> Iterator[tuple[str, list[str], str]]:
    yield "gitlab", ["sh", "-e", "-c"], "\n".join(GITLAB["exposure"]["before_script"])
    yield "azure", ["bash", "-c"], AZURE["steps"][0]["bash"]
    yield "jenkins", ["sh", "-xe", "-c"], re.findall(r"sh '''(.*?)'''", JENKINS, re.DOTALL)[0]


@pytest.mark.parametrize(("system", "shell", "script"), list(steps_of_installation()))
def test_without_a_source_to_install_from_nothing_is_guessed(run, system, shell, script) -> None:
    assert system
    folder, code, said = run(shell, script, "web-shop", EXPOSURE_PACKAGE="", AGENT_TEMPDIRECTORY="agent")
    assert code
    assert "say what pip installs the auditor from" in said
    assert not (folder / ".exposure").exists()


@pytest.mark.parametrize(
    ("hook", "case", "arguments", "files", "expected"),
    [
        ("exposure-policy", "web-shop", None, ["exposure.yaml"], 0),
        ("exposure-policy", "network", None, ["exposure.yaml", "organisation.yaml"], 2),
        ("exposure-declared", "compose-open", ["exposure.yaml", "--host", "shop-1"], ["compose.yaml"], 1),
        ("exposure-declared", "compose-loopback", ["exposure.yaml", "--host", "shop-1"], ["compose.yaml"], 0),
        ("exposure-declared", "kubernetes-nodeport", None, ["nodeport.yaml"], 1),
        ("exposure-declared", "kubernetes-nodeport", None, ["clusterip.yaml"], 0),
        ("exposure-declared", "kubernetes-nodeport", None, ["exposure.yaml"], 0),
        ("exposure-declared", "kubernetes-nodeport", None, ["exposure.yaml", "nodeport.yaml"], 1),
    ],
)
def test_a_hook_judges_the_files_that_are_committed(run, hook, case, arguments, files, expected) -> None:
    command = [HOOKS[hook]["entry"], *(HOOKS[hook].get("args", []) if arguments is None else arguments), *files]
    _, code, said = run(["sh", "-c"], " ".join(command), case)
    assert code == expected, said


@pytest.mark.parametrize(
    ("hook", "taken", "left"),
    [
        ("exposure-policy", ["exposure.yaml", "ops/exposure.yml"], ["my-exposure.yaml", "exposure.yaml.orig"]),
        (
            "exposure-declared",
            ["compose.yaml", "shop/docker-compose.prod.yml", "k8s/shop/service.yaml", "deploy/a.yml"],
            ["decompose.yaml", "src/service.yaml"],
        ),
    ],
)
def test_a_hook_takes_the_files_that_are_its_business(hook: str, taken: list[str], left: list[str]) -> None:
    assert [path for path in [*taken, *left] if re.search(HOOKS[hook]["files"], path)] == taken


def test_the_image_is_built_of_files_that_exist_and_are_sent() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)]
    sources = {source for words in copied for source in words}
    assert sources == sent
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_does_not_run_as_root() -> None:
    final = DOCKERFILE.split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\d+):(\d+)$", final, re.MULTILINE)
    assert "0" not in user


def test_the_image_keeps_everything_that_the_program_needs() -> None:
    (words,) = re.findall(r"pip uninstall --quiet --yes (.*?) *\\$", DOCKERFILE, re.MULTILINE)
    dropped = {name.lower() for name in words.split()}
    assert "hatchling" in dropped
    assert dropped & closure() == set()


def closure() -> set[str]:
    """The program's dependencies, and theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    left, seen = [re.split(r"[><=\[ ]", entry)[0] for entry in project["project"]["dependencies"]], set()
    while left:
        name = left.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        wanted = [entry for entry in metadata.requires(name) or () if ";" not in entry]
        left += [re.split(r"[><=!~\[ (]", entry)[0] for entry in wanted]
    return seen


def shell_steps() -> Iterator[tuple[str, str, str]]:
    """Every script of the recipes, with its place and the shell that it is written for."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    for system, shell, script in steps_of_installation():
        yield f"{system}-install", shell[0], script
    for system, (shell, script, _) in SYSTEMS.items():
        yield system, shell[0], script
    for step in action["runs"]["steps"]:
        if "run" in step:
            yield f"action-{step['name']}", "bash", step["run"]


@pytest.mark.parametrize(("place", "shell", "script"), list(shell_steps()))
def test_shellcheck_has_nothing_to_say_of_a_step(place: str, shell: str, script: str) -> None:
    if not shutil.which("shellcheck"):
        if os.environ.get("CI") == "true":
            pytest.fail("shellcheck is not installed")
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        ["shellcheck", f"--shell={shell}", "-"], input=script, capture_output=True, text=True, check=False
    )
    assert done.stdout == "", place
