"""Blocks of a picture: a leaf is a box, a chain a stack, branches stand side by side, a residual has its shortcut."""

from collections.abc import Sequence
from dataclasses import replace

from nas.architecture.ops import Branches, Cell, Graph, Residual
from nas.architecture.sketch import graph_lines
from nas.drawing.canvas import DROP, GAP, Block, Box, Item, Line, grouped, parallel, stacked
from nas.drawing.families import runs
from nas.drawing.text import Span, Text, plain, small
from nas.drawing.words import Pen, Same, activation_name, values, words

LEAST_WIDTH = 74.0
PASSING = 16.0
"""Half the width of a branch that passes everything on."""


def chain(same: Same, pen: Pen, gap: float = GAP, width: float = LEAST_WIDTH) -> Block:
    """The ops of a chain (or of anything else), in each of the copies that are drawn as one."""
    return stacked(chain_blocks(same, pen, width), gap)


def chain_blocks(same: Same, pen: Pen, width: float = LEAST_WIDTH) -> list[Block]:
    """A block for each op of a chain; its leaves are equally wide."""
    ops = list(zip(*(copy.steps() for copy in same), strict=True))
    width = max([width, *(box(*words(op, pen)).width for op in ops if not op[0].children)])
    return [_block(op, pen, width) for op in ops]


def box(kind: str, text: Sequence[Text], width: float = 0.0, copies: int = 1) -> Block:
    """A box that its text fits into."""
    width = max(width, 18 + max(line.width for line in text))
    height = 14 + sum(line.size + 4 for line in text)
    cards = 4.0 * (min(copies, 3) - 1)
    item = Box(-width / 2, 0, width, height, kind, tuple(text), copies)
    return Block(-width / 2, width / 2 + cards, height, (item,))


def _block(op: Same, pen: Pen, width: float) -> Block:
    match op[0].op:
        case Branches():
            outputs = {str(node.output[0]) for node in op}
            said = "concat" if len(outputs) > 1 else f"concat {outputs.pop()}"
            return parallel([_branch(branch, pen) for branch in _parts(op)], "concat", [plain(said, 11.5, "#ffffff")])
        case Residual() as residual:
            return _residual(op, residual, pen)
        case Graph():
            return box("other", [small(line) for line in graph_lines(op[0])], width)
        case Cell():
            return _copies(op, pen)
        case _:
            return box(*words(op, pen), width)


def _parts(op: Same) -> list[Same]:
    """The children of an op, each in all copies."""
    return list(zip(*(node.children for node in op), strict=True))


def _branch(branch: Same, pen: Pen) -> Block:
    block = chain(branch, pen)
    return replace(block, left=min(block.left, -PASSING), right=max(block.right, PASSING))


def _residual(op: Same, residual: Residual, pen: Pen) -> Block:
    """The body in the middle, the shortcut left of it, both into a plus."""
    body, *others = _parts(op)
    (scales,) = zip(*map(values, op), strict=True)
    tail = [box("add", [Text((Span("× "), pen.value(scales)), 12)])] if set(scales) != {"1"} else []
    projection = chain_blocks(others.pop(0), pen) if residual.projection else []
    change = stacked([*chain_blocks(body, pen), *projection, *tail], GAP)
    shortcut = chain(others[0], pen) if others else stacked([], 0)
    fork, top = 8.0, DROP
    rail = min(change.left - 20 - shortcut.right, -40 - shortcut.right)
    plus = top + max(change.height, shortcut.height) + GAP
    radius = 11.0
    items: list[Item] = [
        Line(((0, 0), (0, top)), arrow=not change.open),
        *change.moved(0, top),
        Line(((0, top + change.height), (0, plus)), arrow=True),
        Line(((0, 0), (0, fork), (rail, fork), (rail, top)), arrow=not shortcut.open),
        *shortcut.moved(rail, top),
        Line(((rail, top + shortcut.height), (rail, plus + radius), (-radius, plus + radius)), arrow=True),
        Box(-radius, plus, 2 * radius, 2 * radius, "plus", (plain("+", 15),)),
    ]
    left, right, height = rail + shortcut.left - 6, max(change.right, radius), plus + 2 * radius
    total = Block(left, right, height, tuple(items), open=True)
    if residual.activation == "none":
        return total
    return stacked([total, box("other", [plain(activation_name(residual.activation), 12)], 52)], 16)


def _copies(op: Same, pen: Pen) -> Block:
    """The copies of a cell inside of a chain; equal ones that follow one another are drawn once, in a frame."""
    blocks: list[Block] = []
    for run in runs(_parts(op)):
        block = chain(run[0], pen)
        blocks.append(grouped(block, plain(f"×{len(run)}", 12, bold=True)) if len(run) > 1 else block)
    return stacked(blocks, GAP)
