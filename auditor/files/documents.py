"""Files of other tools in YAML or JSON, read as those tools do, with the place of every value on request.

Policies have a stricter reader. Here several documents, merge keys, tags and keys that are numbers are all right.
A value is named by its path of keys and indexes, and the place is looked up when somebody wants to point at it: a plan
of 50 MB is decoded at the full speed of ``json``, and only what is reported costs a second walk through the text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import EvidenceError, PolicyError, Problem
from auditor.files.json_keys import RepeatedKeyError, deepest, once_each, repeated_key
from auditor.files.json_places import Places
from auditor.files.located_yaml import Frame, Located, Span, TreeBuilder, feed, resolve
from auditor.files.text import decode_other, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from auditor.files.text import SourceText
    from auditor.model.location import Location

    Step = str | int
    Tagged = Callable[[str, Any], Any]

LARGEST = 256 * 1024 * 1024
"""Bytes: plans of a whole estate have fifty million."""
_LARGEST_YAML = 32 * 1024 * 1024
_FLOW_STYLE = 1024 * 1024
"""Characters up to which something that looks like JSON, and is none, is tried as YAML in flow style."""

_OWN_TAGS = "tag:yaml.org,2002:"
_TEXT = _OWN_TAGS + "str"
_MERGE = "<<"


class Document:
    """One document of a file. ``data`` is plain: None, bool, int, float, str, list and dict, or what a tag became."""

    def __init__(self, data: Any, source: SourceText, root: Located | None = None) -> None:
        self.data = data
        self.source = source
        self._root = root
        self._places: Places | None = None

    def location(self, path: Sequence[Step], *, key: bool = False) -> Location:
        """Where the value at a path of keys and indexes stands, or with ``key`` the key that leads to it.

        Of a path that leads nowhere, the place of the last value on it. A value that came by a merge key or an alias
        stands where it is written. The region ends with its first line.
        """
        if self._root is None:
            if self._places is None:
                self._places = Places(self.source)
            return self._places.location(path, key=key)
        parent = self._root.at(path[:-1])
        last = path[-1] if path else None
        return (
            parent.key_location(last)
            if key and isinstance(last, str) and last in parent.keys
            else (self._root.at(path).location)
        )


def read_source(path: str | Path, shown: str, *, limit: int = LARGEST) -> SourceText:
    """Read a file of another tool: UTF-8, or UTF-16 with its mark, as PowerShell writes.

    :raises EvidenceError: it cannot be read, is too large, or is not text; with file, line and column.
    """
    try:
        return decode_other(read_bytes(Path(path), shown, limit), shown)
    except PolicyError as error:
        raise _evidence(error) from None


def read_documents(source: SourceText, *, tagged: Tagged | None = None) -> tuple[Document, ...]:
    """Read a file of JSON, or of YAML with any number of documents; empty documents are left out.

    ``tagged`` gets each tag of a YAML file (``!Ref``) with the value under it, and gives what shall stand there;
    without it tags are passed over. In YAML only plain decimal integers are numbers, and only ``true`` and ``false``
    are truths: ``22:22``, ``010``, ``1.10`` and ``yes`` are text, for the caller to read as its tool does.

    :raises EvidenceError: neither of both, or broken, too deep or too large; with file, line and column.
    """
    if source.text.lstrip()[:1] in {"{", "["} and (document := _json(source)) is not None:
        return (document,)
    try:
        return tuple(_yaml(source, tagged))
    except PolicyError as error:
        raise _evidence(error) from None


def _json(source: SourceText) -> Document | None:
    """Decode JSON; None if it may rather be YAML, whose flow style begins alike."""
    try:
        return Document(json.loads(source.text, object_pairs_hook=once_each), source)
    except RepeatedKeyError as error:
        raise EvidenceError(f"{source.place(repeated_key(source.text))}: {error}") from None
    except RecursionError:
        raise EvidenceError(f"{source.place(deepest(source.text))}: nested too deeply") from None
    except json.JSONDecodeError as error:
        if len(source.text) <= _FLOW_STYLE and _is_yaml(source):
            return None
        place = source.place(min(error.pos, len(source.text)))
        raise EvidenceError(f"{place}: this is not JSON: {error.msg}") from None
    except ValueError as error:  # a number of thousands of digits
        raise EvidenceError(f"{source.file}: this is not JSON that can be read: {error}"[:200]) from None


def _is_yaml(source: SourceText) -> bool:
    try:
        return bool(list(_yaml(source, None)))
    except PolicyError:
        return False


def _yaml(source: SourceText, tagged: Tagged | None) -> Iterator[Document]:
    if len(source.text) > _LARGEST_YAML:
        problem = Problem(location=source.location(0, 0), message=f"larger than {_LARGEST_YAML // 1024 // 1024} MiB")
        raise PolicyError([problem])
    source.require_printable()
    builder = _ForeignBuilder(source, tagged)
    feed(builder)
    if builder.problems:
        raise PolicyError(builder.problems)
    return (Document(root.data, source, root) for root in builder.roots if root.data is not None)


def _evidence(error: PolicyError) -> EvidenceError:
    """The first problem: with another tool's file it is rarely the user who mends them all."""
    return EvidenceError(str(error.problems[0]))


