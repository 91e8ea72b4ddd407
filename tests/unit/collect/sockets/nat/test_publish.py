"""What address translation takes is the host's exposure: none is missed, and none is made up."""

from __future__ import annotations

import pytest

from auditor.collect.sockets.nat.publish import Elsewhere, published
from auditor.collect.sockets.nat.reading import Translation
from auditor.collect.sockets.nat.rules import IPV4, IPV6, Reach, Taken, Target
from auditor.model.evidence import Container, Scope, Socket
from auditor.model.network import LOOPBACK, NetworkSet
from auditor.model.ports import ALL_TCP, ALL_UDP, Port, PortSet

ALL = ALL_TCP | ALL_UDP
OWN = LOOPBACK | NetworkSet.parse("192.0.2.1,2001:db8::1,10.88.0.1")
WEB = Container(engine="docker", id="0" * 64, name="web")


def listener(port: str, address: str = "0.0.0.0", scope: Scope = Scope.NETWORK, **rest) -> Socket:
    return Socket(port=Port.parse(port), address=address, scope=scope, **{"process": "nginx", "pid": 7} | rest)


def taken(ports: str, target: Target, to: str | NetworkSet = IPV4, *, inner: bool = False) -> Taken:
    where = NetworkSet.parse(to) if isinstance(to, str) else to
    return Taken(reach=Reach(ports=PortSet.parse(ports), to=where, inner=inner), target=target)


def publish(*rules: Taken, own=(), inner=(), places=None, asked=ALL, routes_loopback=False):
    elsewhere = Elsewhere(sockets=inner, places=places or {})
    return published(Translation(taken=list(rules), own=OWN), own, elsewhere, asked, routes_loopback=routes_loopback)


def rows(found) -> list[tuple[str, str, str, str | None, str | None]]:
    return [
        (str(each.port), each.address, each.scope.value, each.process, each.forwards)
        for each in found.sockets
        if each.nat
    ]


CONTAINER = Target(address="172.17.0.2", port="80")


def test_a_port_sent_to_another_address_is_open_to_the_network_whoever_answers_there():
    assert rows(publish(taken("8080/tcp", CONTAINER))) == [("8080/tcp", "0.0.0.0", "network", None, "172.17.0.2:80")]
    assert rows(publish(taken("8080/tcp", CONTAINER, IPV6)))[0][:3] == ("8080/tcp", "::", "network")


def test_who_listens_behind_it_is_named_where_that_can_be_seen():
    inside = listener("80/tcp", netns="net:[7]", container=WEB, user="www", unit="nginx.service")
    other = listener("80/tcp", netns="net:[8]", process="not-this")
    places = {"net:[7]": NetworkSet.parse("172.17.0.2"), "net:[8]": NetworkSet.parse("172.17.0.3")}
    (found,) = publish(taken("8080/tcp", CONTAINER), inner=[inside, other], places=places).sockets
    assert (found.process, found.container, found.user, found.unit) == ("nginx", WEB, "www", "nginx.service")
    assert (found.netns, found.nat, found.client) == (None, True, False)


def test_loopback_of_a_container_takes_nothing_from_outside():
    inside = listener("80/tcp", "127.0.0.1", Scope.LOOPBACK, netns="net:[7]")
    (found,) = publish(
        taken("8080/tcp", CONTAINER), inner=[inside], places={"net:[7]": NetworkSet.parse("172.17.0.2")}
    ).sockets
    assert found.process is None


@pytest.mark.parametrize(
    ("to", "addresses"),
    [
        ("127.0.0.1", [("127.0.0.1", "loopback")]),
        ("192.0.2.1", [("192.0.2.1", "network")]),
        (OWN & IPV4, [("0.0.0.0", "network")]),
        (OWN, [("0.0.0.0", "network"), ("::", "network")]),
        ("192.0.2.0/24", [("192.0.2.1", "network")]),
        ("10.96.0.1", []),
    ],
)
def test_the_address_that_a_rule_names_is_the_one_that_is_published(to, addresses):
    found = publish(taken("8080/tcp", CONTAINER, to))
    assert [(each.address, each.scope.value) for each in found.sockets] == addresses
    assert bool(found.notes) == (not addresses)


def test_what_only_the_host_itself_sends_is_not_the_networks():
    assert rows(publish(taken("1/tcp", CONTAINER, inner=True)))[0][2] == "loopback"


