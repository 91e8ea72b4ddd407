"""What all tests share: how hypothesis looks for examples, the same surroundings, and how tests are dealt out."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pathlib import Path

# In a job of GitHub Actions the program writes annotations by itself; tests that want them say so.
os.environ.pop("GITHUB_ACTIONS", None)

# A slow machine is no failure. In CI the same examples come each time, so that a change fails for what it changed.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("project")


@cache
def _together(module: Path) -> bool:
    """Whether the tests of a module share a fixture, which is then made once: they go to one worker."""
    return re.search(r'scope="(module|class)"', module.read_text(encoding="utf-8")) is not None


@pytest.hookimpl
def pytest_xdist_make_scheduler(config, log):
    """Whoever is free gets the next test. Those that stay together come first, as they take the longest."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if _together(config.rootpath / module) else nodeid

    return Scheduling(config, log)
