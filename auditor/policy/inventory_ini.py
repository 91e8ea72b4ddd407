"""Ansible inventories in INI form: groups, ``:children``, ``:vars``, host ranges. Under ``policy.inventory``.

Source: "How to build your inventory" in Ansible's guide, and what its ``ini`` inventory plug-in does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from auditor.files.suggest import nearest
from auditor.files.validate import quoted
from auditor.policy.groups import ADDRESS_VARIABLES
from auditor.policy.host_patterns import expand
from auditor.policy.words import WrongWordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.files.text import SourceText
    from auditor.model.location import Location
    from auditor.policy.groups import Groups

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_WORD = re.compile(r"""(?:[^\s"'\\#]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+""")
_LONGEST_LINE = 16_384
_KINDS = ("hosts", "children", "vars")


class _Word(NamedTuple):
    text: str
    location: Location


def read_ini(source: SourceText, groups: Groups) -> None:
    """Read every line into ``groups``; what is wrong becomes its problems."""
    group, kind = "ungrouped", "hosts"
    children: list[_Word] = []
    for number, line in enumerate(source.lines, 1):
        text = line.strip()
        if not text or text.startswith(("#", ";")):
            continue
        if len(text) > _LONGEST_LINE:
            groups.problem(source.location(number, 1), f"this line has more than {_LONGEST_LINE:,} characters")
        elif text.startswith("[") and ((section := _SECTION.fullmatch(text)) or text.endswith("]")):
            place = source.location(number, line.index("[") + 1, len(line.rstrip()) + 1)
            group, kind = _open_section(groups, section, place)
        elif kind == "vars":
            groups.refuse_address(text.partition("=")[0].strip(), source.location(number, 1, len(line) + 1))
        elif words := _words(source, groups, number):
            if kind == "hosts":
                _read_host(groups, group, words)
            else:
                groups.add_child(group, words[0].text, words[0].location)
                children.append(words[0])
    for child in children:
        groups.require_group(child.text, child.location)


def _open_section(groups: Groups, section: re.Match[str] | None, place: Location) -> tuple[str, str]:
    if section is None:
        groups.problem(place, "this is not a section", expected="[group], [group:children] or [group:vars]")
        return "ungrouped", "vars"
    group, kind = section[1], section[2] or "hosts"
    if kind not in _KINDS:
        message = f"a section cannot be ':{kind}'"
        groups.problem(place, message, expected="[group:children] or [group:vars]", suggestion=nearest(kind, _KINDS))
        return group, "vars"
    if kind != "vars":
        groups.add_group(group, place)
    return group, kind


def _read_host(groups: Groups, group: str, words: Sequence[_Word]) -> None:
    pattern, *variables = words
    try:
        names = list(expand(pattern.text))
    except WrongWordError as error:
        groups.problem(pattern.location, error.message, expected=error.expected)
        return
    addresses = [word for word in variables if _is_address(groups, word)]
    for name in names:
        groups.add_host(name, pattern.location, [group])
        for word in addresses:
            groups.set_address(name, word.text.partition("=")[2], word.location)


def _is_address(groups: Groups, word: _Word) -> bool:
    variable, equals, value = word.text.partition("=")
    if not equals:
        groups.problem(word.location, f"{quoted(word.text)} is not a variable", expected="name=value")
    elif variable in ADDRESS_VARIABLES and not value:
        groups.problem(word.location, f"'{variable}' has no value", expected="an address")
    return variable in ADDRESS_VARIABLES and bool(value)


def _words(source: SourceText, groups: Groups, number: int) -> list[_Word]:
    """Split a line at blanks as a shell would; an unquoted ``#`` begins a comment."""
    line = source.lines[number - 1]
    words: list[_Word] = []
    at = 0
    while found := _WORD.search(line, at):
        if line[at : found.start()].strip():
            break
        words.append(_Word(_unquoted(found.group()), source.location(number, found.start() + 1, found.end() + 1)))
        at = found.end()
    rest = line[at:].lstrip()
    if rest and not rest.startswith("#"):
        groups.problem(source.location(number, len(line) - len(rest) + 1), "a quote is opened here and never closed")
        return []
    return words


def _unquoted(word: str) -> str:
    if not any(mark in word for mark in "\"'\\"):
        return word
    from shlex import split

    return "".join(split(word))
