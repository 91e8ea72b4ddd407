"""Policies that build on others."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.errors import PolicyError
from auditor.model.network import NetworkSet
from auditor.model.ports import PortSet
from auditor.policy import extends
from auditor.policy.load import load_policy

GOOD = Path(__file__).parent / "good"
HOSTS = "hosts: {web: 192.0.2.1}\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes files, a pack where the name begins with ``pack:``, and loads the first of them."""
    packs = tmp_path / "shipped"
    packs.mkdir()
    monkeypatch.setattr(extends, "shipped", lambda _: packs)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def load(**texts: str):
        for name, text in texts.items():
            folder, stem = (packs, name.removeprefix("pack_")) if name.startswith("pack_") else (work, name)
            (folder / f"{stem.replace('_', '-')}.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
        return load_policy(f"{next(iter(texts))}.yaml")

    return load


def refusal(load, **texts: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load(**texts)
    return str(caught.value)


@pytest.fixture
def diamond(monkeypatch):
    monkeypatch.chdir(GOOD)
    return load_policy("diamond.yaml")


def test_every_file_is_read_once_and_listed_with_its_digest(diamond):
    assert [file.path for file in diamond.files] == [
        "diamond.yaml",
        "parts/left.yaml",
        "parts/base.yaml",
        "parts/right.yaml",
    ]
    for file in diamond.files:
        assert file.sha256 == hashlib.sha256(Path(file.path).read_bytes()).hexdigest()


def test_rules_add_up_and_name_their_files(diamond):
    assert [(rule.id, str(rule.location)) for rule in diamond.rules] == [
        ("left#1", "parts/left.yaml:5:9"),
        ("base#1", "parts/base.yaml:4:9"),
        ("right", "parts/right.yaml:5:9"),
    ]


def test_the_name_is_that_of_the_file_asked_for(diamond):
    assert diamond.name == "both sides"


def test_equal_hosts_join_whatever_their_form(diamond):
    assert {name: str(host.location) for name, host in diamond.hosts.items()} == {
        "web": "diamond.yaml:4:9",
        "db": "diamond.yaml:4:25",
    }


def test_a_vantage_that_only_has_a_name_gets_its_networks_from_elsewhere(diamond):
    assert diamond.vantages["internet"].networks == NetworkSet.parse("0.0.0.0/0")


def test_settings_of_the_extending_file_win_key_by_key(diamond):
    settings = diamond.settings
    assert settings.fail_on is None
    assert (settings.exception_max_days, settings.exception_warn_days) == (30, 3)
    assert settings.udp_silence == "filtered"
    assert settings.max_evidence_age == timedelta(hours=24)


def test_scan_options_and_services_of_an_extended_file_hold(diamond):
    assert diamond.scan.tcp == PortSet.parse("1-1024")
    assert diamond.scan.udp == PortSet.parse("53/udp,123/udp")
    assert (diamond.scan.rate, diamond.scan.timeout) == (None, 0.5)


def test_a_pack_is_named_as_one_and_its_rules_know_it(files):
    policy = files(main=f"extends: pack:web-server\n{HOSTS}", pack_web_server="rules: [{hosts: 'tag:web', allow: 443}]")
    assert [file.path for file in policy.files] == ["main.yaml", "pack:web-server"]
    found = policy.rules[0]
    assert (found.id, found.pack, str(found.location)) == ("pack:web-server#1", "web-server", "pack:web-server:2:9")


def test_a_tag_that_no_host_carries_is_an_error_in_the_teams_own_file_only(files):
    rules = "rules: [{hosts: 'tag:web', allow: 443}]"
    assert "'tag:web' matches no host" in refusal(files, main=f"extends: other.yaml\n{HOSTS}", other=rules)


def test_an_unknown_pack_gets_the_nearest_known_one(files):
    message = refusal(files, main=f"extends: [pack:never-publik]\n{HOSTS}", pack_never_public="rules: []")
    assert message == (
        "main.yaml:2:11: there is no pack 'never-publik'; expected 'pack:NAME' or the path of a policy, "
        "relative to this file; did you mean 'pack:never-public'?"
    )


def test_a_pack_named_without_its_prefix_is_recognised(files):
    message = refusal(files, main=f"extends: never-public\n{HOSTS}", pack_never_public="rules: []")
    assert message.endswith("did you mean 'pack:never-public'?")


@pytest.mark.parametrize("name", ["pack:../team/other", "pack:", "pack:/etc/passwd"])
def test_a_pack_is_a_name_and_no_path(files, name):
    assert "there is no pack" in refusal(files, main=f"extends: '{name}'\n{HOSTS}", other="rules: []")


def test_two_files_of_one_name_give_different_ids(files, tmp_path):
    (tmp_path / "work" / "sub").mkdir()
    rules = f"version: 1\nrules: [{{hosts: web, allow: 80}}]\n"  # noqa: F541 - doubled braces read as in the others
    (tmp_path / "work" / "sub" / "main.yaml").write_text(rules.replace("{{", "{").replace("}}", "}"), encoding="utf-8")
    policy = files(main=f"extends: sub/main.yaml\n{HOSTS}rules: [{{hosts: web, allow: 81}}]")
    assert [rule.id for rule in policy.rules] == ["main#1", "main~2#1"]


def test_one_file_under_two_names_is_read_once(files, tmp_path):
    (tmp_path / "work" / "link.yaml").symlink_to("other.yaml")
    policy = files(
        main=f"extends: [other.yaml, link.yaml, ./other.yaml]\n{HOSTS}", other="rules: [{hosts: web, allow: 1}]"
    )
    assert len(policy.rules) == 1
    assert len(policy.files) == 2


def test_a_file_that_is_extended_is_looked_for_beside_the_file_that_extends_it(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "main.yaml").write_text(f"version: 1\nextends: b/one.yaml\n{HOSTS}", encoding="utf-8")
    (tmp_path / "a" / "b" / "one.yaml").write_text("version: 1\nextends: ../two.yaml\n", encoding="utf-8")
    (tmp_path / "a" / "two.yaml").write_text("version: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in load_policy("a/main.yaml").files] == ["a/main.yaml", "a/b/one.yaml", "a/two.yaml"]


def test_problems_of_all_files_are_told_at_once(files):
    message = refusal(files, main="extends: other.yaml\nhosts: {web: nope!}\n", other="nmae: x\nrules: [{hosts: a}]")
    assert [line.split(" ")[0] for line in message.splitlines()] == [
        "main.yaml:3:14:",
        "other.yaml:2:1:",
        "other.yaml:3:9:",
    ]


def test_a_long_chain_of_files_ends(files):
    chain = {f"f{number}": f"extends: f{number + 1}.yaml\n{HOSTS}" for number in range(40)}
    assert "more than 16 levels or 256 files are joined by 'extends'" in refusal(files, **chain)


def test_services_that_name_each_other_in_a_long_chain_end(files):
    services = ", ".join(f"s{number}: [s{number + 1}]" for number in range(2000))
    assert "in a circle or too deep" in refusal(files, main=f"{HOSTS}services: {{{services}, s2000: [80]}}")


def test_settings_that_two_extended_files_contradict_each_other_in_need_a_word_of_the_extending_file(files):
    sides = {"one": "settings: {fail_on: low}", "two": "settings: {fail_on: high}"}
    message = refusal(files, main=f"extends: [one.yaml, two.yaml]\n{HOSTS}", **sides)
    assert message == (
        "two.yaml:2:21: 'settings.fail_on' is set differently at one.yaml:2:21; "
        "expected main.yaml to set it, as it extends both"
    )
    main = f"extends: [one.yaml, two.yaml]\n{HOSTS}settings: {{fail_on: medium}}"
    assert str(files(main=main, **sides).settings.fail_on) == "medium"
