r"""Text of others as part of one line: what cannot be shown is written as the escape that a programmer knows."""

from __future__ import annotations

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(char: str) -> str:
    r"""Write one character as the escape that a programmer knows: ``\x1b``, ``\u202e``, ``\U000e0041``."""
    number = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def excerpt(text: str, longest: int) -> str:
    """Return one printable line of at most ``longest`` characters, others as escapes; what is cut ends in ``…``."""
    beginning = text[: longest + 1]
    shown = beginning if beginning.isprintable() else "".join(map(_printable, beginning))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _printable(char: str) -> str:
    return char if char.isprintable() else visible(char)
