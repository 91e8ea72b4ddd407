"""Host patterns of Ansible inventories: ``web[01:10].example.com:2222`` means ten names. Under ``policy.inventory``."""

from __future__ import annotations

import re
from itertools import product
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

from auditor.model.network import parse_address
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_HOSTS = 100_000
"""The most hosts that one inventory may name, ranges expanded."""

_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")
_PORT = re.compile(r"(.+):[0-9]{1,5}")
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_RANGE_FORM = "a range such as [01:10], [a:f] or [0:100:10]"


def expand(pattern: str) -> Iterator[str]:
    """Return the names that a pattern means, in order; the port of the remote login is dropped.

    :raises WrongWordError: a range that is none, or more than ``MAX_HOSTS`` names.
    """
    name = _without_port(pattern)
    texts, ranges = _RANGE.split(name)[::2], [_members(found) for found in _RANGE.findall(name)]
    size = 1
    for members in ranges:
        size *= len(members)
        if size > MAX_HOSTS:
            raise WrongWordError(f"'{pattern[:80]}' means more than {MAX_HOSTS:,} hosts")
    if not ranges or _is_ipv6(name):
        return iter((name,))
    return ("".join(_woven(texts, chosen)) for chosen in product(*ranges))


def _without_port(pattern: str) -> str:
    bracketed = _BRACKETED.fullmatch(pattern)
    if bracketed and _is_ipv6(bracketed[1]):
        return bracketed[1]
    if _is_ipv6(pattern):
        return pattern
    with_port = _PORT.fullmatch(pattern)
    return with_port[1] if with_port else pattern


def _is_ipv6(text: str) -> bool:
    if text.count(":") < 2 or "[" in text:
        return False
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def _members(text: str) -> Sequence[str]:
    low, high, *step = (*text.split(":"), "") if ":" not in text else text.split(":")
    stride = _stride(step, text)
    low = low or "0"
    if low.isascii() and low.isdigit() and high.isascii() and high.isdigit() and max(len(low), len(high)) <= 18:
        return _numbers(low, high, stride, text)
    for letters in (ascii_lowercase, ascii_uppercase):
        if len(low) == len(high) == 1 and low in letters and high in letters and low <= high:
            return letters[letters.index(low) : letters.index(high) + 1 : stride]
    raise WrongWordError(f"'[{text[:80]}]' is not a range", expected=_RANGE_FORM)


def _numbers(low: str, high: str, stride: int, text: str) -> Sequence[str]:
    width = len(low) if low.startswith("0") and len(low) > 1 else 0
    found = range(int(low), int(high) + 1, stride)
    if not found or (width and width != len(high)):
        reason = "runs backwards" if not found else "has ends of different width"
        raise WrongWordError(f"the range '[{text}]' {reason}", expected=_RANGE_FORM)
    if len(found) > MAX_HOSTS:
        raise WrongWordError(f"'[{text}]' means more than {MAX_HOSTS:,} hosts")
    return [str(number).zfill(width) for number in found]


def _stride(step: Sequence[str], text: str) -> int:
    if not step:
        return 1
    if len(step) == 1 and step[0].isascii() and step[0].isdigit() and len(step[0]) <= 9 and int(step[0]):
        return int(step[0])
    raise WrongWordError(f"'[{text[:80]}]' is not a range", expected=_RANGE_FORM)


def _woven(texts: Sequence[str], chosen: Sequence[str]) -> Iterator[str]:
    for text, member in zip(texts, chosen, strict=False):
        yield text
        yield member
    yield texts[-1]
