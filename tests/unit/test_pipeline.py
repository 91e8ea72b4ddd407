"""What the pipeline says, and when."""

from __future__ import annotations

import pytest

from auditor import pipeline
from auditor.collect import probe
from auditor.errors import CollectError


class Listener:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)

    def progress(self, done: int, total: int, opened: int) -> None:
        pass


class Hindered:
    @staticmethod
    def hindrance() -> str:
        return "too few descriptors"


def test_a_scan_that_this_machine_does_not_allow_is_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "method_named", lambda _name: Hindered)
    listener = Listener()
    limits = pipeline.ScanLimits(method="syn")
    with pytest.raises(CollectError, match="--method syn: too few descriptors"):
        pipeline.scan_targets(["127.0.0.1"], "80", vantage=None, limits=limits, observer=listener)
    assert listener.said == []
