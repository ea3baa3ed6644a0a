"""Pages of pictures: nothing overlaps, everything fits, and what is folded is counted."""

from collections.abc import Iterator
from functools import cache

import pytest
from documents import HEAD, build, conv, document, side_by_side
from shipped_spaces import candidate, load

from nas.architecture import Architecture
from nas.architecture.ops import Aux, Cell
from nas.architecture.plan import Node
from nas.architecture.published import published_names
from nas.drawing.canvas import FRAMES, Block, Box, Label, Line
from nas.drawing.families import families
from nas.drawing.picture import picture
from nas.errors import InputError

HOSTILE = "<script>alert('x')</script>&\"]]>\u202e\0\x1b[31m a name that goes on and on and on"
SEEDS = range(10)
Rectangle = tuple[float, float, float, float]
"""left, top, right, bottom"""


@cache
def everything() -> Architecture:
    """All that a page must cope with: odd names, early, late and several aux heads, nesting, empty branches."""
    cells = {
        HOSTILE: side_by_side(a=[conv(8, 1)], b=[]),
        "plain": [conv(16, 5), conv(16, 1)],
        "stage": [{"op": "cell", "cell": "sum", "depth": 3}, {"op": "cell", "cell": "plain", "depth": 2}],
        "sum": {
            "op": "residual",
            "projection": True,
            "scale": 0.1,
            "body": [conv(8)],
            "shortcut": [conv("in", 1, activation="none")],
        },
        "varied": {"op": "residual", "scale": "$s", "body": [conv("in", groups="in"), conv("in", "$k")]},
    }
    head = {"op": "aux", "chain": HEAD}
    return Architecture.from_document(
        document(
            {"op": "channel_affine", "scale": 2},
            conv(24, stride=[2, 1], activation="silu", bias=True, name="s"),
            {"op": "cell", "name": "odd", "cell": HOSTILE},
            {**head, "name": "early", "of": "s"},
            {**head, "name": "again", "of": "s"},
            {"op": "cell", "name": "plain", "cell": "plain", "depth": 3},
            {"op": "cell", "name": "stage", "cell": "stage", "depth": 2},
            {"op": "cell", "name": "v", "cell": "varied", "depth": 4, "each": {"s": [1, 1, 0.5, 1], "k": [3, 3, 3, 1]}},
            side_by_side(x=[{"op": "cell", "cell": "sum"}], y=[{"op": "pool", "kind": "max"}], z=[]),
            {"op": "cell", "cell": "plain", "depth": 0},
            {"op": "residual", "body": [conv("in", groups=4)]},
            {"op": "flatten"},
            {"op": "linear", "width": "classes"},
            {"op": "aux", "name": "late", "chain": [{"op": "identity"}]},
            size=32,
            cells=cells,
        )
    )


PAGES = [*published_names(), *SEEDS, "everything"]


@cache
def planned(which: str | int) -> Node:
    match which:
        case int():
            return candidate(load("inception_cell", size=28, channels=1), which).plan
        case "everything":
            return everything().plan
        case _:
            return Architecture.load(which).plan


@cache
def page(which: str | int) -> Block:
    return picture(planned(which), f"page {which}")


def rectangle(item: Box | Label) -> Rectangle:
    if isinstance(item, Label):
        (width, size), left = (item.text.width, item.text.size), {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor]
        return item.x - left * width, item.y - size / 2, item.x + (1 - left) * width, item.y + size / 2
    return item.x, item.y, item.x + item.width, item.y + item.height


def overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] - 0.5 and b[0] < a[2] - 0.5 and a[1] < b[3] - 0.5 and b[1] < a[3] - 0.5


def strokes(line: Line) -> Iterator[Rectangle]:
    """The straight parts of a line, as rectangles one pixel wide."""
    for (x0, y0), (x1, y1) in zip(line.points, line.points[1:], strict=False):
        assert x0 == x1 or y0 == y1, "lines are level or upright"
        yield min(x0, x1) - 0.5, min(y0, y1) - 0.5, max(x0, x1) + 0.5, max(y0, y1) + 0.5


def inside(item: Rectangle) -> Rectangle:
    left, top, right, bottom = item
    return left + 1.5, top + 1.5, right - 1.5, bottom - 1.5


def boxes(page: Block) -> list[Box]:
    """What stands for an op or is part of the legend."""
    return [item for item in page.items if isinstance(item, Box) and item.kind not in FRAMES]


def frames(page: Block) -> list[Box]:
    return [item for item in page.items if isinstance(item, Box) and item.kind in FRAMES]


def labels(page: Block) -> list[Label]:
    return [item for item in page.items if isinstance(item, Label)]


def lines(page: Block) -> list[Line]:
    return [item for item in page.items if isinstance(item, Line)]


