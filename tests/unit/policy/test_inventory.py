"""Hosts from Ansible inventories and plain lists."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import PolicyError, UsageError
from auditor.policy.inventory import read_inventory

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus" / "ansible-inventory"


def hosts_of(tmp_path, text, form="ansible", name="hosts"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_inventory(path, name, form)


def shown(hosts):
    return {host.name: (" ".join(address.text for address in host.addresses), " ".join(host.tags)) for host in hosts}


def problems_of(tmp_path, text, form="ansible", name="hosts"):
    with pytest.raises(PolicyError) as caught:
        hosts_of(tmp_path, text, form, name)
    return [str(problem) for problem in caught.value.problems]


INI = """\
# the site
lonely ansible_host=192.0.2.1   # not in any group
[web]
web[01:02].example.com:2222 ansible_user=deploy
special ansible_host="192.0.2.9" note='two words # and no comment'
; an old comment
[db]
db-[a:b]
special
[site:children]
web
db
[site:vars]
ansible_user = root
anything at all
[world:children]
site
"""


def test_ini_groups_and_all_above_them_become_tags(tmp_path):
    assert shown(hosts_of(tmp_path, INI)) == {
        "lonely": ("192.0.2.1", ""),
        "web01.example.com": ("web01.example.com", "site web world"),
        "web02.example.com": ("web02.example.com", "site web world"),
        "special": ("192.0.2.9", "db site web world"),
        "db-a": ("db-a", "db site world"),
        "db-b": ("db-b", "db site world"),
    }


def test_a_host_is_located_where_it_first_stands(tmp_path):
    location = next(host for host in hosts_of(tmp_path, INI) if host.name == "special").location
    assert (location.line, location.column, location.end_column) == (5, 1, 8)
    assert location.snippet.startswith("special ansible_host")


YAML = """\
all:
  hosts:
    lonely: {ansible_host: 192.0.2.1}
  children:
    site:
      vars: {ansible_user: root, secret: !vault x}
      children:
        web:
          hosts:
            web[01:02].example.com:2222:
            special: {ansible_host: "192.0.2.9", ansible_port: 2222}
        db:
          hosts:
            db-[a:b]:
            special:
world:
  children:
    site:
