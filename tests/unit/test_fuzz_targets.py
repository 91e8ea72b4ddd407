"""The harness of the fuzzing: what it begins with is read cleanly, and reaches what it is meant to try."""

import pytest

from auditor.collect.registry import FORMATS, open_evidence
from auditor.errors import AuditorError
from fuzzing.mutations import Mutator
from fuzzing.seeds import seeds
from fuzzing.targets import TARGETS, BadMessageError, evidence


def test_every_kind_of_evidence_is_fuzzed():
    assert {target.format for target in TARGETS.values()} - {""} == {known.name for known in FORMATS}


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_of_a_target_are_read_or_refused_cleanly(tmp_path, name):
    found = seeds(name, TARGETS[name].format)
    assert found
    for data in found:
        TARGETS[name].door(data, tmp_path)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.format])
def test_some_seed_of_each_kind_of_evidence_says_something(tmp_path, name):
    found = seeds(name, TARGETS[name].format)
    assert any(says_something(tmp_path / "compose.yaml", data) for data in found)


def says_something(path, data):
    path.write_bytes(data)
    try:
        return bool(list(open_evidence(str(path))))
    except AuditorError:
        return False


def test_a_door_lets_out_what_is_no_error_of_use(tmp_path, monkeypatch):
    def broken(_path, asked=None):
        raise KeyError(asked)

    monkeypatch.setattr("fuzzing.targets.open_evidence", broken)
    with pytest.raises(KeyError):
        evidence("x")(b"x", tmp_path)


def test_a_door_takes_no_message_of_several_lines(tmp_path, monkeypatch):
    def chatty(_path, asked=None):
        raise AuditorError(f"one\n{asked}")

    monkeypatch.setattr("fuzzing.targets.open_evidence", chatty)
    with pytest.raises(BadMessageError):
        evidence("x")(b"x", tmp_path)


@pytest.mark.parametrize("as_yaml", [True, False])
def test_the_same_seed_makes_the_same_change(as_yaml):
    data = b'{"a": [1, 2, {"b": "c"}]}\n{"d": 1}'
    mutate = Mutator([data], lambda data, _size: data[:-1], as_yaml=as_yaml)
    changes = [mutate(data, 1000, seed) for seed in range(200)]
    assert changes == [mutate(data, 1000, seed) for seed in range(200)]
    assert len(set(changes)) > 50
