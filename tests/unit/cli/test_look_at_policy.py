"""``explain``, ``policy`` and ``schema``: what can be asked without looking at any host."""

from __future__ import annotations

import json

import pytest

from auditor.cli.app import run

POLICY = """\
version: 1
name: shop
vantages:
  internet: {networks: ["0.0.0.0/0", "::/0"]}
  office: {networks: [198.51.100.0/24]}
hosts:
  web-1: {address: [192.0.2.10, "2001:db8::10"], aliases: [aws_instance.web]}
  vault: {address: 192.0.2.99, dark: true}
rules:
  - id: shopfront
    hosts: web-1
    from: internet
    require: 443
    allow: [80, 443]
    reason: The public shop
    owner: web-team
    approved: {by: ciso, on: 2026-06-01, ticket: SEC-12}
  - id: admin
    hosts: web-1
    from: office
    allow: [{port: 22, service: ssh}]
  - id: no-telnet
    hosts: "*"
    deny: telnet
    final: true
exceptions:
  - {id: EX-1, hosts: web-1, ports: [23, 8080], reason: old box, owner: ops, expires: 2026-12-31}
  - {id: EX-2, hosts: web-1, ports: [9090], reason: old box, owner: ops, expires: 2026-10-31}
"""
NOW = "--now=2026-11-22T00:00:00Z"


@pytest.fixture
def policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exposure.yaml").write_text(POLICY, encoding="utf-8")


@pytest.fixture
def explained(policy, capsys):  # noqa: ARG001 - it must be there
    def ask(*arguments):
        assert run(["explain", *arguments, NOW]) == 0
        return capsys.readouterr().out

    return ask


def test_explain_names_the_winner_its_line_and_who_approved_it(explained):
    told = explained("web-1", "443", "--from", "internet")
    assert "443/tcp (https) on web-1 from internet: required; it must be open" in told
    assert "require 443 by shopfront at exposure.yaml:13:14" in told
    assert "by ciso on 2026-06-01 (SEC-12)" in told


def test_explain_names_the_losers_and_why_each_lost(explained):
    told = explained("web-1", "telnet", "--from", "internet")
    assert "denied; it may not be open" in told
    assert "loses:   exception 23 by EX-1 at exposure.yaml:27:38: a final deny is lifted by no exception" in told


def test_explain_says_where_else_a_port_is_allowed(explained):
    told = explained("web-1", "22", "--from", "internet")
    assert "decides: the default" in told
    assert "allow 22 (service ssh) by admin" in told
    assert "holds from office only" in told


def test_explain_without_a_vantage_speaks_of_each(explained):
    told = explained("web-1", "22")
    assert "from internet: not allowed" in told
    assert "from office: allowed" in told


def test_explain_names_an_exception_that_has_run_out(explained):
    assert "expired: exception 9090 by EX-2" in explained("web-1", "9090", "--from", "office")


@pytest.mark.parametrize("name", ["192.0.2.10", "2001:db8::10", "aws_instance.web", "WEB-1"])
def test_a_host_may_be_named_by_address_or_alias(explained, name):
    assert "on web-1 from office: allowed" in explained(name, "ssh", "--from", "office")


def test_explain_as_json_holds_the_same_facts(explained):
    (answer,) = json.loads(explained("web-1", "80", "--from", "internet", "-o", "json"))
    assert answer["stance"] == "allowed"
    assert answer["winner"]["id"] == "shopfront"
    assert answer["winner"]["location"] == "exposure.yaml:14:13"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["web1", "80"], "did you mean 'web-1'?"),
        (["web-1", "70000"], "70000"),
        (["web-1", "all"], "65,535 ports"),
        (["web-1", "80", "--from", "intranet"], "did you mean 'internet'?"),
    ],
)
def test_a_wrong_question_is_a_usage_error_that_helps(policy, capsys, arguments, said):  # noqa: ARG001
    assert run(["explain", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_validate_counts_what_a_valid_policy_holds_and_names_expired_exceptions(policy, capsys):  # noqa: ARG001
    assert run(["policy", "validate", NOW]) == 0
    shown = capsys.readouterr()
    assert shown.out == "exposure.yaml: valid: 2 hosts, 3 rules, 2 exceptions, 1 file\n"
    assert "EX-2" in shown.err


def test_validate_shows_every_problem_with_its_place_and_exits_2(policy, tmp_path, capsys):  # noqa: ARG001
    broken = POLICY.replace("require: 443", "requires: 443").replace("[23, 8080]", "[23, 80800]")
    (tmp_path / "exposure.yaml").write_text(broken, encoding="utf-8")
    assert run(["policy", "validate"]) == 2
    told = capsys.readouterr().err
    assert "exposure.yaml:13:5: " in told
    assert "did you mean 'require'?" in told


def test_show_prints_each_host_at_each_vantage(policy, capsys):  # noqa: ARG001
    assert run(["policy", "show", NOW]) == 0
    told = capsys.readouterr().out
    assert "web-1 (192.0.2.10, 2001:db8::10) from internet" in told
    assert "must be open 443/tcp" in told
    assert "vault (192.0.2.99) from office, dark" in told


def test_show_as_json_is_one_line_a_host_and_vantage(policy, capsys):  # noqa: ARG001
    assert run(["policy", "show", "-o", "json", "--only", "web-*", "--from", "office", NOW]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["host"], row["permitted"], row["denied"]) == ("web-1", "22/tcp", "23/tcp")
    assert row["excepted"] == "8080/tcp"


def test_show_names_the_conditions_under_which_a_port_may_be_open(policy, capsys):  # noqa: ARG001
    assert run(["policy", "show", "--only", "web-1", "--from", "office", NOW]) == 0
    assert "  only if      22/tcp (service ssh)\n" in capsys.readouterr().out
    assert run(["policy", "show", "--only", "web-1", "--from", "office", "-o", "json", NOW]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["conditions"] == [{"effect": "allow", "ports": "22/tcp", "service": "ssh"}]


def test_an_exception_that_lasts_too_long_from_today_is_invalid(policy, tmp_path, capsys):  # noqa: ARG001
    endless = POLICY.replace("expires: 2026-12-31", "expires: 9999-12-31")
    (tmp_path / "exposure.yaml").write_text(endless, encoding="utf-8")
    for command in (["policy", "validate"], ["policy", "show"], ["check"], ["explain", "web-1", "22"]):
        assert run([*command, NOW]) == 2
        assert (
            "days from today, as no 'approved.on' says when it began; expected at most 180" in capsys.readouterr().err
        )


@pytest.mark.parametrize("which", ["policy", "snapshot", "audit"])
def test_schema_prints_a_json_schema(capsys, which):
    assert run(["schema", which]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_an_unknown_command_is_a_usage_error(capsys):
    assert run(["chek"]) == 2
    assert "No such command 'chek'" in capsys.readouterr().err


def test_the_now_option_takes_only_a_time_with_its_offset(policy, capsys):  # noqa: ARG001
    assert run(["policy", "validate", "--now", "2026-11-22"]) == 2
    assert "RFC 3339" in capsys.readouterr().err
