"""The main flow of a network from its input to its classes, with aux heads beside it where they tap it.

A cell with branches is one box here; its panel shows what is in it.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from nas.architecture.ops import Aux, Cell, Chain
from nas.architecture.plan import Node
from nas.architecture.shapes import Shape, written
from nas.drawing.blocks import box, chain, chain_blocks
from nas.drawing.canvas import GAP, LABELLED, Block, Box, Item, Label, Line, Point, grouped, stacked
from nas.drawing.families import Family, Member, place, runs
from nas.drawing.text import INK, Span, Text, clean, plain, small
from nas.drawing.words import Pen, Same

WIDTH = 128.0
HEAD_DROP = 16.0
HEAD_GAP = 28.0
HEAD_PADDING = 12.0

Part = tuple[Block, Shape]
"""A block of the flow, and the shape that leaves it."""


def flow(root: Node, of_copy: Mapping[str, Family], pen: Pen) -> Block:
    """The network's own chain. `of_copy` has the family of each copy (by its path) that a panel shows."""
    taps = root.heads()
    parts: list[Part] = [(box("end", [plain("input", 12)], 64), root.input)]
    heads: list[tuple[Node, int]] = []
    for group in _groups(root, of_copy, taps):
        parts += _parts(group, of_copy, pen)
        heads += [(head, len(parts)) for head in taps.get(group[-1].name, ())]
    blocks = [block for block, _ in parts] + [box("end", [plain("classes", 12)], 64)]
    shapes = [shape for _, shape in parts]
    changes = [True, *(before != after for before, after in pairwise(shapes))]
    labels = [small(written(shape)) if new else None for shape, new in zip(shapes, changes, strict=True)]

    def tap(count: int) -> float:
        """The middle of the line below the first `count` blocks."""
        return stacked(blocks[:count], GAP, labels).height + (LABELLED if labels[count - 1] else GAP) / 2

    return _with_heads(stacked(blocks, GAP, labels), [(_head(head, pen), tap(count)) for head, count in heads])


def _groups(root: Node, of_copy: Mapping[str, Family], taps: Mapping[str, object]) -> list[list[Node]]:
    """The ops of the network's chain; cells of one family that follow one another, with no tap between, together."""
    groups: list[list[Node]] = []
    family = None
    for node in root.children:
        if isinstance(node.op, Aux):
            continue
        titles = {of_copy[copy.path].title for copy in node.children if copy.path in of_copy}
        if family is not None and titles == {family} and groups[-1][-1].name not in taps:
            groups[-1].append(node)
        else:
            groups.append([node])
        family = titles.pop() if len(titles) == 1 else None
    return groups


def _parts(group: Sequence[Node], of_copy: Mapping[str, Family], pen: Pen) -> list[Part]:
    node = group[0]
    match node.op:
        case Chain():
            return [part for child in node.children for part in _parts([child], of_copy, pen)]
        case Cell() if node.children and node.children[0].path in of_copy:
            copies = [copy for cell in group for copy in cell.children]
            runs_ = groupby(copies, lambda copy: of_copy[copy.path].title)
            return [_reference(title, list(run), group) for title, run in runs_]
        case Cell():
            return [part for run in runs((copy,) for copy in node.children) for part in _plain_cell(node, run, pen)]
        case _:
            return _ops(node, pen)


def _ops(node: Node, pen: Pen) -> list[Part]:
    return list(zip(chain_blocks((node,), pen, WIDTH), (step.output for step in node.steps()), strict=True))


def _reference(title: str, run: Sequence[Node], cells: Sequence[Node]) -> Part:
    """The box that stands for copies of a cell, named as their panel is, with the names of the cell ops below."""
    times = f"  ×{len(run)}" if len(run) > 1 else ""
    text = [Text((Span(title, bold=True), Span(times)))]
    names = [cell.name for cell in cells] if len(cells) > 1 else [place([Member(copy, cells[0]) for copy in run])]
    if names != [title]:
        text.append(small(clean(", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}")))
    return box("cell", text, WIDTH, len(run)), run[-1].output


def _plain_cell(node: Node, run: Sequence[Same], pen: Pen) -> list[Part]:
    """A cell without branches: its ops, or for equal copies its ops once, in a frame."""
    if len(run) == 1:
        return _ops(run[0][0], pen)
    title = plain(f"{clean(node.name)} ×{len(run)}", 12, bold=True)
    return [(grouped(chain(run[0], pen, width=WIDTH), title), run[-1][0].output)]


def _head(node: Node, pen: Pen) -> Block:
    """In a dashed frame, with its name and weight below; the flow ends in it."""
    assert isinstance(node.op, Aux)
    block = chain(node.children, pen, 16, 96)
    notes = [small(f"{clean(node.name)}, weight {node.op.weight:g}", INK), small("in training only")]
    half = max(-block.left, block.right, *(note.width / 2 for note in notes)) + HEAD_PADDING
    items: list[Item] = [*block.moved(0, HEAD_PADDING)]
    y = HEAD_PADDING + block.height + 6
    for note in notes:
        items.append(Label(0, y + note.size / 2 + 2, note, "middle"))
        y += note.size + 4
    height = y + HEAD_PADDING - 4
    return Block(-half, half, height, (Box(-half, 0, 2 * half, height, "aux"), *items), open=block.open)


def _with_heads(body: Block, heads: Sequence[tuple[Block, float]]) -> Block:
    """Aux heads right of the flow, one below the other, each with a dashed line from the y of its tap."""
    items: list[Item] = []
    right, height = body.right, body.height
    for index, ((block, tap), top) in enumerate(zip(heads, _tops(heads, body.height), strict=True)):
        channel = body.right + 10 + 6 * index
        x = body.right + 20 + 6 * len(heads) - block.left
        way: list[Point] = [(0, tap), (x, tap), (x, top + HEAD_PADDING)]
        if top != tap + HEAD_DROP:
            way[1:2] = [(channel, tap), (channel, top - 13), (x, top - 13)]
        items += [Line(tuple(way), arrow=not block.open, style="aux"), *block.moved(x, top)]
        right, height = max(right, x + block.right), max(height, top + block.height)
    return Block(body.left, right, height, (*body.items, *items))


def _tops(heads: Sequence[tuple[Block, float]], height: float) -> list[float]:
    """The y of each head: right below its tap, or below the head before it.

    Those that would reach below the flow move up.
    """
    tops: list[float] = []
    free = 0.0
    for block, tap in heads:
        tops.append(max(tap + HEAD_DROP, free))
        free = tops[-1] + block.height + HEAD_GAP
    limit = max(height, sum(block.height + HEAD_GAP for block, _ in heads))
    for index in reversed(range(len(heads))):
        tops[index] = min(tops[index], limit - heads[index][0].height)
        limit = tops[index] - HEAD_GAP
    return tops
