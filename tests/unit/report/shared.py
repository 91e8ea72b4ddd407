"""Files that lie beside a checkout, shared between projects: official schemas among them."""

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[4] / "shared"


def shared(name):
    """The path of a shared file; where there is none the test is skipped, and fails in CI, which has it."""
    path = _SHARED / name
    if not path.exists():
        reason = f"{path} is not on this machine"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return str(path)
