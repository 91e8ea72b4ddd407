"""Where the blocks of a Terraform file stand: headers and braces of HCL, no more.

Strings with templates, comments and heredocs are passed over as the language does (HCL native syntax specification),
so that a brace inside of them opens nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*|//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<heredoc><<[-~]?(?P<mark>[A-Za-z_][\w-]*)[^\n]*\n.*?(?:^[ \t]*(?P=mark)[ \t]*$|\Z))
    |(?P<quote>")
    |(?P<open>\{)
    |(?P<close>\})
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_IN_STRING = re.compile(r'\\.|[$%]{2}\{|(?P<template>[$%]\{)|(?P<end>")|(?P<line>\n)', re.DOTALL)
_HEADER = re.compile(r"([A-Za-z_][\w-]*)((?:[ \t]+(?:\"[^\"\n]*\"|[\w-]+))*)[ \t]*\Z")
_LABEL = re.compile(r'"([^"\n]*)"|([\w-]+)')
_LONGEST_HEADER = 500
_DEEPEST = 200


@dataclass(slots=True, kw_only=True)
class Block:
    """A block, or an object in braces (with an empty ``kind``). ``start`` and ``end`` are offsets in the text.

    ``start`` is where its header begins, and ``comments`` are the spans inside that say nothing.
    """

    kind: str
    labels: tuple[str, ...]
    start: int
    end: int = 0
    children: list[Block] = field(default_factory=list)

    def walk(self) -> Iterator[Block]:
        """Yield all blocks inside, at whatever depth."""
        for child in self.children:
            yield child
            yield from child.walk()


@dataclass(slots=True, kw_only=True)
class Blocks:
    """The blocks at the top of a file, and where its comments are."""

    top: list[Block]
    comments: list[tuple[int, int]]

    def says(self, text: str, words: re.Pattern[str], block: Block) -> int | None:
        """Return where a block says something outside of its comments; None: nowhere."""
        for found in words.finditer(text, block.start, block.end):
            if not any(low <= found.start() < high for low, high in self.comments):
                return found.start()
        return None


def blocks_of(text: str) -> Blocks:
    """Find all blocks; of text that is no HCL, whatever looks like one."""
    top: list[Block] = []
    comments: list[tuple[int, int]] = []
    stack: list[Block] = []
    templates: list[int] = []  # how deep the blocks were when a template inside a string began
    at = 0
    while found := _TOKEN.search(text, at):
        at = found.end()
        match found.lastgroup:
            case "comment":
                comments.append(found.span())
            case "quote":
                at = _through_string(text, at, templates, len(stack))
            case "open":
                block = _opened(text, found.start())
                if len(stack) < _DEEPEST:
                    (stack[-1].children if stack else top).append(block)
                stack.append(block)
            case "close":
                if templates and templates[-1] == len(stack):
                    templates.pop()
                    at = _through_string(text, at, templates, len(stack))
                elif stack:
                    stack.pop().end = at
            case _:
                pass
    for block in stack:
        block.end = len(text)
    return Blocks(top=top, comments=comments)


def _through_string(text: str, at: int, templates: list[int], depth: int) -> int:
    """Go to the end of a string, or into the template that comes first."""
    while found := _IN_STRING.search(text, at):
        at = found.end()
        if found["end"] or found["line"]:
            return at
        if found["template"]:
            templates.append(depth)
            return at
    return len(text)


def _opened(text: str, brace: int) -> Block:
    line = max(text.rfind("\n", 0, brace), text.rfind("{", 0, brace), text.rfind("}", 0, brace)) + 1
    start = max(line, brace - _LONGEST_HEADER)
    header = _HEADER.search(text, start, brace)
    if header is None or text[start : header.start()].strip():
        return Block(kind="", labels=(), start=brace)
    labels = tuple(quoted or bare for quoted, bare in _LABEL.findall(header[2]))
    return Block(kind=header[1], labels=labels, start=header.start())