def test_a_redirection_is_open_where_somebody_listens_for_it():
    rule = taken("80/tcp", Target(port="8080"))
    assert rows(publish(rule, own=[listener("8080/tcp")])) == [("80/tcp", "0.0.0.0", "network", "nginx", "port 8080")]
    assert rows(publish(rule)) == []
    assert rows(publish(rule, own=[listener("8080/tcp", "127.0.0.1", Scope.LOOPBACK)])) == []
    assert rows(publish(rule, own=[listener("8080/udp")])) == []


def test_a_redirection_to_the_same_port_adds_nothing():
    assert rows(publish(taken("53/udp", Target()), own=[listener("53/udp")])) == []


@pytest.mark.parametrize(("routes", "opened"), [(True, 1), (False, 0)])
def test_a_port_sent_to_loopback_is_open_if_the_kernel_routes_that(routes, opened):
    own = [listener("5432/tcp", "127.0.0.1", Scope.LOOPBACK, process="postgres")]
    rule = taken("5432/tcp", Target(address="127.0.0.1", port="5432"))
    found = rows(publish(rule, own=own, routes_loopback=routes))
    assert len(found) == opened
    assert found in ([], [("5432/tcp", "0.0.0.0", "network", "postgres", "127.0.0.1:5432")])


def test_a_transparent_proxy_takes_packets_for_anybody_even_on_loopback():
    rule = taken("80/tcp", Target(port="9040", transparent=True))
    own = [listener("9040/tcp", "127.0.0.1", Scope.LOOPBACK, process="tor")]
    assert rows(publish(rule, own=own)) == [("80/tcp", "0.0.0.0", "network", "tor", "port 9040")]
    assert rows(publish(rule)) == []


def test_several_targets_are_one_port():
    rules = [taken("80/tcp", Target(address=f"10.1.0.{number}", port="8080")) for number in range(1, 6)]
    ((_, _, _, _, forwards),) = rows(publish(*rules))
    assert forwards == "10.1.0.1:8080, 10.1.0.2:8080, 10.1.0.3:8080 and 2 more"


def test_a_proxy_and_the_rule_beside_it_are_one_thing():
    inside = listener("80/tcp", netns="net:[7]", container=WEB)
    places = {"net:[7]": NetworkSet.parse("172.17.0.2")}
    own = [listener("8080/tcp", process="docker-proxy", forwards="172.17.0.2:80")]
    (found,) = publish(taken("8080/tcp", CONTAINER), own=own, inner=[inside], places=places).sockets
    assert (found.process, found.nat, found.container, found.forwards) == ("docker-proxy", False, WEB, "172.17.0.2:80")


def test_a_proxy_for_something_else_and_a_server_in_its_own_right_stay_beside_the_rule():
    for process, forwards in (("docker-proxy", "172.17.0.9:80"), ("nginx", None)):
        own = [listener("8080/tcp", process=process, forwards=forwards)]
        assert [each.nat for each in publish(taken("8080/tcp", CONTAINER), own=own).sockets] == [False, True]


def test_a_rule_without_ports_leaves_them_unknown_but_for_those_that_are_open_anyway():
    found = publish(taken(str(ALL_TCP), Target(address="10.9.9.9")), own=[listener("22/tcp")])
    assert rows(found) == []
    (unknown,) = found.unknown
    assert unknown.ports == ALL_TCP - PortSet.parse("22/tcp")
    assert unknown.reason == "address translation (NAT) sends them on to 10.9.9.9, and nobody looked there"


def test_a_rule_without_ports_for_loopback_or_for_nobody_leaves_nothing_unknown():
    assert publish(taken(str(ALL_TCP), Target(address="10.9.9.9"), "127.0.0.1")).unknown == []
    assert publish(taken(str(ALL_TCP), Target(port="9040"))).unknown == []
    assert publish(taken(str(ALL_TCP), Target(port="9040")), own=[listener("9040/tcp")]).unknown != []


def test_what_was_not_asked_is_not_told():
    assert publish(taken("53/udp", CONTAINER), asked=ALL_TCP).sockets == []


def test_ports_of_a_range_go_where_nobody_can_say_which():
    rule = taken("8000-8002/tcp", Target(address="10.0.0.4", port="8000-8002"))
    assert [each[0] for each in rows(publish(rule))] == ["8000/tcp", "8001/tcp", "8002/tcp"]
