"""What a picture is made of: boxes, lines and labels at coordinates, and blocks of them that can be moved.

Coordinates are pixels, y downward. A `Block` has its flow at x = 0: what comes in enters at (0, 0), what goes out
leaves at (0, height).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from nas.drawing.text import Text

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

FRAMES = ("group", "aux", "panel")
"""The kinds of box that stand around others."""

GAP = 20.0
BRANCH_GAP = 18.0
DROP = 26.0
"""From where a flow splits down to the branches."""
LABELLED = 30.0
"""The length of a line with a label."""
BESIDE = 9.0
"""From a line to its label."""


@dataclass(frozen=True)
class Box:
    """A filled rectangle, its text centred. `copies` above 1 shows as a stack of cards."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: tuple[Text, ...] = ()
    copies: int = 1


@dataclass(frozen=True)
class Line:
    """A path through points with rounded corners; `arrow` puts a head at its end."""

    points: tuple[Point, ...]
    arrow: bool = False
    style: Literal["flow", "aux", "rule"] = "flow"


@dataclass(frozen=True)
class Label:
    """Text on its own; `y` is its middle."""

    x: float
    y: float
    text: Text
    anchor: Anchor = "start"


Item: TypeAlias = Box | Line | Label


@dataclass(frozen=True)
class Block:
    """Items in place around their flow. It takes x from `left` to `right`, and y from 0 to `height`.

    `open`: what enters meets a line, not a box, so that no arrow ends there.
    """

    left: float
    right: float
    height: float
    items: tuple[Item, ...]
    open: bool = False

    @property
    def width(self) -> float:
        return self.right - self.left

    def moved(self, dx: float, dy: float) -> tuple[Item, ...]:
        return tuple(_moved(item, dx, dy) for item in self.items)


def _moved(item: Item, dx: float, dy: float) -> Item:
    match item:
        case Line(points=points):
            return replace(item, points=tuple((x + dx, y + dy) for x, y in points))
        case Box() | Label():
            return replace(item, x=item.x + dx, y=item.y + dy)


def stacked(
    blocks: Sequence[Block], gap: float, labels: Sequence[Text | None] = (), side: Literal["left", "right"] = "left"
) -> Block:
    """Blocks one below the other, joined by lines of length `gap`, or longer ones with a label beside them."""
    items: list[Item] = []
    y = 0.0
    left = right = 0.0
    for index, block in enumerate(blocks):
        if index:
            label = labels[index - 1] if labels else None
            length = LABELLED if label else gap
            items.append(Line(((0, y), (0, y + length)), arrow=not block.open))
            if label:
                items.append(_note(label, y + length / 2, side))
                reach = BESIDE + label.width
                left, right = (min(left, -reach), right) if side == "left" else (left, max(right, reach))
            y += length
        items.extend(block.moved(0, y))
        left, right = min(left, block.left), max(right, block.right)
        y += block.height
    return Block(left, right, y, tuple(items), not blocks or blocks[0].open)


def _note(text: Text, y: float, side: Literal["left", "right"]) -> Label:
    """A label beside the flow."""
    return Label(-BESIDE, y - 1, text, "end") if side == "left" else Label(BESIDE, y - 1, text)


def beside(blocks: Iterable[Block]) -> list[tuple[float, Block]]:
    """Where blocks go if they stand side by side, around x = 0: the x of each one's flow, with the block."""
    placed: list[tuple[float, Block]] = []
    x = 0.0
    for block in blocks:
        placed.append((x - block.left, block))
        x += block.width + BRANCH_GAP
    middle = (x - BRANCH_GAP) / 2
    near = min((at for at, _ in placed), key=lambda at: abs(at - middle))
    centre = near if abs(near - middle) < 16 else middle  # rather a straight line than one with a small step
    return [(at - centre, block) for at, block in placed]


def parallel(blocks: Iterable[Block], kind: str, text: Sequence[Text]) -> Block:
    """Blocks side by side, between a split and a box that joins them and is as wide as they are."""
    placed = beside(blocks)
    reach = max(line.width for line in text) / 2 + 12
    left = min(-reach, *(x + block.left for x, block in placed))
    right = max(reach, *(x + block.right for x, block in placed))
    bottom = DROP + max(block.height for _, block in placed) + GAP
    turn = DROP / 2 - 2
    items: list[Item] = []
    for x, block in placed:
        way = ((0.0, 0.0), (0.0, turn), (x, turn), (x, DROP)) if x else ((0.0, 0.0), (0.0, DROP))
        items += [Line(way, arrow=not block.open), *block.moved(x, DROP)]
        items.append(Line(((x, DROP + block.height), (x, bottom)), arrow=True))
    height = 6.5 + sum(line.size + 4 for line in text)
    items.append(Box(left, bottom, right - left, height, kind, tuple(text)))
    return Block(left, right, bottom + height, tuple(items), open=True)


def grouped(block: Block, title: Text, least_width: float = 0.0) -> Block:
    """A block in a frame, with its title beside the line that comes in; the flow passes through."""
    padding, top = 12.0, title.size + 14
    left, right = block.left - padding, max(block.right, title.width + BESIDE) + padding
    more = max(0.0, least_width - (right - left)) / 2
    left, right = left - more, right + more
    height = top + block.height + padding
    items = (
        Box(left, 0, right - left, height, "group"),
        Line(((0, 0), (0, top)), arrow=not block.open),
        _note(title, top / 2, "right"),
        *block.moved(0, top),
        Line(((0, top + block.height), (0, height))),
    )
    return Block(left, right, height, items, open=True)
