"""What a picture is made of: boxes, lines, labels and frames at coordinates, and blocks of them that can be moved.

Coordinates are pixels, y downward. A `Block` has its flow at x = 0: what comes in enters at (0, 0), what goes out
leaves at (0, height).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from nas.drawing.text import Text

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Box:
    """An op: a filled rectangle, its text centred. `copies` above 1 shows as a stack of cards."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: tuple[Text, ...] = ()
    copies: int = 1

    def moved(self, dx: float, dy: float) -> "Box":
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Frame:
    """A rectangle around other things."""

    x: float
    y: float
    width: float
    height: float
    style: Literal["group", "aux", "panel"]

    def moved(self, dx: float, dy: float) -> "Frame":
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Line:
    """A path through points with rounded corners; `arrow` puts a head at its end."""

    points: tuple[Point, ...]
    arrow: bool = False
    style: Literal["flow", "aux", "rule"] = "flow"

    def moved(self, dx: float, dy: float) -> "Line":
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))


@dataclass(frozen=True)
class Label:
    """Text on its own; `y` is its middle."""

    x: float
    y: float
    text: Text
    anchor: Anchor = "start"

    @property
    def left(self) -> float:
        return self.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * self.text.width

    def moved(self, dx: float, dy: float) -> "Label":
        return replace(self, x=self.x + dx, y=self.y + dy)


LABELLED = 30.0
"""The length of a line with a label."""
BESIDE = 9.0
"""From a line to its label."""

Item: TypeAlias = Box | Frame | Line | Label


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
        return tuple(item.moved(dx, dy) for item in self.items)


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
                items.append(note(label, y + length / 2, side))
                reach = BESIDE + label.width
                left, right = (min(left, -reach), right) if side == "left" else (left, max(right, reach))
            y += length
        items.extend(block.moved(0, y))
        left, right = min(left, block.left), max(right, block.right)
        y += block.height
    return Block(left, right, y, tuple(items), not blocks or blocks[0].open)


def note(text: Text, y: float, side: Literal["left", "right"]) -> Label:
    """A label beside the flow."""
    return Label(-BESIDE, y - 1, text, "end") if side == "left" else Label(BESIDE, y - 1, text)


def beside(blocks: Iterable[Block], gap: float) -> list[tuple[float, Block]]:
    """Where blocks go if they stand side by side, around x = 0: the x of each one's flow, with the block."""
    placed: list[tuple[float, Block]] = []
    x = 0.0
    for block in blocks:
        placed.append((x - block.left, block))
        x += block.width + gap
    middle = (x - gap) / 2
    near = min((at for at, _ in placed), key=lambda at: abs(at - middle))
    centre = near if abs(near - middle) < 16 else middle  # rather a straight line than one with a small step
    return [(at - centre, block) for at, block in placed]


def grouped(block: Block, title: Text) -> Block:
    """A block in a frame, with its title beside the line that comes in; the flow passes through."""
    padding, top = 12.0, title.size + 14
    left, right = block.left - padding, max(block.right, title.width + BESIDE) + padding
    height = top + block.height + padding
    items = (
        Frame(left, 0, right - left, height, "group"),
        Line(((0, 0), (0, top)), arrow=not block.open),
        note(title, top / 2, "right"),
        *block.moved(0, top),
        Line(((0, top + block.height), (0, height))),
    )
    return Block(left, right, height, items, open=True)


def side_frame(block: Block, notes: Sequence[Text], padding: float) -> Block:
    """A block in a dashed frame, with notes under it; the flow ends in it."""
    half = max(-block.left, block.right, *(note.width / 2 for note in notes)) + padding
    items: list[Item] = [*block.moved(0, padding)]
    y = padding + block.height + 6
    for note in notes:
        items.append(Label(0, y + note.size / 2 + 2, note, "middle"))
        y += note.size + 4
    height = y + padding - 4
    return Block(-half, half, height, (Frame(-half, 0, 2 * half, height, "aux"), *items), open=block.open)
