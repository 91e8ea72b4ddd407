"""How one input becomes the next: libFuzzer's changes of bytes, changes of lines and words, and changes of data.

Bytes alone seldom get past a parser of JSON or YAML; what is read after it is what wants to be tried.
"""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WORD = re.compile(rb"[\w.:/*%$\[\]-]+")
_MOST_PLACES = 10_000
"""Aliases in YAML may stand for more than any memory holds."""

_SCALARS: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 65535, 65536, 1 << 64, 10**400, 1.5, float("nan"), float("inf"), "", " ", "-", "-1",
    "0", "0.0.0.0/0", "::/0", "127.0.0.1", "::ffff:1.2.3.4", "fe80::1%eth0", "1-65535", "65535-1", "all", "tcp", "udp",
    "${X:-80}", "a\nb", "\u0000", "\ud800", "\u0663", "\u00b2", "9" * 5000, "x" * 300, [], {}, [[]], [{}], {"": None},
)  # fmt: skip


class Mutator:
    """Makes inputs from inputs. ``corpus`` gives it words and pieces."""

    def __init__(self, corpus: Sequence[bytes], of_bytes: Callable[[bytes, int], bytes], *, as_yaml: bool) -> None:
        self._words = sorted({word for data in corpus for word in _WORD.findall(data) if len(word) <= 60}) or [b"x"]
        self._lines = sorted({line for data in corpus for line in data.split(b"\n") if len(line) <= 300}) or [b""]
        self._of_bytes = of_bytes
        self._as_yaml = as_yaml

    def __call__(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Change an input; the same seed makes the same change where libFuzzer's own is not asked."""
        chance = random.Random(seed)  # noqa: S311 - nothing secret
        way = chance.random()
        changed = None
        if way < 0.5:
            changed = self._data(data, chance)
        if changed is None and way < 0.8:
            changed = self._text(data, chance)
        if changed is None or len(changed) > max_size:
            return self._of_bytes(data, max_size)
        return changed

    def _text(self, data: bytes, chance: random.Random) -> bytes:
        lines = data.split(b"\n")
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[other])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines.insert(at, chance.choice(self._lines))
            case _:
                words = list(_WORD.finditer(lines[at]))
                if words:
                    word = chance.choice(words)
                    lines[at] = lines[at][: word.start()] + self._word(chance) + lines[at][word.end() :]
        return b"\n".join(lines)

    def _word(self, chance: random.Random) -> bytes:
        if chance.random() < 0.7:
            return chance.choice(self._words)
        return str(chance.choice(_SCALARS)).encode(errors="replace")

    def _data(self, data: bytes, chance: random.Random) -> bytes | None:
        """Change the data in a document, or in one of the lines; None where there are none."""
        whole = self._loaded(data)
        if whole is not None:
            return self._written(self._changed(whole, chance))
        lines = data.split(b"\n")
        at = chance.randrange(len(lines))
        if not lines[at].lstrip().startswith((b"{", b"[")) or (value := self._loaded(lines[at])) is None:
            return None
        lines[at] = self._written(self._changed(value, chance))
        return b"\n".join(lines)

    def _loaded(self, data: bytes) -> Any:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            if not self._as_yaml:
                return None
            try:
                value = yaml.load(data, Loader=yaml.CBaseLoader)  # noqa: S506 - texts alone
            except (yaml.YAMLError, ValueError, RecursionError):
                return None
        return value if isinstance(value, (dict, list)) and 0 < len(_places(value)) < _MOST_PLACES else None

    def _written(self, value: Any) -> bytes:
        try:
            return json.dumps(value, ensure_ascii=False, indent=1).encode(errors="surrogatepass")
        except (ValueError, RecursionError):
            return b"{}"

    def _changed(self, value: Any, chance: random.Random) -> Any:
        places = list(_places(value))
        for _ in range(chance.choice((1, 1, 2, 4))):
            holder, key = chance.choice(places)
            self._change(holder, key, places, chance)
        return value

    def _change(self, holder: Any, key: Any, places: list[tuple[Any, Any]], chance: random.Random) -> None:
        try:
            match chance.randrange(7):
                case 0 | 1:
                    holder[key] = self._scalar(chance)
                case 2:
                    del holder[key]
                case 3:
                    source, at = chance.choice(places)
                    holder[key] = json.loads(json.dumps(source[at]))
                case 4:
                    holder[key] = chance.choice(([holder[key]], {"x": holder[key]}, [holder[key], holder[key]]))
                case 5 if isinstance(holder, dict):
                    holder[self._word(chance).decode(errors="replace")] = holder.pop(key)
                case _ if isinstance(holder, dict):
                    holder[self._word(chance).decode(errors="replace")] = self._scalar(chance)
                case _:
                    holder.insert(key, self._scalar(chance))
        except (KeyError, IndexError, ValueError, RecursionError):
            return  # an earlier change took the place away

    def _scalar(self, chance: random.Random) -> Any:
        if chance.random() < 0.5:
            return chance.choice(self._words).decode(errors="replace")
        return json.loads(json.dumps(chance.choice(_SCALARS[:9] + _SCALARS[10:])))


def _places(value: Any) -> list[tuple[Any, Any]]:
    found = []
    todo = [value]
    while todo and len(found) < _MOST_PLACES:
        holder = todo.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                todo.append(holder[key])
    return found
