"""Text of a picture: what may stand in it, and how wide it is at most.

Pictures use the reader's own sans-serif font, so widths are those of the widest usual one (DejaVu Sans).
"""

from dataclasses import dataclass
from functools import cached_property

INK = "#1b1f24"
GREY = "#57606a"

_WIDTHS = {" .,'|/ijlI·": 0.34, "()[]-tfrJ’:;!": 0.44, "mwMW@%#&<>^~×+=→–…—": 1.01}
_CAPITALS = 0.79
_LETTERS = 0.64
_OTHER = 1.05
_BOLD = 1.16


@dataclass(frozen=True)
class Span:
    """Characters of one style."""

    text: str
    bold: bool = False
    italic: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text; `size` in pixels."""

    spans: tuple[Span, ...]
    size: float = 13.0
    fill: str = INK

    @cached_property
    def width(self) -> float:
        """No narrower than what a browser shows."""
        return self.size * sum(_em(span) for span in self.spans)


def plain(text: str, size: float = 13.0, fill: str = INK, bold: bool = False) -> Text:
    """A line of text in one style."""
    return Text((Span(text, bold),), size, fill)


def small(text: str, fill: str = GREY) -> Text:
    """A remark."""
    return plain(text, 10.5, fill)


def clean(name: str, longest: int = 32) -> str:
    """A name from a document, fit to be shown: no control characters, and not longer than `longest`."""
    shown = "".join(char if char.isprintable() else "�" for char in name)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _em(span: Span) -> float:
    return sum(map(_char, span.text)) * (_BOLD if span.bold else 1.0)


def _char(char: str) -> float:
    for chars, width in _WIDTHS.items():
        if char in chars:
            return width
    if not char.isascii():
        return _OTHER
    return _CAPITALS if char.isupper() else _LETTERS