def content(label: Label) -> str:
    return "".join(span.text for span in label.text.spans)


@pytest.mark.parametrize("which", PAGES)
def test_on_every_page_nothing_overlaps_and_everything_fits(which: str | int) -> None:
    solid = [*boxes(page(which)), *labels(page(which))]
    rectangles = [rectangle(item) for item in solid]
    for index, one in enumerate(rectangles):
        assert not any(overlap(one, other) for other in rectangles[:index]), solid[index]
    panels = [rectangle(frame) for frame in frames(page(which)) if frame.kind == "panel"]
    assert not any(overlap(a, b) for i, a in enumerate(panels) for b in panels[:i])
    for left, top, right, bottom in [*rectangles, *map(rectangle, frames(page(which)))]:
        assert left >= 0
        assert top >= 0
        assert right <= page(which).width
        assert bottom <= page(which).height


@pytest.mark.parametrize("which", PAGES)
def test_on_every_page_lines_end_at_boxes_and_cross_neither_boxes_nor_labels(which: str | int) -> None:
    obstacles = [inside(rectangle(item)) for item in [*boxes(page(which)), *labels(page(which))]]
    for line in lines(page(which)):
        for stroke in strokes(line):
            assert not any(overlap(stroke, obstacle) for obstacle in obstacles), line


@pytest.mark.parametrize("which", PAGES)
def test_on_every_page_text_fits_its_box(which: str | int) -> None:
    for box in boxes(page(which)):
        assert all(text.width <= box.width - 6 for text in box.text), box
        assert sum(text.size for text in box.text) <= box.height, box


@pytest.mark.parametrize("which", PAGES)
def test_folding_keeps_counts(which: str | int) -> None:
    """Copies in the panels, in their tables and in the boxes of the flow are those of the plan."""
    shown = families(planned(which))
    copies = {copy.path for family in shown for copy in family.copies}
    assert len(copies) == sum(len(family.copies) for family in shown)
    assert all(sum(len(row.members) for row in family.rows) == len(family.members) for family in shown)
    assert sum(box.copies for box in boxes(page(which)) if box.kind == "cell" and box.text) == len(copies)


@pytest.mark.parametrize("which", PAGES)
def test_every_cell_and_every_op_has_a_page_of_its_own(which: str | int) -> None:
    root = planned(which)
    names = {node.op.cell for node in root.walk(aux=True) if isinstance(node.op, Cell) and node.children}
    paths = [node.path for node in root.children if node.children]
    for name in [*names, *paths]:
        assert frames(picture(root, cell=name))


def test_a_cell_named_is_all_its_copies_and_a_place_those_of_that_place() -> None:
    root = Architecture.load("inception_v3").plan
    assert [len(family.copies) for family in families(root, "b")] == [4]
    assert [family.places for family in families(root, "stage_b")] == [["stage_b"]]
    assert [copy.path for copy in families(root, "stage_b.2")[0].copies] == ["stage_b.2"]


def test_an_unknown_cell_and_one_without_copies_are_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no cell or op 'bb'.*There are: a, a_to_b, b,.*conv1"):
        families(Architecture.load("inception_v3").plan, "bb")
    cells = {"gone": [conv(4)], "there": [conv(4)]}
    uses = ({"op": "cell", "cell": "gone", "depth": 0}, {"op": "cell", "cell": "there"})
    with pytest.raises(InputError, match=r"no cell or op 'gone'.*there are: there"):
        families(build(*uses, cells=cells).plan, "gone")


def test_the_flow_has_each_grid_where_it_changes_and_each_aux_head_once() -> None:
    said = [content(label) for label in labels(page("everything"))]
    heads = [node for node in planned("everything").children if isinstance(node.op, Aux)]
    assert all(said.count(f"{node.name}, weight 0.3") == 1 for node in heads)
    assert {"3×32×32", "24×16×32", "32×16×32", "5"} <= set(said)


def test_an_aux_head_hangs_at_the_op_it_reads() -> None:
    aux = {"op": "aux", "name": "side", "of": "a", "chain": HEAD}
    drawn = picture(build(conv(8, name="a"), conv(16, name="b"), aux).plan)
    (line,) = [line for line in lines(drawn) if line.style == "aux"]
    first, second = [box for box in boxes(drawn) if box.kind == "square" and box.text]
    assert first.y + first.height < line.points[0][1] < second.y


def test_the_legend_has_the_kinds_on_the_page_and_no_others() -> None:
    said = set(map(content, labels(picture(build(conv(8, 1)).plan))))
    assert {"1×1 convolution", "pooling", "fully connected"} <= said
    assert not {"n×n convolution", "residual scale", "cell, shown in its panel"} & said
