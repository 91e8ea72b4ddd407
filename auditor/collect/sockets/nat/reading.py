"""Asking for the host's address translation: whether there is any, through netlink, and then the tools that print it.

The kernel tells its rules to whoever has CAP_NET_ADMIN, and to nobody else.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.collect.sockets import addresses, netlink
from auditor.collect.sockets.nat.rules import EVERYTHING, IPV4, IPV6, Taken, TooManyRulesError
from auditor.model.network import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from auditor.collect.sockets.nat.nft import Table
    from auditor.collect.sockets.nat.rules import Ruleset
    from auditor.model.network import NetworkSet

    Printing = Callable[..., str]
    """Takes the names of programs, then the arguments; raises :class:`UnreadError`."""

_NETLINK_NETFILTER = 12
_GET_CHAIN, _NEW_CHAIN = (10 << 8) | 4, (10 << 8) | 3  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN and NEWCHAIN
_GENERIC = struct.Struct("=BBH")  # struct nfgenmsg: family, version, resource
_TABLE, _HOOK, _HOOK_NUMBER = 1, 4, 1  # NFTA_CHAIN_TABLE, NFTA_CHAIN_HOOK, NFTA_HOOK_HOOKNUM
_PREROUTING = 0  # NF_INET_PRE_ROUTING
_FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}  # NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6
_NONE_HERE = {errno.EINVAL, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.ENOENT, errno.EAFNOSUPPORT}

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = 20  # seconds for one tool
_LEGACY = {"ip": "/proc/thread-self/net/ip_tables_names", "ip6": "/proc/thread-self/net/ip6_tables_names"}
_SAVES = {"ip": ("iptables", IPV4), "ip6": ("ip6tables", IPV6)}
_KERNEL = "/proc/sys/kernel/osrelease"
_MODULES = "/proc/modules"
MAKES_NAT = ("nf_nat", "nft_chain_nat", "iptable_nat", "ip6table_nat", "nft_tproxy", "xt_TPROXY")


class UnreadError(Exception):
    """Rules that may be there could not be read, with the reason."""


@dataclass(slots=True, kw_only=True)
class Translation:
    """What address translation takes. ``unread`` says what may not be all there, and why; ``own`` the addresses."""

    taken: list[Taken] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    own: NetworkSet = LOOPBACK


def translation() -> Translation:
    """Read the address translation of the calling thread's network namespace."""
    found = Translation()
    try:
        native, legacy = base_chains(), dict(_legacy_tables())
    except PermissionError:
        if may_translate():
            found.unread.append("the rules of address translation (NAT) are shown to root alone")
        return found
    except OSError as error:
        found.unread.append(f"the rules of address translation (NAT) cannot be read: {error.strerror}")
        return found
    if not native and not legacy:
        return found
    try:
        found.own = addresses.own()
    except OSError as error:
        found.unread.append(f"the host's own addresses cannot be read: {error.strerror}")
    follow(native, legacy, found, _printed)
    return found


def base_chains() -> frozenset[Table]:
    """Return the nftables tables, those of ``iptables-nft`` among them, with a chain on the prerouting hook.

    :raises PermissionError: the kernel does not tell us.
    :raises OSError: it cannot be asked.
    """
    found = set()
    try:
        with netlink.connect(_NETLINK_NETFILTER) as channel:
            for kind, payload in netlink.dump(channel, _GET_CHAIN, _GENERIC.pack(0, 0, 0)):
                values = dict(netlink.attributes(payload, _GENERIC.size))
                hook = dict(netlink.attributes(values.get(_HOOK, b"")))
                family = _FAMILIES.get(payload[0]) if payload else None
                number = int.from_bytes(hook.get(_HOOK_NUMBER, b"\xff"), "big")
                if kind == _NEW_CHAIN and family and number == _PREROUTING:
                    found.add((family, values.get(_TABLE, b"").rstrip(b"\0").decode(errors="replace")))
    except OSError as error:
        if error.errno not in _NONE_HERE:
            raise
    return frozenset(found)


