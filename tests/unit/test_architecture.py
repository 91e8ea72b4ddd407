"""The layers of the code hold, and every part of it is in one of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_imports_keep_the_contracts_of_the_layers() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_only_the_command_line_writes_to_the_terminal() -> None:
    loud = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "auditor").rglob("*.py"))
        if "cli" not in path.relative_to(ROOT).parts
        and re.search(r"\b(print\(|sys\.std(out|err)|typer\.)", path.read_text(encoding="utf-8"))
    ]
    assert loud == []
