"""Rows and processes become sockets: folded where they are one server, never where that would hide somebody."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from auditor.collect.sockets import listing, making
from auditor.collect.sockets.entries import Entry, KernelState
from auditor.collect.sockets.nat.reading import Translation
from auditor.collect.sockets.processes import Holders, Process
from auditor.collect.sockets.proxies import Proxy
from auditor.collect.sockets.tables import Tables
from auditor.model.evidence import Container, Kind, Scope
from auditor.model.ports import ALL_TCP, ALL_UDP, NO_PORTS, Port, PortSet, Protocol

EPHEMERAL = PortSet.parse("32768-60999/udp,32768-60999/tcp")


def entry(address: str, number: int = 80, protocol: Protocol = Protocol.TCP, **rest) -> Entry:
    state = KernelState.LISTEN if protocol is Protocol.TCP else KernelState.CLOSE
    given = {"uid": 0, "inode": 1, "remote": ip_address("0.0.0.0"), "remote_number": 0, "state": state} | rest
    return Entry(protocol=protocol, address=ip_address(address), number=number, **given)


def table(*entries: Entry, unread=None, interfaces=None) -> Tables:
    return Tables(entries=entries, unread=unread or {}, interfaces=interfaces or {}, handed_out=EPHEMERAL)


def held(**by_inode: tuple[Process, ...]) -> Holders:
    return Holders(by_inode={int(inode[1:]): who for inode, who in by_inode.items()}, denied=0)


def process(pid: int, name: str = "nginx", uid: int = 0) -> Process:
    return Process(pid=pid, name=name, uid=uid, started=pid)


NOBODY = held()


@pytest.mark.parametrize(
    ("address", "interface", "scope"),
    [
        ("127.0.0.1", 0, Scope.LOOPBACK),
        ("127.255.0.9", 0, Scope.LOOPBACK),
        ("::1", 0, Scope.LOOPBACK),
        ("0.0.0.0", 0, Scope.NETWORK),
        ("::", 0, Scope.NETWORK),
        ("0.0.0.0", 1, Scope.LOOPBACK),
        ("::", 1, Scope.LOOPBACK),
        ("0.0.0.0", 2, Scope.NETWORK),
        ("10.0.0.1", 0, Scope.NETWORK),
        ("fe80::1", 2, Scope.NETWORK),
    ],
)
def test_the_scope_follows_from_address_and_device(address, interface, scope):
    (found,) = making.sockets(table(entry(address, interface=interface), interfaces={1: "lo", 2: "eth0"}), NOBODY)
    assert found.scope is scope
    assert found.interface == {0: None, 1: "lo", 2: "eth0"}[interface]


def test_one_socket_of_many_processes_is_one_with_the_oldest_in_front():
    found = making.sockets(table(entry("::", dual=True)), held(i1=(process(10), process(11), process(12, uid=33))))
    assert [(each.process, each.pid, each.shared_by, each.dual_stack) for each in found] == [("nginx", 10, 3, True)]


def test_reuseport_duplicates_fold_into_one():
    rows = [entry("0.0.0.0", inode=inode) for inode in (1, 2, 3)]
    (found,) = making.sockets(table(*rows), held(i1=(process(30),), i2=(process(20),), i3=(process(40),)))
    assert (found.pid, found.shared_by) == (20, 3)


def test_one_process_with_several_sockets_counts_once():
    (found,) = making.sockets(
        table(entry("0.0.0.0"), entry("0.0.0.0", inode=2)), held(i1=(process(9),), i2=(process(9),))
    )
    assert found.shared_by == 1


def test_another_program_on_the_same_socket_is_not_hidden():
    found = making.sockets(table(entry("0.0.0.0")), held(i1=(process(1, "systemd"), process(9, "sshd"))))
    assert [(each.process, each.pid, each.shared_by) for each in found] == [("sshd", 9, 1), ("systemd", 1, 1)]


def test_addresses_families_and_devices_do_not_fold():
    rows = [entry("0.0.0.0"), entry("127.0.0.1"), entry("::", dual=False), entry("0.0.0.0", interface=1)]
    assert len(making.sockets(table(*rows, interfaces={1: "lo"}), held(i1=(process(1),)))) == 4


def test_a_mapped_and_a_plain_ipv4_socket_of_one_process_are_one():
    assert (
        len(
            making.sockets(
                table(entry("127.0.0.1"), entry("127.0.0.1", inode=2)), held(i1=(process(1),), i2=(process(1),))
            )
        )
        == 1
    )


def test_a_socket_whose_process_is_hidden_still_names_the_user_of_its_row():
    (found,) = making.sockets(table(entry("0.0.0.0", uid=4_000_000_000)), NOBODY)
    assert (found.process, found.pid, found.user) == (None, None, "4000000000")


def test_hidden_holders_of_different_users_do_not_fold_and_of_one_user_are_counted():
    rows = [entry("0.0.0.0", inode=1), entry("0.0.0.0", inode=2), entry("0.0.0.0", inode=3, uid=4_000_000_000)]
    found = making.sockets(table(*rows), NOBODY)
    assert sorted((each.user, each.shared_by) for each in found) == [("4000000000", 1), ("root", 2)]


def test_the_user_is_the_process_own_and_not_the_one_who_made_the_socket():
    (found,) = making.sockets(table(entry("0.0.0.0", uid=0)), held(i1=(process(5, uid=4_000_000_000),)))
    assert found.user == "4000000000"


@pytest.mark.parametrize(
    ("protocol", "number", "client"),
    [
        (Protocol.UDP, 53, False),
        (Protocol.UDP, 40000, True),
        (Protocol.UDP, 61000, False),
        (Protocol.TCP, 40000, False),
    ],
)
def test_only_an_unconnected_udp_socket_on_an_ephemeral_port_is_likely_a_clients(protocol, number, client):
    (found,) = making.sockets(table(entry("0.0.0.0", number, protocol)), NOBODY)
    assert found.client is client


def test_sockets_ascend_by_port_and_address():
    rows = [entry("127.0.0.1", 443), entry("0.0.0.0", 443), entry("0.0.0.0", 53, Protocol.UDP), entry("0.0.0.0", 22)]
    found = making.sockets(table(*rows), NOBODY)
    assert [(str(each.port), each.address) for each in found] == [
        ("22/tcp", "0.0.0.0"), ("443/tcp", "0.0.0.0"), ("443/tcp", "127.0.0.1"), ("53/udp", "0.0.0.0"),
    ]  # fmt: skip


@pytest.fixture
def kernel(monkeypatch):
    """Tables that the collector reads instead of the kernel's, with nobody to be seen."""
    given = {"tables": table(), "translation": Translation()}
    monkeypatch.setattr(listing.tables, "read", lambda *_, **__: given["tables"])
    monkeypatch.setattr(listing, "holders", lambda _: NOBODY)
    monkeypatch.setattr(listing, "translation", lambda: given["translation"])
    return given


