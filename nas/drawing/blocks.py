"""Blocks of a picture: a leaf is a box, a chain a stack, branches stand side by side, a residual has its shortcut."""

from collections.abc import Sequence
from dataclasses import replace

from nas.architecture.ops import Branches, Cell, Graph, Residual
from nas.architecture.plan import Node
from nas.architecture.sketch import graph_lines, steps
from nas.drawing.canvas import Block, Box, Item, Line, beside, grouped, stacked
from nas.drawing.families import runs
from nas.drawing.text import Span, Text, plain, small
from nas.drawing.words import Pen, Same, activation_name, words

GAP = 20.0
BRANCH_GAP = 18.0
DROP = 26.0
"""From where a flow splits down to the branches."""
LEAST_WIDTH = 74.0
PASSING = 16.0
"""Half the width of a branch that passes everything on."""


def chain(same: Same, pen: Pen, gap: float = GAP, width: float = LEAST_WIDTH) -> Block:
    """The ops of a chain (or of anything else), in each of the copies that are drawn as one."""
    return stacked(chain_blocks(same, pen, width), gap)


def chain_blocks(same: Same, pen: Pen, width: float = LEAST_WIDTH) -> list[Block]:
    """A block for each op of a chain; its leaves are equally wide."""
    ops = list(zip(*map(steps, same), strict=True))
    width = max([width, *(_needed_width(op, pen) for op in ops if not op[0].children)])
    return [_block(op, pen, width) for op in ops]


def box(kind: str, text: Sequence[Text], width: float, copies: int = 1) -> Block:
    """A box that its text fits into."""
    width = max(width, 18 + max(line.width for line in text))
    height = 14 + sum(line.size + 4 for line in text)
    cards = 4.0 * (min(copies, 3) - 1)
    item = Box(-width / 2, 0, width, height, kind, tuple(text), copies)
    return Block(-width / 2, width / 2 + cards, height, (item,))


def _block(op: Same, pen: Pen, width: float) -> Block:
    match op[0].op:
        case Branches():
            return _branches(op, pen)
        case Residual():
            return _residual(op, pen)
        case Graph() as graph:
            return box("other", [small(line) for line in graph_lines(op[0], graph)], width)
        case Cell():
            return _copies(op, pen)
        case _:
            return box(words(op, pen).kind, _text(op, pen), width)


def _text(op: Same, pen: Pen) -> list[Text]:
    said = words(op, pen)
    return [Text(said.title), *([small(said.remark)] if said.remark else [])]


def _needed_width(op: Same, pen: Pen) -> float:
    return box("", _text(op, pen), 0).width


def _parts(op: Same) -> list[Same]:
    """The children of an op, each in all copies."""
    return list(zip(*(node.children for node in op), strict=True))


def _branches(op: Same, pen: Pen) -> Block:
    placed = beside([_branch(branch, pen) for branch in _parts(op)], BRANCH_GAP)
    bottom = DROP + max(block.height for _, block in placed) + GAP
    items: list[Item] = []
    for x, block in placed:
        way = ((0.0, 0.0), (0.0, DROP / 2 - 2), (x, DROP / 2 - 2), (x, DROP)) if x else ((0.0, 0.0), (0.0, DROP))
        items.append(Line(way, arrow=not block.open))
        items.extend(block.moved(x, DROP))
        items.append(Line(((x, DROP + block.height), (x, bottom)), arrow=True))
    left, right = min(x + block.left for x, block in placed), max(x + block.right for x, block in placed)
    outputs = [str(node.output[0]) for node in op]
    text = plain("concat" if len(set(outputs)) > 1 else f"concat {outputs[0]}", 11.5, "#ffffff")
    reach = text.width / 2 + 12
    left, right = min(left, -reach), max(right, reach)
    items.append(Box(left, bottom, right - left, 22, "concat", (text,)))
    return Block(left, right, bottom + 22, tuple(items), open=True)


def _branch(branch: Same, pen: Pen) -> Block:
    block = chain(branch, pen)
    return replace(block, left=min(block.left, -PASSING), right=max(block.right, PASSING))


def _residual(op: Same, pen: Pen) -> Block:
    """The body in the middle, the shortcut left of it, both into a plus."""
    node = op[0]
    assert isinstance(node.op, Residual)
    body, *others = _parts(op)
    tail = [box("add", [_scale(op, pen)], 0)] if any(_number(n) != "1" for n in op) else []
    projection = chain_blocks(others.pop(0), pen) if node.op.projection else []
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
    sum_ = Block(left, right, height, tuple(items), open=True)
    if node.op.activation == "none":
        return sum_
    return stacked([sum_, box("other", [plain(activation_name(node.op.activation), 12)], 52)], 16)


def _number(node: Node) -> str:
    assert isinstance(node.op, Residual)
    return f"{node.op.scale:g}"


def _scale(op: Same, pen: Pen) -> Text:
    return Text((Span("× "), pen.value([_number(node) for node in op])), 12)


def _copies(op: Same, pen: Pen) -> Block:
    """The copies of a cell inside of a chain; equal ones that follow one another are drawn once, in a frame."""
    blocks: list[Block] = []
    for run in runs(_parts(op)):
        block = chain(run[0], pen)
        blocks.append(grouped(block, plain(f"×{len(run)}", 12, bold=True)) if len(run) > 1 else block)
    return stacked(blocks, GAP)
