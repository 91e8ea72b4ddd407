"""Many hosts at once, over a method that sends nothing: who is served when, and what is kept of those that are done."""

import gc
import weakref
from collections import Counter

import pytest

from auditor.collect.probe import campaign as campaigns
from auditor.collect.probe import live
from auditor.collect.probe.chunk import CLOSED, OPEN, SILENT
from auditor.model.ports import PortSet
from auditor.model.target import Batch, Target


class Fake:
    """Answers everything at the next step: hosts of ``dead`` networks with silence, others with a refusal."""

    most = 64
    a_descriptor_each = False
    dead = ()
    opened = 80

    def __init__(self, take, *, window):
        self.finished, self.samples, self.messages, self.others, self.late = [], [], [], [], []
        self._take, self._window = take, window
        self.sent = Counter()
        self.busy = False
        Fake.last = self

    def step(self, _wait):
        room = self._window
        while room > 0 and (chunk := self._take()) is not None:
            room -= len(chunk.ports)
            self.sent[chunk.host] += len(chunk.ports)
            silent = chunk.host.startswith(self.dead)
            for index, port in enumerate(chunk.ports):
                chunk.settle(index, SILENT if silent else OPEN if port == self.opened else CLOSED)
            if not silent:
                self.samples.append((chunk, 0.001))
            self.finished.append(chunk)

    def listen(self, descriptor):
        pass

    unlisten = listen

    def drain(self):
        pass

    close = drain


class Nobody:
    def progress(self, done, total, opened):
        pass

    def say(self, message):
        pytest.fail(message)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(campaigns, "method_named", {"fake": Fake}.__getitem__)
    monkeypatch.setattr(campaigns, "worth_help", lambda _: False)
    monkeypatch.setattr(live, "is_local", lambda *_: False)
    monkeypatch.setattr(live, "lets_out", lambda *_: True)
    monkeypatch.setattr(Fake, "dead", ())
    return Fake


def scanning(*addresses, ask="1-300", **of_batch):
    ports = PortSet.parse(ask)
    targets = [Target(host=address, address=address, ask=ports) for address in addresses]
    return live.scan(Batch(targets=targets, method="fake", **of_batch), Nobody())


MANY = tuple(f"198.51.100.{last}" for last in range(1, 251))
FEW = ("192.0.2.10", "192.0.2.11")


@pytest.mark.usefixtures("fake")
def test_the_order_of_beginning_is_fair_where_not_all_can_begin_at_once(monkeypatch):
    monkeypatch.setattr(campaigns, "_STATES", 20 * 34_000)
    seen = [one.address for one in scanning(*MANY, *FEW)]
    assert {*FEW} <= set(seen[:40])
    assert len(seen) == 252


@pytest.mark.parametrize("dead", [(), ("198.51.100.",)], ids=["live", "dead"])
def test_hosts_of_a_small_network_are_done_early_beside_a_network_of_hundreds(fake, monkeypatch, dead):
    monkeypatch.setattr(fake, "dead", dead)
    evidence = iter(scanning(*MANY, *FEW))
    first, second = next(evidence), next(evidence)
    assert {first.address, second.address} == set(FEW)
    assert all(len(one.closed) == 299 for one in (first, second))
    before = sum(count for host, count in fake.last.sent.items() if host in MANY)
    assert before < 250 * 16 + 2 * 2 * 300, "no more than the first few ports of each, and as many as the two"
    assert sum(1 for _ in evidence) == 250


def test_nothing_is_kept_of_hosts_that_are_done(fake, monkeypatch):
    monkeypatch.setattr(fake, "dead", ("198.51.100.1",))
    monkeypatch.setattr(campaigns, "_STATES", 50 * 34_000)
    made = []
    of_target = live._subject

    def watched(target):
        subject = of_target(target)
        made.append(weakref.ref(subject))
        return subject

    monkeypatch.setattr(live, "_subject", watched)
    evidence = scanning(*MANY, host_rate=20_000)
    most = 0
    for done, _ in enumerate(evidence):
        if done % 50 == 0:
            gc.collect()
            most = max(most, sum(one() is not None for one in made))
    assert len(made) == 250
    assert most < 120
    gc.collect()
    assert sum(one() is not None for one in made) <= 1
