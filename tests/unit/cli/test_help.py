"""The help teaches by example, and its examples are command lines that the program takes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from auditor.cli.app import app, run
from auditor.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Any = typer.main.get_command(app)


def commands(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None:
            yield f"{before}{name}"
        else:
            yield from commands(command, f"{before}{name} ")


def test_every_command_has_two_to_four_examples() -> None:
    assert set(EXAMPLES) == set(commands(ROOT))
    assert {name for name, examples in EXAMPLES.items() if not 2 <= len(examples) <= 4} == set()


@pytest.mark.parametrize("command", [command for examples in EXAMPLES.values() for _, command in examples])
def test_an_example_is_taken_as_it_stands(command: str) -> None:
    words = shlex.split(command.partition(" > ")[0].removeprefix("sudo "))
    assert words.pop(0) == "auditor"
    name, found = "auditor", ROOT
    while hasattr(found, "commands"):
        name = words.pop(0)
        found = found.commands[name]
    with found.make_context(name, words) as context:  # refuses what it does not know, and runs nothing
        assert context.params


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_help_ends_with_them_line_by_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run([*name.split(), "--help"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    shown = lines[lines.index("Examples:") + 1 :]
    assert shown == [line for purpose, command in EXAMPLES[name] for line in (f"# {purpose}", command)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_belongs_to_its_command_and_fits_on_the_screen(name: str) -> None:
    for purpose, command in EXAMPLES[name]:
        assert f"{command.removeprefix('sudo ')} ".startswith(f"auditor {name} ")
        assert max(len(purpose), len(command)) <= 96
        assert not purpose.endswith(".")


@pytest.mark.parametrize("columns", ["40", "80"])
@pytest.mark.parametrize("command", ["", "check", "port", "policy"])
def test_the_help_fits_the_terminal_and_breaks_off_no_sentence(columns: str, command: str) -> None:
    words = [sys.executable, "-m", "auditor", *command.split(), "--help"]
    done = subprocess.run(words, env=os.environ | {"COLUMNS": columns}, capture_output=True, text=True, check=True)
    text = done.stdout.partition("Examples:")[0]
    if command != "check" or columns != "40":  # the names of its options leave no room there
        assert max(map(len, text.splitlines())) <= int(columns)
    assert "..." not in text.partition("Commands:")[2]
