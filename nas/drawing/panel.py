"""A cell in full, in a frame: its name, where its copies stand, its ops, and a table of what differs among copies."""

from collections.abc import Sequence

from nas.architecture.shapes import written
from nas.architecture.sketch import steps
from nas.drawing.blocks import GAP, chain_blocks
from nas.drawing.canvas import Block, Frame, Item, Label, Line, stacked
from nas.drawing.families import Family, place
from nas.drawing.text import INK, Span, Text, clean, small
from nas.drawing.words import Finish, Pen, shape_words

PADDING = 18.0
ROW = 18.0


def panel(family: Family, usual: Finish | None, least_width: float = 0.0) -> Block:
    """The panel of a family, from (0, 0)."""
    body = _body(family, Pen(usual, family.letters))
    titles = _titles(family)
    tables = [_table(family)] if family.letters else []
    inside = max(
        [least_width - 2 * PADDING, body.width, *(text.width for text in titles), *(grid.width for grid in tables)]
    )
    axis = PADDING + (inside - body.width) / 2 - body.left
    items: list[Item] = []
    y = PADDING
    for text in titles:
        items.append(Label(PADDING, y + text.size / 2, text))
        y += text.size + 6
    items += body.moved(axis, y + 6)
    y += 6 + body.height
    for table in tables:
        items += table.moved(PADDING + (inside - table.width) / 2, y + 14)
        y += 14 + table.height
    width, height = inside + 2 * PADDING, y + PADDING
    return Block(0, width, height, (Frame(0, 0, width, height, "panel"), *items))


def _body(family: Family, pen: Pen) -> Block:
    """The ops, with the shape that comes in, the one that goes out, and those between where it changes."""
    shapes = [[copy.input for copy in family.copies]]
    shapes += [[node.output for node in same] for same in zip(*map(steps, family.copies), strict=True)]
    several = ["in", *[""] * (len(shapes) - 2), "out"]
    said = [shape_words(shape, word) for shape, word in zip(shapes, several, strict=False)]
    last = len(shapes) - 1
    labels = [small(text) if text and (i in (0, last) or text != said[i - 1]) else None for i, text in enumerate(said)]
    end = Block(0, 0, 0, ())
    return stacked([end, *chain_blocks(family.copies, pen), end], GAP, labels, "right")


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
    heads = [small(""), small("in", INK), *letters, small("out", INK)]
    rows = [[clean(place(row.members)), written(row.input), *row.values, written(row.output)] for row in family.rows]
    return _grid([heads, *([small(cell, INK) for cell in row] for row in rows)])


def _grid(rows: Sequence[Sequence[Text]]) -> Block:
    widths = [max(text.width for text in column) + 14 for column in zip(*rows, strict=True)]
    total = sum(widths)
    items: list[Item] = []
    for index, row in enumerate(rows):
        x = 0.0
        for column, (text, width) in enumerate(zip(row, widths, strict=True)):
            if column == 0:
                items.append(Label(x, index * ROW + ROW / 2, text))
            else:
                items.append(Label(x + width, index * ROW + ROW / 2, text, "end"))
            x += width
        if index == 0:
            items.append(Line(((0, ROW), (total, ROW)), style="rule"))
    return Block(0, total, ROW * len(rows), tuple(items))
