"""Whose turn it is: networks take turns, the hosts of a network, and the addresses of a host. Pure.

A network stands for what lies on the way to it, one line and one firewall: a small one does not wait behind one of
thousands, and one that swallows everything does not take all the room.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from auditor.model.network import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.model.target import Target

_PREFIX: Final = {4: 32 - 24, 6: 128 - 64}
"""Bits of an address within its network: an IPv4 /24, an IPv6 /64."""
_MOST_OF_ALL: Final = 0.75

T = TypeVar("T")
Network = tuple[int, int, str]
"""Version, the bits of the prefix, and the zone where there is one."""


def network_of(address: str) -> Network:
    """The network of a literal address, with or without a zone.

    :raises ValueError: not a literal address.
    """
    literal, _, zone = address.partition("%")
    parsed = parse_address(literal)
    return parsed.version, int(parsed) >> _PREFIX[parsed.version], zone


class Load:
    """How much is under way, by network. With several networks none may have more than three quarters of ``room``."""

    def __init__(self, room: int) -> None:
        self._most = max(1, int(room * _MOST_OF_ALL))
        self._packets: Counter[Network] = Counter()
        self._members: Counter[Network] = Counter()

    def join(self, network: Network) -> None:
        """One more address of this network is under way."""
        self._members[network] += 1

    def leave(self, network: Network) -> None:
        """One less."""
        self._members[network] -= 1
        if not self._members[network]:
            del self._members[network]
            self._packets.pop(network, None)

    def add(self, network: Network, packets: int) -> None:
        """So many more packets are on their way into the network, or less."""
        self._packets[network] += packets

    def full(self, network: Network) -> bool:
        """Whether it has its share."""
        return len(self._members) > 1 and self._packets[network] >= self._most


class Turns(Generic[T]):
    """Those who want to be served, each at most once, in rings within a ring; ``full`` networks are left out."""

    def __init__(self, full: Callable[[Network], bool]) -> None:
        self._full = full
        self._ring: OrderedDict[Network, OrderedDict[str, deque[T]]] = OrderedDict()

    def add(self, one: T, network: Network, host: str) -> None:
        """Line up, behind the others of the host, the host behind those of the network."""
        hosts = self._ring.setdefault(network, OrderedDict())
        hosts.setdefault(host, deque()).append(one)

    def take(self, fits: Callable[[T], bool]) -> T | None:
        """Who is next of those that fit, and no longer lined up; None: nobody."""
        for _ in range(len(self._ring)):
            network, hosts = self._ring.popitem(last=False)
            found = None if self._full(network) else _next(hosts, fits)
            if hosts:
                self._ring[network] = hosts
            if found is not None:
                return found
        return None

    def remove(self, one: T, network: Network, host: str) -> None:
        """Take it out of the line.

        :raises KeyError: the host is not lined up.
        :raises ValueError: the host is, and this one is not.
        """
        hosts = self._ring[network]
        hosts[host].remove(one)
        if not hosts[host]:
            del hosts[host]
        if not hosts:
            del self._ring[network]


def fairly(targets: Iterable[Target]) -> list[Target]:
    """All targets, the networks in turn, and within a network its hosts: in this order they are begun.

    :raises ValueError: a target whose address is not a literal one.
    """
    networks: dict[Network, list[tuple[int, Target]]] = {}
    of_host: Counter[tuple[Network, str]] = Counter()
    for target in targets:
        network = network_of(target.address)
        networks.setdefault(network, []).append((of_host[network, target.host], target))
        of_host[network, target.host] += 1
    placed: list[tuple[int, Target]] = []
    for members in networks.values():
        members.sort(key=itemgetter(0))
        placed += ((place, target) for place, (_, target) in enumerate(members))
    placed.sort(key=itemgetter(0))
    return [target for _, target in placed]


def _next(hosts: OrderedDict[str, deque[T]], fits: Callable[[T], bool]) -> T | None:
    """The first that fits, of the host whose turn it is; whoever does not goes to the end."""
    for _ in range(len(hosts)):
        host, line = hosts.popitem(last=False)
        for _ in range(len(line)):
            one = line.popleft()
            if fits(one):
                if line:
                    hosts[host] = line
                return one
            line.append(one)
        hosts[host] = line
    return None
