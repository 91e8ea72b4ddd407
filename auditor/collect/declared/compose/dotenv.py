"""``.env`` files by compose's rules, which are not the shell's: quotes, ``export``, comments, inherited names.

The rules are those of compose's own reader (``dotenv`` in compose-go) since version 2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.collect.declared.compose.variables import TemplateError, substitute

if TYPE_CHECKING:
    from collections.abc import Callable

    Lookup = Callable[[str], str | None]

_SPACE = " \t\v\f\r\x85\xa0"
_EXPORT = re.compile(r"export\s+")
_KEY = re.compile(r"[^=:\n]*")
_ALLOWED = re.compile(r"[\w.\-\[\] \t\v\f\r\x85\xa0]*")
_COMMENT = re.compile(r"#[^\n]*")
_ESCAPE = re.compile(r'\\([abcfnrtv$"\\]|0[0-7]{0,3})')
_ESCAPED = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\", "$": "$$",
}  # fmt: skip


class DotenvError(Exception):
    """Compose refuses the file; says the line and why, and never what stands in it."""


def parse_dotenv(text: str, outer: Lookup) -> dict[str, str]:
    """Read variables. ``outer`` is the environment around the file: it wins where a value names a variable.

    :raises DotenvError: compose refuses it.
    """
    return _Reader(text, outer).read()


class _Reader:
    def __init__(self, text: str, outer: Lookup) -> None:
        self._text = text.replace("\r\n", "\n")
        self._outer = outer
        self._found: dict[str, str] = {}
        self._at = 0

    def read(self) -> dict[str, str]:
        while self._next_statement():
            self._statement()
        return {name: value for name, value in self._found.items() if not name[:1].isdigit()}

    def _next_statement(self) -> bool:
        while self._at < len(self._text):
            if self._text[self._at].isspace():
                self._at += 1
            elif comment := _COMMENT.match(self._text, self._at):
                self._at = comment.end()
            else:
                return True
        return False

    def _statement(self) -> None:
        if export := _EXPORT.match(self._text, self._at):
            self._at = export.end()
        key = _KEY.match(self._text, self._at)
        begin, end = self._at, key.end() if key else self._at
        written = self._text[begin:end]
        if not _ALLOWED.fullmatch(written):
            raise self._error("a character that no variable's name has")
        name = written.rstrip()
        if any(space in name for space in _SPACE):
            raise self._error("a name with a space in it")
        self._at = end + 1
        if end >= len(self._text) or self._text[end] == "\n":  # a name alone stands for what is around the file
            inherited = self._outer(name)
            if inherited is not None:
                self._found[name] = inherited
            return
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1
        self._found[name] = self._value()

    def _value(self) -> str:
        quote = self._text[self._at : self._at + 1]
        if quote in {"'", '"'}:
            return self._quoted(quote)
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        value = self._text[self._at : end].partition(" #")[0].rstrip()
        expanded = self._expanded(value)
        self._at = end
        return expanded

    def _quoted(self, quote: str) -> str:
        """Read up to the closing quote; a backslash before a quote of the same kind keeps it."""
        chars: list[str] = []
        index = self._at + 1
        while index < len(self._text):
            char = self._text[index]
            if char == "\\" and self._text[index + 1 : index + 2] == quote:
                chars.append(quote)
                index += 2
                continue
            if char == "\\" and index + 1 < len(self._text):
                chars.append(self._text[index : index + 2])
                index += 2
                continue
            if char == quote:
                value = "".join(chars)
                if quote == '"':
                    value = self._expanded(_ESCAPE.sub(_unescape, value))
                self._at = index + 1
                return value
            chars.append(char)
            index += 1
        raise self._error("a quote that is not closed")

    def _expanded(self, value: str) -> str:
        try:
            return substitute(value, self._lookup)
        except TemplateError as error:
            raise self._error(str(error)) from None

    def _lookup(self, name: str) -> str | None:
        around = self._outer(name)
        return self._found.get(name) if around is None else around

    def _error(self, what: str) -> DotenvError:
        line = self._text.count("\n", 0, self._at) + 1
        return DotenvError(f"line {line}: {what}")


def _unescape(found: re.Match[str]) -> str:
    letter = found[1]
    if letter[0] == "0":
        digits = letter[1:]
        return chr(int(digits, 8)) if len(digits) == 3 and int(digits, 8) < 256 else found[0]
    return _ESCAPED.get(letter, found[0])
