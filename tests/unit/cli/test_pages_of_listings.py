"""One page of a listing is not the whole of it."""

import json

import pytest

from auditor.cli.app import run

POLICY = """\
version: 1
hosts: {web: {address: 192.0.2.10, aliases: [sg-1, service/shop/web]}, other: 192.0.2.11}
rules: [{hosts: web, allow: [22, 80]}]
"""
GROUPS = {
    "SecurityGroups": [
        {
            "GroupId": "sg-1",
            "IpPermissions": [
                {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            ],
        }
    ]
}
SERVICE = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "shop"}}
SERVICES = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [{**SERVICE, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}}],
}


def check(folder, document):
    (folder / "p.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "l.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    code = run(
        ["check", "p.yaml", "l.json", "--taken=2026-11-22T11:00:00Z", "--now=2026-11-22T12:00:00Z", "-o", "json=a.json"]
    )
    return code, {one["reason"] for one in json.loads((folder / "a.json").read_text())["unverified"]}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("mark", [{}, {"NextToken": ""}, {"NextToken": None}])
def test_a_whole_listing_of_security_groups_passes(tmp_path, mark):
    assert check(tmp_path, {**GROUPS, **mark}) == (0, set())


def test_a_page_of_security_groups_is_not_complete(tmp_path):
    assert check(tmp_path, {**GROUPS, "NextToken": "abc"}) == (
        3,
        {"l.json is not complete: l.json:19:2: this is one page of a listing, and more groups follow ('NextToken')"},
    )


def test_a_page_without_any_group_of_the_policy_does_not_pass_either(tmp_path):
    assert check(tmp_path, {"SecurityGroups": [], "NextToken": "abc"})[0] == 3


@pytest.mark.parametrize("mark", [{}, {"metadata": {"resourceVersion": "", "continue": ""}}, {"metadata": None}])
def test_a_whole_list_of_objects_passes(tmp_path, mark):
    assert check(tmp_path, {**SERVICES, **mark}) == (0, set())


@pytest.mark.parametrize("key", ["continue", "remainingItemCount"])
def test_a_page_of_objects_is_not_complete(tmp_path, key):
    code, reasons = check(tmp_path, {**SERVICES, "metadata": {key: 500}})
    assert code == 3
    assert reasons == {
        f"l.json is not complete: l.json:23:3: this is one page of a list, and more objects follow ('{key}')"
    }


def test_a_page_among_other_lists_is_not_complete(tmp_path):
    assert check(tmp_path, [SERVICES, {**SERVICES, "kind": "ServiceList", "metadata": {"continue": "x"}}])[0] == 3