"""


def test_yaml_says_the_same_as_ini(tmp_path):
    assert shown(hosts_of(tmp_path, YAML, name="hosts.yml")) == shown(hosts_of(tmp_path, INI))


LISTING = """\
{
    "_meta": {"hostvars": {"web-1": {"ansible_host": "192.0.2.10", "ansible_port": 22}, "web-2": {}, "alone": {}}},
    "all": {"children": ["ungrouped", "site"]},
    "site": {"children": ["web"]},
    "ungrouped": {"hosts": ["alone"]},
    "web": {"hosts": ["web-1", "web-2"]}
}
"""


def test_what_ansible_inventory_writes_is_read_too(tmp_path):
    assert shown(hosts_of(tmp_path, LISTING)) == {
        "web-1": ("192.0.2.10", "site web"),
        "web-2": ("web-2", "site web"),
        "alone": ("alone", ""),
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [("all:\n  hosts: {a: }\n", "hosts"), ("---\nall:\n  hosts: {a: }\n", "hosts"), ("a\n", "hosts.ini")],
)
def test_the_form_of_an_inventory_is_told_by_its_name_and_first_line(tmp_path, text, name):
    assert list(shown(hosts_of(tmp_path, text, name=name))) == ["a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[web\nx", "hosts:1:1: '[web' is not a DNS name"),
        ("[web server]\nx", "hosts:1:1: this is not a section"),
        ("[web:kids]\nx", "hosts:1:1: a section cannot be ':kids'"),
        ("w[3:1]", "hosts:1:1: the range '[3:1]' runs backwards"),
        ("web extra", "hosts:1:5: 'extra' is not a variable"),
        ("web ansible_host=", "hosts:1:5: 'ansible_host' has no value"),
        ("web ansible_host='192", "hosts:1:18: a quote is opened here and never closed"),
        ("web ansible_host={{ip}}", "hosts:1:5: '{{ip}}' is a template"),
        ("web ansible_host=192.0.2.300", "hosts:1:5: '192.0.2.300' is not an address"),
        ("web ansible_host=a\n[g]\nweb ansible_host=b", "hosts:3:5: 'web' has another address: 'a'"),
        ("web\n[g:vars]\nansible_host=192.0.2.1", "hosts:3:1: 'ansible_host' is set for a whole group"),
        ("web\n[site:children]\nwbe\n[web]", "hosts:3:1: 'wbe' is not a group of this inventory; did you mean 'web'?"),
        ("x\n[a:children]\nb\n[b:children]\na", "the group 'a' is inside itself"),
        ("[empty]", "hosts: the inventory names no hosts"),
        ("web!x", "hosts:1:1: 'web!x' cannot be a host's name"),
        ("[web!]\nx", "hosts:1:1: 'web!' cannot be a tag"),
        ("web note=" + "\\\\" * 20_000, "hosts:1:1: this line has more than 16,384 characters"),
        ("", "hosts: the file is empty"),
    ],
)
def test_what_is_wrong_in_ini_is_said_with_its_place(tmp_path, text, problem):
    assert any(problem in found for found in problems_of(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "h.yml:1:1: this is not an inventory"),
        ("plugin: aws_ec2", "h.yml:1:1: this is the configuration of an inventory plug-in"),
        ("all: 5", "h.yml:1:6: the group 'all' is not a mapping"),
        (
            "all: {hots: {a: }}",
            "h.yml:1:7: a group has no 'hots'; expected hosts, children or vars; did you mean 'hosts'?",
        ),
        ("all: {hosts: [a]}", "h.yml:1:14: 'hosts' is not a mapping"),
        ("all: {hosts: {a: 1}}", "the host 'a' is not a mapping"),
        ("all: {hosts: {'a[1': }}", "'a[1' cannot be a host's name"),
        ("all: {hosts: {'a[1]': }}", "'[1]' is not a range"),
        ("all: {hosts: {a: {ansible_host: 7}}}", "'ansible_host' is not text"),
        ("all: {hosts: {a: {ansible_host: '{{x}}'}}}", "'{{x}}' is a template"),
        ("all: {vars: {ansible_host: x}, hosts: {a: }}", "'ansible_host' is set for a whole group"),
        ("a: {children: {b: {children: {a: }}}, hosts: {x: }}", "the group 'a' is inside itself"),
        ("_meta: {hostvars: 5}\nweb: {hosts: x}", "this is not a list of names"),
        ("all: {hosts: {a: }, hosts: {b: }}", "the key 'hosts' is here twice"),
        ("all: [", "not YAML"),
    ],
)
def test_what_is_wrong_in_yaml_is_said_with_its_place(tmp_path, text, problem):
    assert any(problem in found for found in problems_of(tmp_path, text, name="h.yml"))


def test_all_problems_of_a_file_are_said_at_once_up_to_a_number_that_somebody_reads(tmp_path):
    assert len(problems_of(tmp_path, "a!\nb!\nc!\n")) == 6
    assert len(problems_of(tmp_path, "a! b\n" * 5000)) == 100


def test_more_hosts_than_fit_are_refused(tmp_path):
    assert "more than 100,000 hosts" in problems_of(tmp_path, "a[1:60000]\nb[1:60000]")[0]


def test_groups_inside_groups_beyond_all_measure_are_refused(tmp_path):
    text = "x\n" + "".join(f"[g{n}:children]\ng{n + 1}\n" for n in range(5000)) + "[g5000]\n"
    assert "in too many ways" in problems_of(tmp_path, text)[0]


LIST = """\
name,address,tags
192.0.2.7              # a bare address
db.internal
dmz, 192.0.2.64/26
# nobody
web-1,192.0.2.10,web;prod
web-2,192.0.2.11;2001:db8::11,web prod
"""


def test_a_list_has_one_host_a_line(tmp_path):
    assert shown(hosts_of(tmp_path, LIST, "list")) == {
        "192.0.2.7": ("192.0.2.7", ""),
        "db.internal": ("db.internal", ""),
        "dmz": ("192.0.2.64/26", ""),
        "web-1": ("192.0.2.10", "prod web"),
        "web-2": ("192.0.2.11 2001:db8::11", "prod web"),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("web-1 192.0.2.1", "hosts:1:1: this line is no host; expected an address, or 'name,address,tags'"),
        (" a,b,c,d", "hosts:1:2: this line is no host"),
        ("a,", "hosts:1:1: this line is no host"),
        (",a", "hosts:1:1: this line is no host"),
        ("web\nweb", "hosts:2:1: 'web' is here twice"),
        ("a,192.0.2.1/24", "hosts:1:1: '192.0.2.1/24' is an address inside a network; did you mean '192.0.2.0/24'?"),
        ("a,192.0.2.1,t!", "hosts:1:1: 't!' cannot be a tag"),
        ("# nothing", "hosts: the inventory names no hosts"),
    ],
)
def test_what_is_wrong_in_a_list_is_said_with_its_place(tmp_path, text, problem):
    assert problem in problems_of(tmp_path, text, "list")[0]


def test_an_unknown_form_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot come from 'chef'; expected ansible or list"):
        hosts_of(tmp_path, "a", "chef")


def test_a_missing_file_is_a_problem_of_the_policy(tmp_path):
    with pytest.raises(PolicyError, match="gone: no such file"):
        read_inventory(tmp_path / "gone", "gone", "ansible")


PIECES = [
    *("[web]", "[a:children]", "[a:vars]", "web[1:3]", "a", "b:22", "ansible_host=", "192.0.2.1", " ", "\n", "\n", ":"),
    *(
        "'",
        '"',
        "#",
        "all:",
        "  hosts:",
        "{",
        "}",
        "é",
        "\\",
        ",",
        ";",
        "_meta",
        "[",
        "]",
        "- ",
        "\t",
        "&x",
        "*x",
        "!vault",
    ),
]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.binary(max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, st.sampled_from(["h", "h.yml", "h.json"]), st.sampled_from(["ansible", "list"]))
def test_any_file_is_hosts_or_located_problems(tmp_path, text, name, form):
    hosts, problems = (), ()
    try:
        hosts = hosts_of(tmp_path, text, form, name)
    except PolicyError as error:
        problems = error.problems
    assert hosts or problems
    assert all(host.addresses and host.location.line for host in hosts)
    assert all(problem.location.file == name for problem in problems)


def corpus_inventories():
    if not CORPUS.is_dir() and os.environ.get("CI") != "true":
        return []
    return sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.skipif(not CORPUS.is_dir() and os.environ.get("CI") != "true", reason="../shared/corpus is not here")
def test_real_inventories_are_read_whole():
    inventories = corpus_inventories()
    assert len(inventories) >= 14
    counted = {}
    for path in inventories:
        try:
            counted["/".join(path.parts[-3:])] = len(read_inventory(path, path.name, "ansible"))
        except PolicyError as error:
            counted["/".join(path.parts[-3:])] = str(error)
    refused = {name: found for name, found in counted.items() if not isinstance(found, int)}
    assert refused == {"inventories/digitalocean/inventory": "inventory: the inventory names no hosts"}  # all dynamic
    assert sum(found for found in counted.values() if isinstance(found, int)) == 31
