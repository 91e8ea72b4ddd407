"""Service names and port numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.files import iana
from auditor.files.common_services import COMMON
from auditor.model.ports import Port, PortSet


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("http", "80/tcp"),
        ("WWW", "80/tcp"),
        ("ssh", "22/tcp"),
        ("smb", "445/tcp"),
        ("rdp", "3389/tcp,3389/udp"),
        ("postgres", "5432/tcp"),
        ("dns", "53/tcp,53/udp"),
        ("mongodb", "27017/tcp"),
        ("docker", "2375/tcp"),
        ("tftp", "69/udp"),
        ("elasticsearch", "9200/tcp,9300/tcp"),
    ],
)
def test_a_name_in_common_use_stands_for_what_the_service_really_uses(name, ports):
    assert iana.ports_of(name) == PortSet.parse(ports)


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("tcpmux", "1/tcp,1/udp"),
        ("xmpp-client", "5222/tcp"),
        ("ircu", "6665-6669/tcp"),
        ("XmlIpcRegSvc", "9092/tcp,9092/udp"),
    ],
)
def test_any_other_name_stands_for_all_of_its_registered_ports(name, ports):
    assert iana.ports_of(name) == PortSet.parse(ports)


def test_a_name_with_several_lines_has_the_ports_of_all_of_them():
    assert iana.ports_of("compressnet") == PortSet.parse("2/tcp,3/tcp,2/udp,3/udp")


@pytest.mark.parametrize("name", ["", "no-such-service", "22", "htt p", "Escale (Newton Dock)"])
def test_an_unknown_name_has_no_ports(name):
    assert iana.ports_of(name) is None


@pytest.mark.parametrize(
    ("port", "name", "description"),
    [
        ("80/tcp", "http", "World Wide Web HTTP"),
        ("465/tcp", "submissions", "Message Submission over TLS protocol"),
        ("6010/tcp", "x11", "X Window System"),
        ("10250/tcp", "kubelet", None),
        ("7/udp", "echo", "Echo"),
        ("4/tcp", None, None),
    ],
)
def test_a_port_has_its_preferred_name_and_the_registrys_description(port, name, description):
    assert (iana.name_of(Port.parse(port)), iana.describe(Port.parse(port))) == (name, description)


def test_a_port_that_another_service_took_over_is_known_by_both_names():
    port = Port.parse("9200/tcp")
    assert (iana.name_of(port), iana.also_called(port)) == ("wap-wsp", ("elasticsearch", "opensearch"))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "well-known"),
        (1023, "well-known"),
        (1024, "registered"),
        (49151, "registered"),
        (49152, "dynamic"),
        (65535, "dynamic"),
    ],
)
def test_every_number_lies_in_one_range(number, name):
    assert iana.range_name(number) == name


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_number_outside_is_refused(number):
    with pytest.raises(ValueError, match="not a port"):
        iana.range_name(number)


def test_no_name_could_be_taken_for_another_form_of_a_port_item():
    forms = [name for name in iana.names() if name in {"all", *iana.RANGES} or name.replace("-", "").isdigit()]
    assert forms == []


def test_every_name_has_ports_and_is_in_lower_case():
    assert [name for name in iana.names() if not iana.ports_of(name) or name != name.lower()] == []


def test_every_line_of_the_shipped_table_has_four_columns_and_a_port():
    assert [line for line in iana._lines() if line.count("\t") != 3 or not any(line.split("\t")[1:3])] == []


@given(st.sampled_from(sorted(iana.names())))
def test_a_registered_port_is_among_those_of_its_name(name):
    ports = iana.ports_of(name)
    named = [iana.name_of(port) for port in ports] if len(ports) < 100 else []
    assert None not in named
    assert all(found in COMMON or port in iana.ports_of(found) for port, found in zip(ports, named, strict=False))
