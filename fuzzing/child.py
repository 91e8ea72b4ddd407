"""The process that is fuzzed: ``python -m fuzzing.child TARGET FOLDER [options of libFuzzer]``.

It goes on after a crash: each that is new leaves its input and its traceback in ``FOLDER/crashes``. What libFuzzer ends
the process for (one input that takes too long, or too much memory) leaves its input there too.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import atheris

SLOW = 5.0
"""Seconds of processor time that no input of the sizes tried here may take, though each line of code is counted."""

YAML = ("compose", "kubernetes", "cloudformation", "policy", "inventory-yaml")


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    target, folder, *options = sys.argv[1:]
    import auditor

    with atheris.instrument_imports(include=["auditor"]):
        for module in pkgutil.walk_packages(auditor.__path__, "auditor."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        from fuzzing.mutations import Mutator
        from fuzzing.targets import TARGETS
    one = TARGETS[target]
    corpus = [path.read_bytes() for path in sorted((Path(folder) / "corpus").iterdir())][:2000]
    # Atheris puts the real function into its place when it begins.
    mutator = Mutator(corpus, lambda data, size: atheris.Mutate(data, size), as_yaml=target in YAML)  # noqa: PLW0108
    place = Path(tempfile.mkdtemp(prefix="fuzzed-", dir="/run"))
    crashes = Path(folder) / "crashes"

    def attempt(data: bytes) -> None:
        began = time.process_time()
        try:
            one.door(data, place)
        except Exception as error:  # noqa: BLE001 - whatever comes here is a crash
            _keep(crashes, data, "".join(traceback.format_exception(error)), _signature(error))
        if (taken := time.process_time() - began) > SLOW:
            _keep(crashes, data, f"took {taken:.1f} s of processor time\n", "slow")

    atheris.Setup([sys.argv[0], *options], attempt, custom_mutator=mutator)
    atheris.Fuzz()


def _signature(error: BaseException) -> str:
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    own = [frame for frame in frames if "/auditor/" in frame]
    return f"{type(error).__name__} {own[-1:]} {frames[-1:]}"


def _keep(crashes: Path, data: bytes, story: str, signature: str) -> None:
    name = hashlib.sha256(signature.encode()).hexdigest()[:12]
    path = crashes / f"{name}.txt"
    if not path.exists():
        (crashes / name).write_bytes(data)
        path.write_text(story, encoding="utf-8", errors="backslashreplace")


if __name__ == "__main__":
    main()
