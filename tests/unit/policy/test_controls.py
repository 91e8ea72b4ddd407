"""Controls that a policy declares: its own titles, its own mapping from checks, and errors at their lines."""

import json

import pytest

from auditor.errors import PolicyError
from auditor.files.validate import shipped_schema
from auditor.findings.catalogue import CHECKS, UNVERIFIED
from auditor.policy.load import load_policy
from auditor.report.controls import AGAINST, SUPPORTS, assessed_controls
from auditor.report.json_format import load, render
from auditor.report.options import DEFAULTS
from tests.unit.findings.worlds import audit, probe, seen

POLICY = """version: 1
hosts: {web-1: 192.0.2.10}
rules: [{hosts: [web-1], allow: [443]}]
controls:
  house:NET-1: {title: Only registered ports are open, checks: [unexpected-open]}
  house:NET-2: {checks: [required-not-open]}
  pci-dss:1.2.5: {title: Our own words}
"""


def assessed(open_ports):
    judged = audit(POLICY, probe(seen("192.0.2.10", open=open_ports)))
    again = load(render(judged, DEFAULTS))
    assert assessed_controls(again) == assessed_controls(judged)
    return judged, {one.id: one for one in assessed_controls(judged)}


def test_findings_name_the_controls_that_the_policy_maps_their_check_to():
    judged, found = assessed("443/tcp,22/tcp")
    (open_port,) = [one for one in judged.findings if one.port]
    assert "house:NET-1" in open_port.controls
    assert "nist-800-53:CM-7" in open_port.controls
    assert "house:NET-2" not in open_port.controls
    assert (found["house:NET-1"].word, found["house:NET-2"].word) == (AGAINST, SUPPORTS)


def test_a_title_of_the_policy_replaces_the_auditors():
    _, found = assessed("443/tcp")
    assert (found["pci-dss:1.2.5"].title, found["house:NET-1"].title) == (
        "Our own words",
        "Only registered ports are open",
    )
    assert (found["house:NET-1"].word, found["house:NET-1"].framework) == (SUPPORTS, "house")


def test_a_shared_file_of_controls_is_joined_and_may_not_contradict(tmp_path):
    shared = tmp_path / "controls.yaml"
    shared.write_text("version: 1\ncontrols:\n  house:NET-1: {title: Only registered ports are open}\n")
    main = tmp_path / "exposure.yaml"
    main.write_text("extends: [./controls.yaml]\n" + POLICY)
    with pytest.raises(PolicyError, match=r"controls\.yaml:3:3: the control 'house:NET-1' is declared differently"):
        load_policy(str(main))
    shared.write_text("version: 1\ncontrols:\n  house:NET-3: {title: Another, checks: [too-wide]}\n")
    assert list(load_policy(str(main)).controls) == ["house:NET-1", "house:NET-2", "pci-dss:1.2.5", "house:NET-3"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("house:1: {checks: [unexpected-opn]}", r"5:22: .*did you mean 'unexpected-open'"),
        ("house:1: {titel: x}", r"5:13: unknown key 'titel'.*title"),
        ("house:1: {title: 7}", r"5:20: 'title' is the number 7"),
        ("house:1: {}", r"5:12: "),
        ("house:1: text", r"5:12: 'house:1' is 'text'"),
        ("a b: {title: x}", r"5:3: 'a b' is not a control's name; expected letters, digits and .* \( \)"),
    ],
)
def test_a_slip_is_told_with_its_line(entry, message, tmp_path):
    path = tmp_path / "exposure.yaml"
    path.write_text(POLICY.partition("controls:")[0] + f"controls:\n  {entry}\n")
    with pytest.raises(PolicyError, match=message):
        load_policy(str(path))


def test_the_schema_knows_every_check():
    assert set(shipped_schema("policy")["$defs"]["check"]["enum"]) == set(CHECKS) - {UNVERIFIED}
    assert (
        "controls" not in json.loads(render(audit("version: 1\nhosts: {a: 192.0.2.1}\n", probe()), DEFAULTS))["policy"]
    )