@pytest.mark.usefixtures("kernel")
def test_a_table_read_in_full_counts_as_asked():
    (seen,) = listing.listening("web-1", all_namespaces=False)
    assert (seen.host, seen.asked, seen.unknown, seen.alive) == ("web-1", ALL_TCP | ALL_UDP, (), True)


def test_a_protocol_whose_table_cannot_be_read_is_unknown_with_the_reason(kernel):
    kernel["tables"] = table(entry("0.0.0.0", 53, Protocol.UDP), unread={Protocol.TCP: "table tcp: Permission denied"})
    (seen,) = listing.listening(all_namespaces=False)
    assert seen.asked == ALL_UDP
    assert [(each.ports, each.reason) for each in seen.unknown] == [(ALL_TCP, "table tcp: Permission denied")]
    assert [each.port for each in seen.sockets] == [Port(Protocol.UDP, 53)]


def test_with_no_table_at_all_nothing_counts_as_asked(kernel):
    kernel["tables"] = table(unread=dict.fromkeys(Protocol, "no tables here"))
    (seen,) = listing.listening(all_namespaces=False)
    assert seen.asked == NO_PORTS
    assert {each.ports for each in seen.unknown} == {ALL_TCP, ALL_UDP}


@pytest.mark.usefixtures("kernel")
def test_one_protocol_alone_can_be_asked_and_claims_no_more():
    evidence = listing.listening(all_namespaces=False, protocols=[Protocol.UDP])
    (seen,) = evidence
    assert (evidence.origin.asked, seen.asked) == (ALL_UDP, ALL_UDP)


@pytest.mark.usefixtures("kernel")
def test_evidence_is_incomplete_until_it_has_been_read_and_reads_the_same_again():
    evidence = listing.listening(all_namespaces=False)
    assert evidence.origin.kind is Kind.SOCKETS
    assert not evidence.completion.complete
    first = list(evidence)
    assert evidence.completion.complete
    assert list(evidence) == first


@pytest.mark.usefixtures("kernel")
def test_the_machine_is_named_in_full_and_in_short(monkeypatch):
    monkeypatch.setattr(listing.socket, "gethostname", lambda: "web-1.shop.example")
    (seen,) = listing.listening(all_namespaces=False)
    assert (seen.host, seen.names) == (None, ("web-1.shop.example", "web-1"))


@pytest.mark.parametrize(
    ("uid", "denied", "says"),
    [
        (1000, 0, "processes of other users are hidden: run as root"),
        (0, 3, "even from root"),
        (0, 0, "no process in sight"),
    ],
)
def test_a_socket_without_a_process_is_explained(monkeypatch, uid, denied, says):
    monkeypatch.setattr(listing.os, "geteuid", lambda: uid)
    (note,) = listing.hidden([entry("0.0.0.0")], Holders(by_inode={}, denied=denied))
    assert says in note


def test_where_every_process_is_seen_nothing_is_explained():
    seen = [entry("0.0.0.0", inode=0), entry("0.0.0.0", inode=1)]
    assert list(listing.hidden(seen, held(i1=(process(1),)))) == []


def test_where_translation_cannot_be_read_ports_on_which_nobody_listens_are_unknown(kernel):
    kernel["tables"] = table(entry("0.0.0.0", 80), entry("127.0.0.1", 81))
    kernel["translation"] = Translation(unread=["the rules are shown to root alone", "and more"])
    (seen,) = listing.listening(all_namespaces=False)
    (unknown,) = seen.unknown
    assert unknown.ports == (ALL_TCP | ALL_UDP) - PortSet.parse("80/tcp,81/tcp")
    assert unknown.reason == "the rules are shown to root alone: they may publish ports that nobody listens on"


def test_unit_container_and_what_a_proxy_forwards_are_the_oldest_process_own():
    web = Container(engine="docker", id="0" * 64, name="web")
    proxy = Proxy(forwards={Port(Protocol.TCP, 80): "172.17.0.2:8080"})
    old = Process(pid=7, name="docker-proxy", uid=0, started=1, unit="docker.service", container=web, proxy=proxy)
    young = Process(pid=6, name="docker-proxy", uid=0, started=2, unit="other.service")
    (found,) = making.sockets(table(entry("0.0.0.0")), held(i1=(young, old)))
    assert (found.pid, found.unit, found.container, found.forwards) == (7, "docker.service", web, "172.17.0.2:8080")
