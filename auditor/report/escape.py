r"""Making hostile text harmless, one function for each place it may be shown in. Every writer goes through here.

Names from the network, from evidence and from policy files may hold terminal sequences, workflow commands, markup,
bidirectional overrides, lone surrogates: nothing in them may act, and nothing may hide. What cannot be shown is shown
as a visible escape (``\x1b``, ``\u202e``), so that a reader sees that something is there.
"""

from __future__ import annotations

import re

from auditor.model.text import visible

# The runners of GitHub and Azure find "##[" and "##vso[" anywhere in a line, "::" after leading blanks only.
_BRACKET_COMMAND = re.compile(r"#(?=#(?:vso|teamcity)?\[)", re.IGNORECASE)
_COLON_COMMAND = re.compile(r"(?:(?<=[\n\r])|^)([^\S\n\r]*):(?=:)")

# XML 1.0, fifth edition, section 2.2: Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
# Lone surrogates are left for the visible escapes: they tell more.
_XML_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

_MARKDOWN_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~^$-])")
_MARKDOWN_LINKS = re.compile(r"(?i)(https?|ftp)://|(www)\.")
_SARIF_LINK = re.compile(r"\](?=\()")
_SARIF_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

_LOOKS_ALIKE = {"\u2026": "...", "\u2192": "->", "\u2013": "-", "\u2019": "'"}
_LONGEST_CELL = 32_767
_LONGEST_MESSAGE = 8_192
"""Characters of a text where the whole file is refused, or cut, if it is too large: a banner may have a megabyte."""

_ZERO_WIDTH_SPACE = "\u200b"


def terminal(text: str) -> str:
    """Return the text with everything that a terminal would obey, or would not show, as a visible escape.

    That is all control characters but the newline, and all format, surrogate, private and unassigned ones
    (:meth:`str.isprintable`). May still hold workflow commands: see :func:`workflow_safe`.
    """
    if text.isprintable():
        return text
    return "".join(char if char == "\n" or char.isprintable() else visible(char) for char in text)


def one_line(text: str) -> str:
    """As :func:`terminal`, newlines included: what comes back is one line."""
    return text if text.isprintable() else terminal(text).replace("\n", "\\n")


def ascii_only(text: str) -> str:
    """Return text that every terminal can show: what is not ASCII becomes a visible escape, or looks alike."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() else _LOOKS_ALIKE.get(char) or visible(char) for char in text)


def workflow_safe(text: str) -> str:
    """Neutralise the commands that CI runners obey in a job's output: ``::error::``, ``##[…]``, ``##vso[…]``.

    For plain text, one line or many. One character of each is written as a visible escape.
    """
    if "::" in text:
        text = _COLON_COMMAND.sub(r"\1\\x3a", text)
    return _BRACKET_COMMAND.sub(r"\\x23", text) if "##" in text else text


def json_safe(document: str) -> str:
    """As :func:`workflow_safe`, for a whole JSON document: its meaning stays the same.

    A line of JSON never begins with a colon inside a string, so only the bracket commands are left to break up.
    """
    return _BRACKET_COMMAND.sub(r"\\u0023", document) if "##" in document else document


def xml_safe(document: str) -> str:
    """As :func:`workflow_safe`, for a whole XML document without CDATA: its meaning stays the same."""
    if "::" in document:
        document = _COLON_COMMAND.sub(r"\1&#58;", document)
    return _BRACKET_COMMAND.sub("&#35;", document) if "##" in document else document


def xml(text: str) -> str:
    """Return text that an XML 1.0 document may hold; markup characters are the serialiser's business.

    Characters that XML forbids become U+FFFD. Lone surrogates, and what would hide or reorder text, become visible
    escapes.
    """
    if text.isprintable():
        return text
    allowed = _XML_FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(char if char in "\n\t\ufffd" or char.isprintable() else visible(char) for char in allowed)


def markdown(text: str) -> str:
    """Return one line of GitHub-flavoured Markdown that shows exactly this text, also inside a table cell.

    No markup, no HTML, no mention, no issue reference, no link: they are broken up by escapes and zero-width spaces.
    """
    escaped = _MARKDOWN_MARKS.sub(r"\\\1", one_line(text))
    escaped = escaped.replace("&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\|", "&#124;")
    escaped = escaped.replace("\\#", f"\\#{_ZERO_WIDTH_SPACE}").replace("@", f"@{_ZERO_WIDTH_SPACE}")
    return _MARKDOWN_LINKS.sub(lambda found: f"{found[1]}&#58;//" if found[1] else f"{found[2]}&#46;", escaped)


def markdown_code(text: str) -> str:
    """Return the text as a Markdown code span, safe inside a table cell; a backtick in it becomes an apostrophe."""
    shown = _BRACKET_COMMAND.sub(r"\\x23", one_line(text))
    return f"`{shown.replace('`', chr(0x27)).replace('|', chr(0xA6)) or ' '}`"


def shortened(text: str) -> str:
    """Return at most 8,192 characters of a text, and three dots where there were more."""
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 3]}..."


def sarif(text: str) -> str:
    """Return text for a SARIF message: no embedded link ``[x](1)``, no placeholder ``{0}`` (SARIF 2.1.0, 3.11.5-6).

    It is cut as :func:`shortened` does.
    """
    return _SARIF_PLACEHOLDER.sub(r"{{\1}}", _SARIF_LINK.sub("] ", shortened(one_line(text))))


def csv_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula; quoting is the CSV writer's business.

    A cell that is longer than Excel takes, and other readers too, is cut.
    """
    cell = terminal(text)
    if text.startswith(_FORMULA_STARTS):
        cell = f"'{cell}"
    return cell if len(cell) <= _LONGEST_CELL else f"{cell[: _LONGEST_CELL - 3]}..."


def github_data(text: str) -> str:
    """Escape the message of a GitHub workflow command, so that no other command is found in it; cut if it is long."""
    shown = _BRACKET_COMMAND.sub(r"\\x23", shortened(terminal(text)))
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_property(text: str) -> str:
    """Escape a property (``file=``, ``title=``) of a GitHub workflow command."""
    return github_data(text).replace(":", "%3A").replace(",", "%2C")
