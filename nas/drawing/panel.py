"""A cell in full, in a frame: its name, where its copies stand, its ops, and a table of what differs among copies."""

from collections.abc import Sequence
from itertools import groupby

from nas.architecture.shapes import Shape, written
from nas.drawing.blocks import chain_blocks
from nas.drawing.canvas import GAP, Block, Box, Item, Label, Line, stacked
from nas.drawing.families import Family, place
from nas.drawing.text import INK, Span, Text, clean, small
from nas.drawing.words import Finish, Pen

PADDING = 18.0
ROW = 18.0


def panel(family: Family, usual: Finish | None, least_width: float) -> Block:
    """The panel of a family, from (0, 0)."""
    body = _body(family, Pen(usual, family.letters))
    titles = _titles(family)
    table = [_table(family)] if family.letters else []
    widths = [body.width, *(text.width for text in titles), *(grid.width for grid in table)]
    inside = max(least_width - 2 * PADDING, *widths)
    axis = PADDING + (inside - body.width) / 2 - body.left
    items: list[Item] = []
    y = PADDING
    for text in titles:
        items.append(Label(PADDING, y + text.size / 2, text))
        y += text.size + 6
    items += body.moved(axis, y + 6)
    y += 6 + body.height
    for grid in table:
        items += grid.moved(PADDING + (inside - grid.width) / 2, y + 14)
        y += 14 + grid.height
    width, height = inside + 2 * PADDING, y + PADDING
    return Block(0, width, height, (Box(0, 0, width, height, "panel"), *items))


def _body(family: Family, pen: Pen) -> Block:
    """The ops, with the shape that comes in, the one that goes out, and those between where it changes."""
    shapes = [[copy.input for copy in family.copies]]
    shapes += [[node.output for node in same] for same in zip(*(copy.steps() for copy in family.copies), strict=True)]
    several = ["in", *[""] * (len(shapes) - 2), "out"]
    said = [_shape(shape, word) for shape, word in zip(shapes, several, strict=False)]
    last = len(shapes) - 1
    labels = [small(text) if text and (i in (0, last) or text != said[i - 1]) else None for i, text in enumerate(said)]
    end = Block(0, 0, 0, ())
    return stacked([end, *chain_blocks(family.copies, pen), end], GAP, labels, "right")


def _shape(shapes: Sequence[Shape], several: str) -> str:
    """The shape that all copies have, the two that follow one another, or else `several`."""
    runs = [written(shape) for shape, _ in groupby(shapes)]
    return ", then ".join(runs) if len(runs) < 3 else several


def _titles(family: Family) -> list[Text]:
    count = len(family.members)
    title = Text((Span(family.title, bold=True), *([Span(f"  ×{count}")] if count > 1 else [])), 16)
    if family.letters or family.places == [family.title]:
        return [title]
    shown = [clean(name) for name in family.places]
    return [title, small(", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else ""))]


def _table(family: Family) -> Block:
    """A row for each copy, or for several that are equal; a column for each letter."""
    letters = [Text((Span(letter, italic=True),), 11.5) for letter in family.letters.values()]
    rows = [[small(""), small("in", INK), *letters, small("out", INK)]]
    for row in family.rows:
        copy = row.members[0].copy
        cells = [clean(place(row.members)), written(copy.input), *row.values, written(copy.output)]
        rows.append([small(cell, INK) for cell in cells])
    widths = [max(text.width for text in column) + 14 for column in zip(*rows, strict=True)]
    items: list[Item] = []
    for index, texts in enumerate(rows):
        y = index * ROW + ROW / 2
        items.append(Label(0.0, y, texts[0]))
        items += [Label(sum(widths[: i + 1]), y, text, "end") for i, text in enumerate(texts) if i]
        if index == 0:
            items.append(Line(((0, ROW), (sum(widths), ROW)), style="rule"))
    return Block(0, sum(widths), ROW * len(rows), tuple(items))