def _legacy_tables() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the tables of the older iptables that may open ports, by family; reading them is for root.

    :raises OSError: they cannot be read.
    """
    for family, path in _LEGACY.items():
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123
                names = frozenset(file.read().split()) & {"nat", "mangle"}
        except FileNotFoundError:
            continue
        if names:
            yield family, names


def may_translate() -> bool:
    """Whether the kernel may translate addresses at all: none of the modules that do can be loaded or built in."""
    try:
        with open(_MODULES, encoding="ascii") as file:  # noqa: PTH123
            loaded = {line.split(" ", 1)[0] for line in file}
        with open(_KERNEL, encoding="ascii") as file:  # noqa: PTH123
            release = file.read().strip()
        with open(f"/lib/modules/{release}/modules.builtin", encoding="ascii") as file:  # noqa: PTH123
            built_in = {line.strip().rpartition("/")[2].partition(".")[0] for line in file}
    except (OSError, ValueError):
        return True
    return any(name in known for name in MAKES_NAT for known in (loaded, built_in))


def follow(
    native: AbstractSet[Table], legacy: Mapping[str, AbstractSet[str]], found: Translation, printed: Printing
) -> None:
    """Add to ``found`` what the rules take, and which cannot be read.

    :param native: the nftables tables that packets meet on arrival, those of ``iptables-nft`` among them.
    :param legacy: the tables of the older iptables by family.
    :param printed: gives what the first of some programs prints that is there.
    """
    for ruleset in _rulesets(native, legacy, found, printed):
        try:
            found.taken += ruleset.taken(EVERYTHING)
        except TooManyRulesError:
            found.unread.append("the rules of address translation (NAT) are too many to be followed")


def _rulesets(
    native: AbstractSet[Table], legacy: Mapping[str, AbstractSet[str]], found: Translation, printed: Printing
) -> Iterator[Ruleset]:
    """Yield every ruleset that can be read, and note which cannot."""
    from auditor.collect.sockets.nat import iptables, nft  # most machines translate nothing

    foreign: set[Table] = set()
    if native:
        try:
            listed = nft.tables(printed(("nft",), "-j", "list", "ruleset"), found.own)
        except (UnreadError, ValueError) as error:
            foreign = set(native)
            problem = str(error)
        else:
            foreign, problem = listed.foreign, "nft cannot read rules that iptables made"
            yield from (rules for table, rules in listed.rulesets.items() if table not in foreign)
        yield from _saved_in_place_of_nft(foreign, problem, found, printed)
    for family, names in legacy.items():
        command, everywhere = _SAVES[family]
        for name in sorted(names):
            try:
                text = printed((f"{command}-legacy-save", f"{command}-save"), "-t", name)
            except UnreadError as error:
                found.unread.append(_missing((family, name), error))
            else:
                yield from iptables.rulesets(text, everywhere, found.own)


def _saved_in_place_of_nft(
    foreign: AbstractSet[Table], problem: str, found: Translation, printed: Printing
) -> Iterator[Ruleset]:
    """Yield the tables that iptables made, as it prints them itself."""
    from auditor.collect.sockets.nat import iptables

    for family, name in sorted(foreign):
        if family not in _SAVES or name not in {"nat", "mangle", "raw"}:
            found.unread.append(_missing((family, name), problem))
            continue
        if name == "raw":  # nothing in it sends packets elsewhere
            continue
        command, everywhere = _SAVES[family]
        try:
            text = printed((f"{command}-nft-save", f"{command}-save"), "-t", name)
        except UnreadError as error:
            found.unread.append(_missing((family, name), error))
            continue
        if f"\n*{name}\n" not in f"\n{text}":  # a table of that name that is not of iptables' making
            found.unread.append(_missing((family, name), problem))
        else:
            yield from iptables.rulesets(text, everywhere, found.own)


def _missing(table: Table, reason: object) -> str:
    return f"address translation (NAT) in table {' '.join(table)} cannot be read: {reason}"


def _printed(names: Sequence[str], *arguments: str) -> str:
    """Run the first of these programs that is installed, and return what it prints.

    :raises UnreadError: none is installed, or it fails.
    """
    import subprocess
    from shutil import which

    program = next((path for name in names if (path := which(name, path=_PATH))), None)
    if program is None:
        raise UnreadError(f"{names[0]} is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - a system tool by its full path, with fixed arguments
            [program, *arguments],
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
            env={"PATH": _PATH, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise UnreadError(f"{names[0]}: {said[0] if said else f'exit status {error.returncode}'}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnreadError(f"{names[0]}: {error}") from error
    return done.stdout.decode(errors="replace")
