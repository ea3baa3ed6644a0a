"""A page: the flow of a network with a panel for each of its cells, or the panels of one cell; title and legend."""

from collections.abc import Sequence

from nas.architecture.ops import Aux, Cell
from nas.architecture.plan import Node
from nas.architecture.shapes import written
from nas.cost import cost_of
from nas.drawing.canvas import Block, Box, Item, Label
from nas.drawing.families import Family, Member, branching_cells, families
from nas.drawing.flow import flow
from nas.drawing.panel import panel
from nas.drawing.text import Text, clean, plain, small
from nas.drawing.words import Finish, Pen, usual_finish
from nas.errors import unknown

MARGIN = 24.0
PANEL_GAP = 22.0
COLUMN_GAP = 33.0
LEAST_WIDTH = 420.0

LEGEND = {
    "point": "1×1 convolution",
    "square": "n×n convolution",
    "factor": "1×n or n×1 convolution",
    "pool": "pooling",
    "dense": "fully connected",
    "other": "no weights",
    "add": "residual scale",
    "cell": "cell, shown in its panel",
}


def network_page(root: Node, title: str) -> Block:
    """The whole network, of its plan."""
    usual = usual_finish(root)
    shown = network_families(root)
    main = flow(root, {copy.path: family for family in shown for copy in family.copies}, Pen(usual))
    price = cost_of(root)
    about = f"{price.parameters:,} parameters, {price.macs:,} multiply-adds at {written(root.input)}"
    return _page([main, *_columns(shown, usual, main)], title, about, usual)


def cell_page(root: Node, cell: str, title: str) -> Block:
    """One cell, by its name or by the path of a place where it stands; or the op at a path.

    Raises:
        InputError: there is no such cell or op.
    """
    usual = usual_finish(root)
    return _page(_columns(chosen_families(root, cell), usual, Block(0, 0, 0, ())), title, "", usual)


def network_families(root: Node) -> tuple[Family, ...]:
    """The cells of a network that have a panel."""
    return families(cell for node in root.children for cell in branching_cells(node))


def chosen_families(root: Node, cell: str) -> tuple[Family, ...]:
    """What `cell_page` shows."""
    nodes = list(root.walk(aux=True))
    named = [node for node in nodes if isinstance(node.op, Cell) and node.op.cell == cell]
    at_path = [node for node in nodes if node.path == cell and node.path]
    match named or at_path[:1]:
        case []:
            cells = [node.op.cell for node in nodes if isinstance(node.op, Cell)]
            raise unknown("cell", "cell or op", cell, dict.fromkeys([*cells, *(node.name for node in root.children)]))
        case [node] if not isinstance(node.op, Cell):
            shown = node.children[0] if isinstance(node.op, Aux) else node
            return (Family(node.path, 1, (Member(shown, shown),)),)
        case cells_:
            return families(cells_)


def _columns(shown: Sequence[Family], usual: Finish | None, main: Block) -> list[Block]:
    """Panels in columns, in order, right of the flow; as many columns as make a page that is small, rather not wide."""
    panels = [panel(family, usual) for family in shown]
    heights = [block.height + PANEL_GAP for block in panels]

    def filled(limit: float) -> list[list[int]]:
        columns: list[list[int]] = [[]]
        for index, height in enumerate(heights):
            if columns[-1] and sum(heights[i] for i in columns[-1]) + height > limit:
                columns.append([])
            columns[-1].append(index)
        return columns

    def size(columns: Sequence[Sequence[int]]) -> float:
        width = main.width + sum(max(panels[i].width for i in column) + COLUMN_GAP for column in columns)
        height = max(main.height, *(sum(heights[i] for i in column) for column in columns))
        return width * height * max(1.0, width / height)

    if not panels:
        return []
    limits = [sum(heights) / count * slack for count in range(1, 9) for slack in (1.0, 1.1, 1.2, 1.35)]
    best = min((filled(max(limit, *heights, 0)) for limit in limits), key=size)
    return [_column([shown[i] for i in column], usual, max(panels[i].width for i in column)) for column in best]


def _column(shown: Sequence[Family], usual: Finish | None, width: float) -> Block:
    """Panels one below the other, equally wide."""
    items: list[Item] = []
    y = 0.0
    for family in shown:
        block = panel(family, usual, width)
        items.extend(block.moved(0, y))
        y += block.height + PANEL_GAP
    return Block(0, width, y - PANEL_GAP, tuple(items))


def _page(parts: Sequence[Block], title: str, about: str, usual: Finish | None) -> Block:
    heading = [plain(clean(title, 60), 20, bold=True)] * bool(title) + [small(about)] * bool(about)
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
    inside = max(x - COLUMN_GAP - MARGIN, LEAST_WIDTH, *(text.width for text in heading), 0)
    legend = _legend({item.kind for item in items if isinstance(item, Box)}, usual, inside)
    items.extend(legend.moved(MARGIN, bottom))
    return Block(0, inside + 2 * MARGIN, bottom + legend.height + MARGIN, tuple(items))


def _legend(kinds: set[str], usual: Finish | None, width: float) -> Block:
    """What the colours mean, and what comes with every convolution, in rows no wider than `width`."""
    entries: list[tuple[str, Text]] = [(kind, small(said)) for kind, said in LEGEND.items() if kind in kinds]
    if usual and kinds & {"point", "square", "factor"}:
        entries.append(("", small(f"convolutions {usual}, unless a box says otherwise")))
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
