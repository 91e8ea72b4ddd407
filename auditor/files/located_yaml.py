"""Strict YAML in which every value knows its line. Policies and inventories are read with it.

The parser's event stream is turned into a tree in one pass, without recursion, so that depth, nodes and aliases
are bounded before anything is built. Scalars are read by the YAML 1.2 core schema, narrowed: only plain decimal
integers are numbers. ``22:22``, ``010``, ``0x50``, ``1.10``, ``no`` and dates stay the text they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from auditor.errors import PolicyError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.files.text import SourceText
    from auditor.model.location import Location

MAX_DEPTH = 64
MAX_NODES = 1_000_000
"""Values in a document, every alias counted as often as what it stands for."""

MAX_PROBLEMS = 200
"""Nobody reads more of one file; a generated one may have a million, each with a suggestion to look for."""

_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Span(NamedTuple):
    """A region within one line; all count from 1, ``end`` is exclusive."""

    line: int
    column: int
    end: int


class Located(NamedTuple):
    """A value and where it stands.

    ``data`` is the plain value: None, bool, int, str, list or dict. A mapping has ``fields`` (and ``keys``: where each
    key stands), a sequence has ``items``.
    """

    data: Any
    span: Span
    source: SourceText
    fields: Mapping[str, Located] = {}
    keys: Mapping[str, Span] = {}
    items: tuple[Located, ...] = ()

    @property
    def location(self) -> Location:
        """Where the value stands: its first line, up to the last scalar on it."""
        return self.source.location(*self.span)

    def key_location(self, key: str) -> Location:
        """Where a key of this mapping stands."""
        return self.source.location(*self.keys[key])

    def at(self, path: Iterable[str | int]) -> Located:
        """The value at a path of keys and indexes from here; as far along it as there are values."""
        here = self
        for step in path:
            if isinstance(step, str):
                if step not in here.fields:
                    break
                here = here.fields[step]
            elif step < len(here.items):
                here = here.items[step]
        return here


def parse_yaml(
    source: SourceText, *, text_tags: frozenset[str] = frozenset(), repeated: list[Problem] | None = None
) -> Located:
    """Read one YAML document.

    ``text_tags`` names the tags (``!vault``) that are passed over; any other is an error. Duplicate keys are added to
    ``repeated``, if it is given and nothing else is wrong: the first value is kept, so that reading can go on and find
    what else there is to mend.

    :raises PolicyError: not YAML, or one of what a policy may not have: duplicate keys, keys that are not text, merge
        keys, tags, a second document, too deep, too many values, an alias inside its own anchor.
    """
    builder = TreeBuilder(source, text_tags)
    feed(builder)
    if builder.problems and (repeated is None or builder.unreadable):
        raise PolicyError(builder.problems)
    if repeated is not None:
        repeated.extend(builder.problems)
    if builder.root is None:
        raise PolicyError([Problem(location=source.location(1, 1), message="the file holds nothing but comments")])
    return builder.root


def feed(builder: TreeBuilder) -> None:
    """Let a builder take the events of its source's text, to the end.

    :raises PolicyError: not YAML, or something that the builder refuses.
    """
    import yaml

    source = builder.source
    loader: type[Any] = getattr(yaml, "CLoader", yaml.Loader)
    try:
        for event in yaml.parse(source.text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise PolicyError([*builder.problems, _syntax_problem(source, error)]) from None
    except yaml.YAMLError as error:
        what = f"this is not YAML: {str(error).splitlines()[0]}"
        raise PolicyError([*builder.problems, Problem(location=source.location(1, 1), message=what)]) from None


@dataclass(slots=True)
class Frame:
    """A mapping or sequence that is still open."""

    line: int
    column: int
    end: int
    anchor: str | None
    mapping: bool
    tag: str | None = None
    nodes: list[Located] = field(default_factory=list)
    fields: dict[str, Located] = field(default_factory=dict)
    keys: dict[str, Span] = field(default_factory=dict)
    key: str | None = None
    key_span: Span | None = None
    wants_value: bool = False
    size: int = 1
    height: int = 1


class _Anchored(NamedTuple):
    """What an alias stands for, its expanded size and how many levels it has; None while it is still open."""

    node: Located | None
    size: int
    height: int


class TreeBuilder:
    """Takes parser events one by one and keeps the tree so far.

    It refuses what a policy may not have; readers of other files override that.
    """

    def __init__(self, source: SourceText, text_tags: frozenset[str]) -> None:
        self.source = source
        self.root: Located | None = None
        self.problems: list[Problem] = []
        self.unreadable = False
        self._text_tags = text_tags
        self.stack: list[Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._documents = 0
        self._handlers = {
            "ScalarEvent": self._scalar,
            "MappingStartEvent": self._open,
            "SequenceStartEvent": self._open,
            "MappingEndEvent": self._close,
            "SequenceEndEvent": self._close,
            "AliasEvent": self._alias,
            "DocumentStartEvent": self.document,
        }

    def take(self, event: Any) -> None:
        """Add what one event says."""
        handler = self._handlers.get(type(event).__name__)
        if handler:
            handler(event)

    def document(self, event: Any) -> None:
        """Begin a document."""
        self._documents += 1
        if self._documents > 1:
            self._stop(event, "a second document begins", "one document a file")

    def _open(self, event: Any) -> None:
        mark = event.start_mark
        if len(self.stack) >= MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        self._refuse_as_key(event, "a list or a mapping")
        self.refuse_tag(event)
        mapping = type(event).__name__ == "MappingStartEvent"
        frame = Frame(mark.line + 1, mark.column + 1, mark.column + 2, event.anchor, mapping, event.tag)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(None, 0, 0)
        self.stack.append(frame)

    def _close(self, event: Any) -> None:
        frame = self.stack.pop()
        mark = event.end_mark
        if mark.line + 1 == frame.line and mark.column > event.start_mark.column:  # the bracket of a flow node
            frame.end = mark.column + 1
        span = Span(frame.line, frame.column, frame.end)
        node = self.close(frame, span)
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchored(node, frame.size, frame.height)
        self._count(event, 1)
        self._add(node, frame.size, frame.height)

    def close(self, frame: Frame, span: Span) -> Located:
        """Make the value of a mapping or sequence that is complete."""
        if frame.mapping:
            data = {key: node.data for key, node in frame.fields.items()}
            return Located(data, span, self.source, frame.fields, frame.keys)
        return Located([node.data for node in frame.nodes], span, self.source, items=tuple(frame.nodes))

    def scalar(self, event: Any) -> Any:
        """Make the plain value of a scalar."""
        return resolve(event.value) if event.implicit[0] else event.value

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        self.refuse_tag(event)
        line, column = start.line + 1, start.column + 1
        last = end.column + 1 if end.line == start.line else len(self.source.line(line) or "") + 1
        text: str = event.value
        if event.style == '"' and _SURROGATE.search(text):
            self._stop(event, "found half of a surrogate pair", "a Unicode character")
        node = Located(self.scalar(event), Span(line, column, last), self.source)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(node, 1, 0)
        if self.stack and self.stack[-1].mapping and not self.stack[-1].wants_value:
            self.take_key(node, text)
        else:
            self._count(event, 1)
            self._add(node, 1, 0)

    def _alias(self, event: Any) -> None:
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            self._stop(
                event, f"the alias '*{event.anchor}' stands for nothing", f"an anchor '&{event.anchor}' above it"
            )
        if anchored.node is None:
            self._stop(event, f"the alias '*{event.anchor}' stands for something that it is itself inside")
        self._refuse_as_key(event, "an alias")
        if len(self.stack) + anchored.height > MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        self._count(event, anchored.size)
        self._add(anchored.node, anchored.size, anchored.height)

    def take_key(self, node: Located, text: str) -> None:
        """Take a scalar as the key of the innermost mapping."""
        frame = self.stack[-1]
        frame.wants_value, frame.key, frame.key_span = True, None, node.span
        self._widen(frame, node.span)
        if not isinstance(node.data, str):
            self._report(node.location, f"the key {text or 'null'} is not text", f'"{text}" in quotes')
        elif text == "<<":
            self.take_merge(node)
        elif text in frame.keys:
            message = f"the key '{text:.80}' is here twice; first in line {frame.keys[text].line}"
            self.note(Problem(location=node.location, message=message))
        else:
            frame.key = text

    def take_merge(self, node: Located) -> None:
        """Take ``<<`` as a key."""
        self._report(node.location, "merge keys ('<<') are not supported", "the keys written out")

    def _count(self, event: Any, size: int) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES:,} values, aliases counted as often as they are used")

    def _add(self, node: Located, size: int, height: int) -> None:
        if not self.stack:
            self.finish(node)
            return
        frame = self.stack[-1]
        frame.size += size
        frame.height = max(frame.height, height + 1)
        if not frame.mapping:
            frame.nodes.append(node)
        else:
            node = self._take_value(frame, node)
        self._widen(frame, node.span)

    def finish(self, node: Located) -> None:
        """Take the value of a whole document."""
        self.root = node

    def _take_value(self, frame: Frame, node: Located) -> Located:
        frame.wants_value = False
        key, key_span = frame.key, frame.key_span
        if key is None or key_span is None:
            return node
        if node.data is None and node.span.column >= node.span.end:
            node = node._replace(span=key_span)
        frame.fields[key] = node
        frame.keys[key] = key_span
        return node

    @staticmethod
    def _widen(frame: Frame, span: Span) -> None:
        if span.line == frame.line and span.end > frame.end:
            frame.end = span.end

    def _refuse_as_key(self, event: Any, what: str) -> None:
        if self.stack and self.stack[-1].mapping and not self.stack[-1].wants_value:
            self._stop(event, f"a key is {what}", "text")

    def refuse_tag(self, event: Any) -> None:
        """Note a tag that is not passed over."""
        if event.tag is not None and event.tag not in self._text_tags:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            place = self.source.location(event.start_mark.line + 1, event.start_mark.column + 1)
            self._report(place, f"the tag '{shown:.80}' is not supported", "a plain value")

    def _report(self, place: Location, message: str, expected: str | None = None) -> None:
        self.unreadable = True
        self.note(Problem(location=place, message=message, expected=expected))

    def note(self, problem: Problem) -> None:
        """Keep a problem; too many end the reading."""
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise PolicyError(self.problems)

    def _stop(self, event: Any, message: str, expected: str | None = None) -> NoReturn:
        place = self.source.location(event.start_mark.line + 1, event.start_mark.column + 1)
        raise PolicyError([*self.problems, Problem(location=place, message=message, expected=expected)])


def resolve(text: str) -> Any:
    """Read a plain scalar: none, a truth, a decimal integer, or the text that it is."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-0123456789" and _INTEGER.fullmatch(text):
        return int(text)
    return text


def _syntax_problem(source: SourceText, error: Any) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = source.location(mark.line + 1, mark.column + 1) if mark else source.location(1, 1)
    what = error.problem or error.context or "not YAML"
    line = source.line(place.line) or ""
    if line[place.column - 1 : place.column] == "\t":
        return Problem(location=place, message="a tab stands where YAML wants spaces", expected="spaces to indent with")
    return Problem(location=place, message=f"this is not YAML: {what}")
