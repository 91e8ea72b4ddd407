from __future__ import annotations

from datetime import date

from auditor.model.evidence import Observation
from auditor.model.ports import Port
from auditor.plan.services import ServiceQuestions
from auditor.plan.targets import plan
from auditor.policy.load import load_policy
from auditor.policy.resolve import Resolver

POLICY = """\
version: 1
vantages: {office: {networks: [198.51.100.0/24]}}
hosts: {a: 192.0.2.1, b: 192.0.2.2}
rules:
  - {hosts: a, allow: [{port: 22, service: ssh}, {port: 80, process: nginx}]}
  - {hosts: a, from: office, require: [{port: [22, 2222], service: openssh}]}
  - {hosts: b, allow: 22}
"""


def questions(tmp_path, text=POLICY, vantage=None):
    path = tmp_path / "exposure.yaml"
    path.write_text(text, encoding="utf-8")
    policy = load_policy(path)
    planned = plan(
        policy, Resolver(policy, date(2026, 11, 22)), hosts=policy.hosts.values(), vantage=vantage, lookup=None
    )
    return ServiceQuestions(planned.targets)


def test_the_ports_to_speak_to_are_those_with_a_service_condition(tmp_path):
    assert str(questions(tmp_path).ports(Observation(host="a"))) == "22/tcp"
    assert not questions(tmp_path).ports(Observation(host="b"))


def test_rules_of_the_vantage_count_too_and_every_name_is_told(tmp_path):
    from_office = questions(tmp_path, vantage="office")
    assert str(from_office.ports(Observation(host="a"))) == "22/tcp,2222/tcp"
    assert set(from_office.names(Observation(host="a"), Port.parse("22"))) == {"ssh", "openssh"}


def test_a_host_that_the_policy_does_not_know_is_asked_nothing(tmp_path):
    assert not questions(tmp_path).ports(Observation(host="c"))


def test_a_policy_without_service_conditions_needs_nobody_to_speak(tmp_path):
    assert questions(tmp_path)
    assert not questions(tmp_path, "version: 1\nhosts: {a: 192.0.2.1}\nrules: [{hosts: a, allow: 22}]\n")
