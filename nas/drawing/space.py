"""A picture of a search space: its network and cells as they are written, with what each hole offers in its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from nas.drawing.blocks import box
from nas.drawing.canvas import GAP, Block, Box, Item, Label, beside, grouped, parallel, stacked
from nas.drawing.offers import offered, said_of, shown
from nas.drawing.page import columns, page
from nas.drawing.svg import svg
from nas.drawing.text import GREY, Text, clean, plain, small
from nas.space.conditions import is_conditional, is_open, read_conditional
from nas.space.holes import Alternatives, read_hole

LONG = 48
"""Characters of a line of options."""
OFFER = "#be123c"
"""The colour of what is open."""
LEGEND = "in red: what is searched; a|b is one of these, a…b any from a to b"

KINDS = {"pool": "pool", "global_pool": "pool", "adaptive_pool": "pool", "linear": "dense"}
SHOWN = ("body", "branches", "cell", "chain", "name", "nodes", "op", "shortcut")
"""Fields that have no line of their own."""


def draw_space(space: Mapping[str, Any], title: str = "") -> str:
    """SVG of a space, of the document that holds `architecture` and `training`: a panel for the network and each cell.

    What is open outside of these stands below the title.
    """
    architecture = space["architecture"]
    cells = architecture.get("cells") or {}
    if is_open(cells):
        cells = {"of any name": cells}
    main = _panel("network", architecture["network"], 0.0)
    panels = [partial(_panel, f"cell {clean(name)}", cell) for name, cell in cells.items()]
    parts = [main, *columns(panels, [main])]
    picture = page(parts, title, [small(LEGEND, OFFER), *_elsewhere(space)], [])
    return svg(picture, clean(title, 200), "a search space")


def _panel(title: str, chain: Any, least_width: float) -> Block:
    return grouped(_chain(chain), plain(title, 13, bold=True), least_width)


def _elsewhere(space: Mapping[str, Any]) -> Iterator[Text]:
    """What is open outside of the network and the cells."""
    general = {key: value for key, value in space["architecture"].items() if key not in ("network", "cells")}
    for section in (general, space.get("training") or {}):
        for key, value in section.items():
            if _holds_open(value):
                yield from _lines(f"{key} {shown(value)}", OFFER, longest=160)


def _chain(node: Any) -> Block:
    """A chain, or whatever may be chosen in its place."""
    if is_open(node):
        return _open(node)
    ops = node if isinstance(node, list) else [node]
    return stacked([_op(op) for op in ops], GAP) if ops else _remark("passes on what comes in")


def _remark(text: str) -> Block:
    return box("other", [small(text)])


def _open(node: Any) -> Block:
    """The options of a choice side by side, or the two values under a condition."""
    if is_conditional(node):
        conditional = read_conditional(node, "")
        options = {f"if {said_of(conditional.test)}": conditional.then, "else": conditional.otherwise}
        title = "depends"
    else:
        hole = read_hole(node, "")
        if not isinstance(hole, Alternatives):
            return box("other", [plain(offered(hole), 12, OFFER)])
        options, title = dict(hole.options), "one of"
    there = {name: _chain(option) for name, option in options.items() if option is not None}
    missing = [name for name in options if name not in there]
    if len(there) == 1 and missing:
        ((name, block),) = there.items()
        return _framed([block], f"{name}, or {' or '.join(missing)}")
    blocks = {**there, **{name: _remark("absent") for name in missing}}
    return _framed([_named(small(clean(name), OFFER), block) for name, block in blocks.items()], title)


def _framed(blocks: Sequence[Block], title: str) -> Block:
    """Blocks side by side in a dashed frame; the flow goes through one of them."""
    label = small(title, OFFER)
    placed = beside(blocks)
    top = label.size + 12
    bottom = top + max(block.height for block in blocks) + 8
    left = min(-label.width / 2 - 8, *(x + block.left - 10 for x, block in placed))
    right = max(label.width / 2 + 8, *(x + block.right + 10 for x, block in placed))
    items: list[Item] = [Box(left, 0, right - left, bottom, "aux"), Label(0, top / 2 + 2, label, "middle")]
    for x, block in placed:
        items.extend(block.moved(x, top))
    return Block(left, right, bottom, tuple(items))


def _named(name: Text, block: Block) -> Block:
    """With its name above, where no arrow may end."""
    half = name.width / 2 + 4
    items = (Label(0, 7, name, "middle"), *block.moved(0, 18))
    return Block(min(block.left, -half), max(block.right, half), block.height + 18, items, open=True)


def _op(op: Mapping[str, Any]) -> Block:
    """An op that holds others, or a box with its name and its fields; a cell's is called as the cell."""
    match op:
        case {"op": "chain", "chain": chain}:
            return _chain(chain)
        case {"op": "branches", "branches": branches} if is_open(branches):
            return _open(branches)
        case {"op": "branches", "branches": branches}:
            there = {name: _chain(chain) for name, chain in branches.items() if chain is not None}
            return _sides(there, "concat", [plain("concat", 11.5, "#ffffff")])
        case {"op": "residual", "body": body}:
            shortcut = op.get("shortcut")
            kept = _chain(shortcut) if shortcut else _remark("what comes in")
            return _sides({"shortcut": kept, "body": _chain(body)}, "add", [plain("+", 14, bold=True), *_fields(op)])
        case {"op": "aux"}:
            return box("other", [plain("side classifier", 12), *_fields(op)])
        case {"op": "graph", "nodes": nodes}:
            return box("add", [small(line, fill) for line, fill in _edges(nodes)])
        case {"op": "cell", "cell": cell}:
            name = f"{clean(op['name'])}: " if op.get("name") else ""
            return box("cell", [*_lines(f"{name}cell {shown(cell)}", _fill(cell), 12), *_fields(op)])
        case _:
            kind = str(op.get("op"))
            look = KINDS.get(kind, "other") if kind != "conv" else "point" if op.get("kernel") == 1 else "square"
            return box(look, [plain(kind, 12.5, bold=True), *_fields(op)])


def _sides(named: Mapping[str, Block], kind: str, text: Sequence[Text]) -> Block:
    return parallel([_named(small(clean(name)), block) for name, block in named.items()], kind, text)


def _fields(op: Mapping[str, Any]) -> list[Text]:
    """A line for each field: what is open in colour."""
    fields = {key: value for key, value in op.items() if key not in SHOWN}
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
