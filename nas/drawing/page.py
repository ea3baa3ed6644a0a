"""A page: a heading, blocks side by side, some of them panels in columns, and a legend below."""

from collections.abc import Callable, Sequence

from nas.drawing.canvas import Block, Box, Item, Label
from nas.drawing.text import Text, clean, plain

MARGIN = 24.0
PANEL_GAP = 22.0
COLUMN_GAP = 33.0
LEAST_WIDTH = 420.0

Panel = Callable[[float], Block]
"""Makes a panel that is as wide as it is told, if its content does not need more."""


def page(parts: Sequence[Block], title: str, about: Sequence[Text], legend: Sequence[tuple[str, Text]]) -> Block:
    """`legend` has kinds of boxes (or "" for none) with what they mean."""
    heading = [*[plain(clean(title, 60), 20, bold=True)] * bool(title), *about]
    items: list[Item] = []
    y = MARGIN
    for text in heading:
        items.append(Label(MARGIN, y + text.size / 2, text))
        y += text.size + 8
    y += 8 if heading else 0
    x = MARGIN
    for part in parts:
        items.extend(part.moved(x - part.left, y))
        x += part.width + COLUMN_GAP
    bottom = y + max(part.height for part in parts) + 24
    inside = max([x - COLUMN_GAP - MARGIN, LEAST_WIDTH, *(text.width for text in heading)])
    below = _legend(legend, inside)
    items.extend(below.moved(MARGIN, bottom))
    return Block(0, inside + 2 * MARGIN, bottom + below.height + MARGIN, tuple(items))


def columns(panels: Sequence[Panel], before: Sequence[Block]) -> list[Block]:
    """Panels in columns, in order, right of what is `before` them; as many as make a page that is small, rather not
    wide."""
    if not panels:
        return []
    natural = [panel(0.0) for panel in panels]
    heights = [block.height + PANEL_GAP for block in natural]

    def filled(limit: float) -> list[list[int]]:
        columns: list[list[int]] = [[]]
        for index, height in enumerate(heights):
            if columns[-1] and sum(heights[i] for i in columns[-1]) + height > limit:
                columns.append([])
            columns[-1].append(index)
        return columns

    def size(columns: Sequence[Sequence[int]]) -> float:
        width = sum(block.width for block in before)
        width += sum(max(natural[i].width for i in column) + COLUMN_GAP for column in columns)
        height = max(sum(heights[i] for i in column) for column in columns)
        height = max([height, *(block.height for block in before)])
        return width * height * max(1.0, width / height)

    limits = [sum(heights) / count * slack for count in range(1, 9) for slack in (1.0, 1.1, 1.2, 1.35)]
    best = min((filled(max(limit, *heights)) for limit in limits), key=size)
    return [_column([panels[i] for i in column], max(natural[i].width for i in column)) for column in best]


def _column(panels: Sequence[Panel], width: float) -> Block:
    """Panels one below the other, equally wide."""
    items: list[Item] = []
    y = 0.0
    for panel in panels:
        block = panel(width)
        items.extend(block.moved(-block.left, y))
        y += block.height + PANEL_GAP
    return Block(0, width, y - PANEL_GAP, tuple(items))


def _legend(entries: Sequence[tuple[str, Text]], width: float) -> Block:
    """In rows no wider than `width`."""
    items: list[Item] = []
    x = y = 0.0
    for kind, text in entries:
        needed = text.width + (20 if kind else 0)
        if x and x + needed > width:
            x, y = 0.0, y + 22
        if kind:
            items.append(Box(x, y + 3, 14, 14, kind))
        items.append(Label(x + (20 if kind else 0), y + 10, text))
        x += needed + 18
    return Block(0, width, y + 22 if entries else 0, tuple(items))
