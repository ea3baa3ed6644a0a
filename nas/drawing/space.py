"""A picture of a search space: its network and cells as they are written, with what each hole offers in its place."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nas.drawing.blocks import BRANCH_GAP, DROP, GAP, box
from nas.drawing.canvas import Block, Frame, Item, Label, Line, beside, grouped, stacked
from nas.drawing.offers import offered, said_of, shown
from nas.drawing.svg import svg
from nas.drawing.text import GREY, Text, clean, plain, small
from nas.space.conditions import is_conditional, is_open, read_conditional
from nas.space.holes import Alternatives, read_hole

MARGIN = 24.0
COLUMN_GAP = 30.0
WIDE = 900.0
"""Panels stand side by side up to this width."""
LONG = 48
"""Characters of a line of options."""
OFFER = "#be123c"
"""The colour of what is open."""
LEGEND = "in red: what is searched; a|b is one of these, a…b any from a to b"

KINDS = {"pool": "pool", "global_pool": "pool", "adaptive_pool": "pool", "linear": "dense"}
SHAPE_FIELDS = ("body", "branches", "chain", "name", "nodes", "op", "shortcut")


def draw_space(space: Mapping[str, Any], title: str = "") -> str:
    """SVG of a space, of the document that holds `architecture` and `training`: a panel for the network and each cell.

    What is open outside of these stands below the title.
    """
    architecture = space["architecture"]
    main = grouped(_chain(architecture["network"]), plain("network", 13, bold=True))
    cells = architecture.get("cells") or {}
    if is_open(cells):
        cells = {"of any name": cells}
    panels = [grouped(_chain(cell), plain(f"cell {clean(name)}", 13, bold=True)) for name, cell in cells.items()]
    items: list[Item] = []
    y = MARGIN
    heading = [plain(clean(title, 60), 20, bold=True), small(LEGEND, OFFER), *_elsewhere(space)]
    for text in heading:
        items.append(Label(MARGIN, y + text.size / 2, text))
        y += text.size + 7
    top = y + 10
    items.extend(main.moved(MARGIN - main.left, top))
    x, height = MARGIN + main.width + COLUMN_GAP, main.height
    width = max([x, *(text.width + MARGIN + COLUMN_GAP for text in heading)])
    below = 0.0
    for row in _rows(panels):
        along = x
        for block in row:
            items.extend(block.moved(along - block.left, top + below))
            along += block.width + COLUMN_GAP
        below += max(block.height for block in row) + COLUMN_GAP
        width, height = max(width, along), max(height, below - COLUMN_GAP)
    page = Block(0, width - COLUMN_GAP + MARGIN, top + height + MARGIN, tuple(items))
    return svg(page, clean(title, 200), "a search space")


def _elsewhere(space: Mapping[str, Any]) -> Iterator[Text]:
    """What is open outside of the network and the cells."""
    general = {key: value for key, value in space["architecture"].items() if key not in ("network", "cells")}
    for section in (general, space.get("training") or {}):
        for key, value in section.items():
            if _holds_open(value):
                yield from _lines(f"{key} {shown(value)}", OFFER, 10.5, 160)


def _rows(panels: Sequence[Block]) -> list[list[Block]]:
    """Panels in rows no wider than the widest of them (or than `WIDE`), each in the first with room for it."""
    limit = max([WIDE, *(panel.width for panel in panels)])
    rows: list[list[Block]] = []
    for panel in panels:
        for row in rows:
            if sum(other.width + COLUMN_GAP for other in row) + panel.width <= limit:
                row.append(panel)
                break
        else:
            rows.append([panel])
    return rows


def _chain(node: Any) -> Block:
    """A chain, or whatever may be chosen in its place."""
    if is_open(node):
        return _open(node)
    ops = node if isinstance(node, list) else [node]
    return stacked([_op(op) for op in ops], GAP) if ops else box("other", [small("passes on what comes in")], 0)


def _open(node: Any) -> Block:
    """The options of a choice side by side, or the two values under a condition."""
    if is_conditional(node):
        conditional = read_conditional(node, "")
        options = {f"if {said_of(conditional.test)}": conditional.then, "else": conditional.otherwise}
        title = "depends"
    else:
        hole = read_hole(node, "")
        if not isinstance(hole, Alternatives):
            return box("other", [plain(offered(hole), 12, OFFER)], 0)
        options, title = dict(hole.options), "one of"
    there = {name: option for name, option in options.items() if option is not None}
    missing = [name for name in options if name not in there]
    if len(there) == 1 and missing:
        ((name, option),) = there.items()
        return _framed([(None, _chain(option))], f"{name}, or {' or '.join(missing)}")
    blocks = [(small(clean(name), OFFER), _chain(option)) for name, option in there.items()]
    blocks += [(small(clean(name), OFFER), box("other", [small("absent")], 0)) for name in missing]
    return _framed(blocks, title)


def _framed(blocks: Sequence[tuple[Text | None, Block]], title: str) -> Block:
    """Blocks side by side in a dashed frame, each with its name above; the flow goes through one of them."""
    label = small(title, OFFER)
    named = [_named(name, block) for name, block in blocks]
    placed = beside(named, BRANCH_GAP)
    top = label.size + 12
    bottom = top + max(block.height for _, block in placed) + 8
    left = min(min(x + block.left for x, block in placed) - 10, -label.width / 2 - 8)
    right = max(max(x + block.right for x, block in placed) + 10, label.width / 2 + 8)
    items: list[Item] = [Frame(left, 0, right - left, bottom, "aux"), Label(0, top / 2 + 2, label, "middle")]
    for x, block in placed:
        items.extend(block.moved(x, top))
    return Block(left, right, bottom, tuple(items))


def _named(name: Text | None, block: Block) -> Block:
    if name is None:
        return block
    half = name.width / 2 + 4
    items = (Label(0, 7, name, "middle"), *block.moved(0, 18))
    return Block(min(block.left, -half), max(block.right, half), block.height + 18, items)


def _op(op: Mapping[str, Any]) -> Block:
    match op:
        case {"op": "chain", "chain": chain}:
            return _chain(chain)
        case {"op": "branches", "branches": branches} if not is_open(branches):
            there = {name: _chain(chain) for name, chain in branches.items() if chain is not None}
            return _sides(there, lambda width: box("concat", [plain("concat", 11.5, "#ffffff")], width))
        case {"op": "branches", "branches": branches}:
            return _open(branches)
        case {"op": "residual"}:
            return _residual(op)
        case {"op": "aux"}:
            return box("other", [plain("side classifier", 12), *_fields(op)], 0)
        case {"op": "graph", "nodes": nodes}:
            return box("add", [small(line, fill) for line, fill in _edges(nodes)], 0)
        case _:
            return _leaf(op)


def _sides(named: Mapping[str, Block], joined: Callable[[float], Block]) -> Block:
    """Blocks side by side between a split and the box that joins them, which is made as wide as they are."""
    placed = beside([_named(small(clean(name)), block) for name, block in named.items()], BRANCH_GAP)
    left, right = min(x + block.left for x, block in placed), max(x + block.right for x, block in placed)
    joint = joined(right - left)
    middle = (left + right) / 2
    bottom = DROP + max(block.height for _, block in placed) + GAP
    items: list[Item] = list(joint.moved(middle, bottom))
    for x, block in placed:
        way = ((0.0, 0.0), (0.0, DROP / 2), (x, DROP / 2), (x, DROP)) if x else ((0.0, 0.0), (0.0, DROP))
        items += [Line(way), *block.moved(x, DROP), Line(((x, DROP + block.height), (x, bottom)), arrow=True)]
    left, right = min(left, middle + joint.left), max(right, middle + joint.right)
    return Block(left, right, bottom + joint.height, tuple(items), open=True)


def _residual(op: Mapping[str, Any]) -> Block:
    shortcut = op.get("shortcut")
    kept = _chain(shortcut) if shortcut else box("other", [small("what comes in")], 0)
    return _sides(
        {"shortcut": kept, "body": _chain(op["body"])},
        lambda width: box("add", [plain("+", 14, bold=True), *_fields(op)], width),
    )


def _leaf(op: Mapping[str, Any]) -> Block:
    """A box with the op's name and its fields; a cell's is called as the cell."""
    kind = str(op.get("op"))
    if kind == "cell":
        name = f"{clean(op['name'])}: " if op.get("name") else ""
        title = _lines(f"{name}cell {shown(op.get('cell'))}", _fill(op.get("cell")), 12)
        return box("cell", [*title, *_fields(op, "cell")], 0)
    kernel = op.get("kernel")
    look = KINDS.get(kind, "other") if kind != "conv" else "point" if kernel == 1 else "square"
    return box(look, [plain(kind, 12.5, bold=True), *_fields(op)], 0)


def _fields(op: Mapping[str, Any], *without: str) -> list[Text]:
    """A line for each field: what is open in colour."""
    fields = {key: value for key, value in op.items() if key not in (*SHAPE_FIELDS, *without)}
    values = fields.pop("values", {})
    named = (*fields.items(), *values.items())
    return [line for key, value in named for line in _lines(f"{key} {shown(value)}", _fill(value))]


def _lines(text: str, fill: str, size: float = 10.5, longest: int = LONG) -> list[Text]:
    """A text in lines that are not too long, if it can be parted between options."""
    lines = [""]
    for part in re.split(r"(?<=\|)|(?<=, )|(?= if )", text):
        if lines[-1] and len(lines[-1]) + len(part) > longest:
            lines.append("")
        lines[-1] += part
    return [plain(line.strip(), size, fill) for line in lines]


def _fill(value: Any) -> str:
    return OFFER if _holds_open(value) else GREY


def _holds_open(node: Any) -> bool:
    match node:
        case dict():
            return is_open(node) or any(map(_holds_open, node.values()))
        case list():
            return any(map(_holds_open, node))
        case _:
            return False


def _edges(nodes: Any) -> Iterator[tuple[str, str]]:
    if is_open(nodes):
        yield shown(nodes), OFFER
        return
    for name, chains in nodes.items():
        for source, chain in chains.items():
            yield f"{name} ← {source}: {shown(chain)}", _fill(chain)
