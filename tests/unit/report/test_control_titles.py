"""The titles of controls that ship as YAML: which there are, that a policy may override each, when they are read."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from auditor.files.resources import shipped
from auditor.findings.catalogue import CHECKS
from auditor.policy.load import load_policy
from auditor.report.control_titles import shipped_titles, standards
from auditor.report.controls import assessed_controls
from auditor.report.registry import FORMATS
from tests.unit.report import audits

PROMISED = {
    "pci-dss": "1.2.5 1.2.6 1.2.7 1.2.8 1.3.1 1.3.2 1.4.2 1.4.4 2.2.4 2.2.5 2.2.7",
    "nist-800-53": "CM-7 CM-7(1) CM-7(3) SC-7 SC-7(3) SC-7(5) CM-2 CM-3 CM-6 CM-8(3) CA-7 CA-9 RA-5",
    "nist-csf": "PR.IR-01 PR.PS-01 ID.AM-03 ID.RA-07 DE.CM-01",
    "cis-v8": "4.4 4.8 4.1 4.2 4.5 4.6 12.2 13.4",
    "iso-27001": "8.9 8.20 8.21 8.22",
    "soc2": "CC6.6 CC6.1 CC7.1 CC8.1",
    "nis2": "6.7.2(c) 6.7.2(f)",
    "bsi": "NET.3.2.A2 SYS.1.1.A6 SYS.1.1.A19",
    "nerc-cip": "007-R1.1",
    "disa-ppsm": "allow-list deny-list",
}
PROMISED_IDS = [f"{standard}:{number}" for standard, numbers in PROMISED.items() for number in numbers.split()]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("control", PROMISED_IDS)
def test_a_control_that_docs_promise_ships_with_a_short_title(control):
    assert 5 < len(shipped_titles()[control]) <= 90


def test_nothing_ships_that_is_not_promised_and_each_standard_has_its_name():
    assert set(shipped_titles()) == {*PROMISED_IDS, *PROMISED}
    assert standards() == tuple(PROMISED)
    assert shipped_titles()["pci-dss"] == "PCI DSS 4.0.1"


def test_every_control_that_a_check_or_a_pack_names_has_a_title():
    packs = [yaml.safe_load(path.read_text("utf-8")) for path in shipped("policies").glob("*.yaml")]
    named = {control for pack in packs for rule in pack["rules"] for control in rule.get("controls", ())}
    assert len(named) > 5
    assert named | {control for check in CHECKS.values() for control in check.controls} <= set(shipped_titles())


@pytest.mark.parametrize("control", PROMISED_IDS)
def test_a_policy_can_word_each_title_anew(control, tmp_path):
    policy = loaded(tmp_path, f"controls:\n  {control}: {{title: In our words}}\n", f"'{control}'")
    (one,) = [one for one in assessed_controls(audit_under(policy, control)) if one.id == control]
    assert one.title == "In our words"


def test_a_policy_can_name_a_standard_anew_and_one_of_its_own(tmp_path):
    own = "controls:\n  pci-dss: {title: PCI DSS 5}\n  house: {title: Rules of the house}\n"
    policy = loaded(tmp_path, f"{own}  house:NET-1: {{title: x, checks: [too-wide]}}\n", "pci-dss:1.2.5")
    found = {one.id: one.framework for one in assessed_controls(audit_under(policy, "pci-dss:1.2.5"))}
    assert (found["pci-dss:1.2.5"], found["house:NET-1"]) == ("PCI DSS 5", "Rules of the house")
    assert "pci-dss" not in found
    assert "house" not in found


def test_the_shipped_file_can_be_copied_edited_and_extended(tmp_path):
    written = (shipped("controls") / "controls.yaml").read_text("utf-8")
    (tmp_path / "controls.yaml").write_text(written.replace("title: SOC 2", "title: SOC two"), encoding="utf-8")
    policy = loaded(tmp_path, "extends: [./controls.yaml]\n", "soc2:CC6.6")
    assert {name: own.title for name, own in policy.controls.items()} == {**shipped_titles(), "soc2": "SOC two"}
    (one,) = [one for one in assessed_controls(audit_under(policy, "soc2:CC6.6")) if one.id == "soc2:CC6.6"]
    assert one.framework == "SOC two"


def test_standards_come_in_the_order_of_the_file_and_others_behind():
    named = ("zoo:1", "nerc-cip:007-R1.1", "soc2:CC6.1", "soc2:CC10.1", "house:1", "pci-dss:1.2.5", "pci-dss:1.10.1")
    audit = audits.audit_of([audits.finding(controls=named)], hosts=[audits.host()])
    assert [one.id for one in assessed_controls(audit) if one.id in named] == [
        "pci-dss:1.2.5", "pci-dss:1.10.1", "soc2:CC6.1", "soc2:CC10.1", "nerc-cip:007-R1.1", "house:1", "zoo:1"
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_titles_are_read_only_where_controls_are_assessed(name):
    script = (
        "from auditor.report.registry import FORMATS\n"
        "from auditor.report.options import DEFAULTS\n"
        "from auditor.report.control_titles import shipped_titles\n"
        "from tests.unit.report.audits import fixed_audit\n"
        f"FORMATS[{name!r}].render(fixed_audit(), DEFAULTS)\n"
        "print(shipped_titles.cache_info().currsize)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == ("1\n" if name in {"html", "oscal"} else "0\n")


def loaded(folder, more, control):
    path = folder / "exposure.yaml"
    path.write_text(
        "version: 1\nhosts: {web-1: 192.0.2.10}\n"
        f"rules: [{{hosts: [web-1], allow: [443], controls: [{control}]}}]\n{more}",
        encoding="utf-8",
    )
    return load_policy(str(path))


def audit_under(policy, control):
    return audits.audit_of(
        [audits.finding(controls=(control,))], hosts=[audits.host()], controls=tuple(policy.controls.values())
    )