class _ForeignBuilder(TreeBuilder):
    """Takes what other tools take: any number of documents, tags, merge keys, keys of any scalar type."""

    def __init__(self, source: SourceText, tagged: Tagged | None) -> None:
        super().__init__(source, frozenset())
        self.roots: list[Located] = []
        self._tagged = tagged

    def document(self, event: Any) -> None:  # noqa: ARG002 - what the event says is only that it begins
        """Begin a document: anchors do not reach from one into the next."""
        self.anchors.clear()

    def finish(self, node: Located) -> None:
        """Take the value of a whole document."""
        self.roots.append(node)

    def refuse_tag(self, event: Any) -> None:
        """Refuse none."""

    def scalar(self, event: Any) -> Any:
        """Make the value of a scalar, by its tag if it has one of its own."""
        if event.tag is None:
            return super().scalar(event)
        if event.tag.startswith(_OWN_TAGS):
            return event.value if event.tag == _TEXT else resolve(event.value)
        return event.value if self._tagged is None else self._tagged(event.tag, event.value)

    def take_key(self, node: Located, text: str) -> None:
        """Take any scalar as a key, by its text."""
        super().take_key(node if isinstance(node.data, str) else node._replace(data=text), text)

    def take_merge(self, node: Located) -> None:
        """Take ``<<`` as a key: what it brings is joined when the mapping is complete."""
        frame = self.stack[-1]
        if _MERGE in frame.keys:
            self.note(Problem(location=node.location, message="the key '<<' is here twice"))
        frame.key = _MERGE

    def close(self, frame: Frame, span: Span) -> Located:
        """Make the value of a mapping or sequence, with what its merge key brings and its tag makes of it."""
        if _MERGE in frame.keys:
            self._merge(frame)
        node = super().close(frame, span)
        own = frame.tag is None or frame.tag.startswith(_OWN_TAGS)
        return node if own or self._tagged is None else node._replace(data=self._tagged(frame.tag or "", node.data))

    def _merge(self, frame: Frame) -> None:
        """Add the fields of the merged mappings; the mapping's own win, then those of the first."""
        brought = frame.fields.pop(_MERGE)
        place = frame.keys.pop(_MERGE)
        for mapping in brought.items or (brought,):
            if not isinstance(mapping.data, dict):
                where = self.source.location(*place)
                self.note(Problem(location=where, message="'<<' brings something that is no mapping"))
                return
            for key, node in mapping.fields.items():
                if key not in frame.fields:
                    frame.fields[key], frame.keys[key] = node, mapping.keys[key]
