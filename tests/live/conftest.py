"""What live tests share: a laboratory of network namespaces, or the reason why there is none."""

from __future__ import annotations

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


def _lab_module():
    spec = spec_from_file_location("lab", Path(__file__).with_name("lab.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lab():
    """A fresh laboratory (see lab.py). Without the means it skips with the reason, or fails where CI is true."""
    module = _lab_module()
    if missing := module.Lab.needs():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no laboratory: {missing}")
    with module.Lab() as made:
        yield made


@pytest.fixture
def group():
    """Gives the living processes of a process group. The dead ones that nobody has waited for do not count."""

    def living(leader):
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[2]) == leader and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    return living


class Watcher:
    """An observer that remembers, and calls ``then`` at each progress."""

    def __init__(self, then=None):
        self.said = []
        self.told = []
        self._then = then

    def progress(self, done, total, opened):
        self.told.append((done, total, opened))
        if self._then is not None:
            self._then(done)

    def say(self, message):
        self.said.append(message)


@pytest.fixture
def look():
    """Scan these addresses to the end, all TCP ports unless told otherwise; the observation of each, by address."""
    from auditor.collect.probe import scan
    from auditor.model.ports import PortSet
    from auditor.model.target import NO_SURPRISES, Batch, Target

    def scanned(*addresses, ask="1-65535", first="", then=None, surprises=NO_SURPRISES, **of_batch):
        wanted = {"ask": PortSet.parse(ask), "first": PortSet.parse(first), "surprises": surprises}
        targets = [Target(host=f"host of {a}", address=a, **wanted) for a in addresses]
        evidence = scan(Batch(targets=targets, **of_batch), Watcher(then))
        found = {observation.address: observation for observation in evidence}
        assert evidence.completion.complete
        assert found.keys() == set(addresses)
        for one in found.values():
            parts = [one.open, one.closed, one.filtered, *(unknown.ports for unknown in one.unknown)]
            assert sum(map(len, parts)) == len(one.asked), "every port asked has exactly one outcome"
        return found

    return scanned
