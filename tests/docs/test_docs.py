"""The pages hold what they promise: links lead somewhere, policies load, and each command prints what is shown.

A fenced block ``console`` follows a comment that says where and how it runs::

    <!-- console: in examples/web-shop; exit 1; now 2026-11-20T09:00:00Z -->

The tutorial has steps as well: ``file``, ``append`` and ``insert`` write to a file, ``start`` starts a server.
``AUDITOR_WRITE_EXPECTED=1`` (``make examples``) writes the outputs anew instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from auditor.policy.load import load_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")])
TUTORIAL = ROOT / "docs/tutorial.md"
WRITING = os.environ.get("AUDITOR_WRITE_EXPECTED") == "1"
KEPT = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")}
"""What the command gets of the environment: no terminal's width, no colours, no language."""

STEP = re.compile(
    r"<!-- (?P<verb>\w+)(?:: ?(?P<how>[^\n]*?))? -->\n```(?P<language>\w+)\n(?P<text>.*?)```\n", re.DOTALL
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Step:
    """One marked block of a page."""

    verb: str
    how: dict[str, str]
    text: str
    span: tuple[int, int]
    """Where ``text`` stands in the page."""


def steps_of(page: Path) -> Iterator[Step]:
    for found in STEP.finditer(page.read_text(encoding="utf-8")):
        yield Step(found["verb"], settings_of(found["verb"], found["how"] or ""), found["text"], found.span("text"))


def settings_of(verb: str, how: str) -> dict[str, str]:
    if verb == "console":
        return dict(part.strip().split(" ", 1) for part in how.split(";"))
    file, _, after = how.partition("; after: ")
    return {"file": file, "after": after}


def console(step: Step, folder: Path) -> str:
    """Run the one command of a block; what the block should say."""
    command = step.text.splitlines()[0].removeprefix("$ ")
    program, *arguments = shlex.split(command)
    assert program == "auditor"
    if "now" in step.how:
        arguments += ["--now", step.how["now"]]
    environment = KEPT | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [Path(sys.executable).with_name("auditor"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == int(step.how["exit"]), done.stdout + done.stderr
    return f"$ {command}\n{done.stdout}"


def settle(page: Path, shown: list[tuple[Step, str]]) -> None:
    """Compare what the page shows with what was printed, or write it."""
    if WRITING:
        text = page.read_text(encoding="utf-8")
        for step, printed in reversed(shown):
            text = text[: step.span[0]] + printed + text[step.span[1] :]
        page.write_text(text, encoding="utf-8")
        return
    for step, printed in shown:
        assert printed == step.text, "the page shows something else: see 'make examples'"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "<!-- console: in " in page.read_text("utf-8")], ids=name_of
)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    shown = []
    for number, step in enumerate(step for step in steps_of(page) if step.verb == "console"):
        folder = tmp_path / str(number) / Path(step.how["in"]).name
        shutil.copytree(ROOT / step.how["in"], folder)
        (folder / ".git").mkdir()  # locations in reports are relative to the repository
        shown.append((step, console(step, folder)))
    settle(page, shown)


def test_the_tutorial_goes_as_it_says(tmp_path: Path) -> None:
    if not os.environ.get("AUDITOR_ISOLATED"):
        if os.environ.get("CI") == "true":
            pytest.fail("the tutorial must run in a network namespace: see tests/run")
        pytest.skip("scans loopback, and needs a network namespace for itself: see tests/run")
    shown = []
    with contextlib.ExitStack() as servers:
        for step in steps_of(TUTORIAL):
            file = tmp_path / step.how.get("file", "")
            text = today_in(step.text)
            match step.verb:
                case "file":
                    file.write_text(text, encoding="utf-8")
                case "append":
                    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
                case "insert":
                    before, line, after = file.read_text(encoding="utf-8").partition(step.how["after"] + "\n")
                    assert line
                    file.write_text(before + line + text + after, encoding="utf-8")
                case "start":
                    servers.enter_context(server(text, tmp_path))
                case "console":
                    shown.append((step, steady(console(step, tmp_path))))
    settle(TUTORIAL, shown)


SHIFTED = {
    f"2026-{month_day}": (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    for month_day, days in (("11-20", 0), ("12-31", 41))
}
"""The dates of the page, and what they are today: an exception of the past would be over."""


def today_in(text: str) -> str:
    for written, today in SHIFTED.items():
        text = text.replace(written, today)
    return text


def steady(text: str) -> str:
    """Undo :func:`today_in`, and put fixed times in place of those that every run differs in."""
    for written, today in SHIFTED.items():
        text = text.replace(today, written)
    text = re.sub(r"\b\d\d:\d\d:\d\d UTC", "08:00:00 UTC", text)
    return re.sub(r"\b\d+\.\d+ s\b", "0.30 s", text)


@contextlib.contextmanager
def server(command: str, folder: Path) -> Iterator[None]:
    """Start `python3 -m http.server PORT …` and wait until it listens."""
    words = shlex.split(command)[1:]
    with subprocess.Popen(
        [sys.executable, "-S", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as started:
        try:
            wait_for(int(words[2]))
            yield
        finally:
            started.terminate()


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in re.findall(r"(?<!!)\]\(([^)\s]+)\)", text):
        if link.startswith(("https:", "http:")):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = page if not name else (page.parent / name).resolve()
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


def anchors_of(page: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def whole_policies() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, (language, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8"))):
            if language == "yaml" and text.startswith("version: 1\n"):
                yield f"{page.name}-{number}", text


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in whole_policies()])
def test_whole_policies_on_the_pages_load(text: str, tmp_path: Path) -> None:
    policy = tmp_path / "exposure.yaml"
    policy.write_text(text, encoding="utf-8")
    assert load_policy(policy).hosts


def test_the_policy_page_lists_every_pack() -> None:
    page = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    packs = {path.stem for path in (ROOT / "policies").glob("*.yaml")}
    assert set(re.findall(r"^\| `pack:([a-z0-9-]+)` \|", page, re.MULTILINE)) == packs


def keys_of(schema: object) -> Iterator[str]:
    match schema:
        case {"properties": dict(properties)}:
            yield from properties
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from keys_of(part)


def test_the_policy_page_shows_every_key_of_the_schema() -> None:
    page = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    keys = set(keys_of(json.loads((ROOT / "schemas/policy.schema.json").read_text(encoding="utf-8"))))
    assert {"hosts", "allow", "expires", "udp_silence"} <= keys
    assert {key for key in keys if not re.search(rf"\b{key}\b(`|:|\.)", page)} == set()


def test_the_exit_codes_of_the_pages_are_those_of_the_program() -> None:
    from auditor.errors import ExitCode

    for page in (ROOT / "README.md", ROOT / "docs/exit-codes.md"):
        codes = re.findall(r"^\| (\d+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert [int(code) for code in codes] == list(ExitCode), page.name
