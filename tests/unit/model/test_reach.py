"""How far exposure reaches: what grew is told exactly, however it is cut into parts."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.evidence import Kind, Scope, Socket, Way
from auditor.model.network import EVERYWHERE, NetworkSet, parse_address
from auditor.model.ports import Port, PortSet
from auditor.model.reach import Reach, grown, joined, probe_reach, socket_reach

ADDRESSES = [parse_address(text) for text in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1")]
PORTS = [Port.parse(text) for text in ("22", "23", "80", "22/udp")]
GROUPS = (None, "app")
networks = st.lists(st.sampled_from(ADDRESSES), min_size=1).map(lambda some: NetworkSet.of(*some))
reaches = st.lists(
    st.builds(
        Reach,
        kind=st.just(Kind.DECLARED),
        way=st.sampled_from([Way.PUBLISHED, Way.LET_THROUGH]),
        ports=st.lists(st.sampled_from(PORTS), min_size=1).map(lambda some: PortSet.of(*some)),
        sources=networks,
        at=networks,
        group=st.sampled_from(GROUPS),
    ),
    max_size=5,
)


def points(parts):
    """Every single combination that the parts hold."""
    return {
        (one.way, one.group, port, source, at)
        for one in parts
        for port, source, at in product(PORTS, ADDRESSES, ADDRESSES)
        if port in one.ports and source in one.sources and at in one.at
    }


def excused(parts):
    """A group is inside its sources: whoever may all come, its members may."""
    known = points(parts)
    return known | {(way, group, *rest) for way, held, *rest in known if held is None for group in GROUPS}


@given(reaches, reaches)
def test_what_grew_is_what_no_earlier_part_holds(now, before):
    assert points(grown(now, before)) == points(now) - excused(before)


@given(reaches)
def test_joining_parts_changes_nothing_and_their_order_does_not_matter(parts):
    assert points(joined(parts)) == points(parts)
    assert joined(parts) == joined(reversed(parts)) == joined(joined(parts))


def test_too_tangled_a_comparison_says_that_it_grew():
    def comb(start):
        return [
            Reach(
                kind=Kind.DECLARED,
                ports=PortSet.numbers(range(at, 65536, 400)),
                sources=NetworkSet.of(*(parse_address(f"10.{at}.{other}.1") for other in range(at % 7, 256, 7))),
                at=NetworkSet.of(*(parse_address(f"192.0.2.{other}") for other in range(at % 5, 256, 5))),
            )
            for at in range(start, start + 120)
        ]

    everyone = [Reach(kind=Kind.DECLARED, ports=PortSet.span(0, 65535))]
    assert grown(everyone, comb(0))
    assert not grown(comb(0), everyone)


def test_a_socket_on_all_ipv4_addresses_is_not_heard_over_ipv6():
    def heard(address, **more):
        return socket_reach(Socket(port=Port.parse("80"), address=address, scope=Scope.NETWORK, **more)).at

    assert heard("0.0.0.0") == NetworkSet.parse("0.0.0.0/0")
    assert heard("::", dual_stack=True) == heard("nonsense") == EVERYWHERE
    assert heard("0.0.0.0", interface="lo") == NetworkSet.parse("127.0.0.0/8,::1")


def test_an_address_that_the_policy_does_not_spell_out_stands_for_its_family():
    ssh, literal = PortSet.parse("22"), NetworkSet.parse("192.0.2.10")
    assert probe_reach(ssh, "192.0.2.10", literal).at == literal
    assert probe_reach(ssh, "198.51.100.7", literal).at == NetworkSet.parse("0.0.0.0/0")
    assert probe_reach(ssh, "fe80::1%eth0", literal).at == NetworkSet.parse("::/0")
    assert probe_reach(ssh, None).at == probe_reach(ssh, "x").at == EVERYWHERE
