"""Puts the validators from npm into .venv/validators: the versions, and by hash the files, of tools/validators/."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINNED = ROOT / "tools/validators"
FOLDER = ROOT / ".venv/validators"


def installed() -> Path:
    """Return the folder ``node_modules``, made anew if what is pinned has changed. No script of a package is run."""
    modules, wanted = FOLDER / "node_modules", (PINNED / "package-lock.json").read_bytes()
    done = FOLDER / "installed.json"
    if not done.exists() or done.read_bytes() != wanted:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PINNED / name, FOLDER / name)
        quietly = ["--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(["npm", "ci", *quietly, "--prefix", FOLDER], check=True, stdout=subprocess.DEVNULL)
        done.write_bytes(wanted)
    return modules
