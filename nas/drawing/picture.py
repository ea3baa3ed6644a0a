"""A picture of an architecture: the text of an SVG file, or the bytes of a PNG (`python -m nas draw`)."""

from argparse import Namespace
from functools import partial
from pathlib import Path

from nas.architecture import Architecture
from nas.architecture.plan import Node
from nas.architecture.shapes import written
from nas.architecture.sketch import sketch
from nas.cost import cost_of
from nas.drawing.canvas import Block, Box
from nas.drawing.families import families
from nas.drawing.flow import flow
from nas.drawing.page import columns, page
from nas.drawing.panel import panel
from nas.drawing.svg import svg
from nas.drawing.text import clean, small
from nas.drawing.words import Pen, usual_finish
from nas.errors import InputError

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


def run(given: Namespace) -> None:
    words = [Path(given.network).stem, *filter(None, (given.variant, given.cell))]
    out: Path = given.out or Path("".join(c if c.isalnum() or c in "_.-" else "_" for c in "_".join(words)) + ".svg")
    if out.suffix not in (".svg", ".png"):
        raise InputError(f"--out: a picture is .svg or .png; got {str(out)!r}")
    text = draw(Architecture.load(given.network, given.variant), cell=given.cell, title=" ".join(words))
    content = png(text) if out.suffix == ".png" else text.encode()
    try:
        out.write_bytes(content)
    except OSError as error:
        raise InputError(f"--out: cannot write {str(out)!r}: {error.strerror}") from None
    print(out)


def draw(architecture: Architecture, *, cell: str | None = None, title: str = "") -> str:
    """SVG of the whole network, or of one cell: by its name, or by the path of a copy (or of any op) in the plan.

    Raises:
        InputError: there is no such cell.
    """
    root = architecture.plan
    said = [f"{each.title} ×{len(each.copies)}: {sketch(each.copies[0])}" for each in families(root, cell)]
    return svg(picture(root, title, cell), clean(title, 200), clean("; ".join(said), 4000))


def picture(root: Node, title: str = "", cell: str | None = None) -> Block:
    """The flow of a network with a panel for each of its cells, or the panels of one cell alone."""
    usual = usual_finish(root)
    shown = families(root, cell)
    parts, about = [], []
    if cell is None:
        parts = [flow(root, {copy.path: family for family in shown for copy in family.copies}, Pen(usual))]
        price = cost_of(root)
        said = f"{price.parameters:,} parameters, {price.macs:,} multiply-adds at {written(root.input)}"
        about = [small(said)]
    parts += columns([partial(panel, family, usual) for family in shown], parts)
    kinds = {item.kind for part in parts for item in part.items if isinstance(item, Box)}
    legend = [(kind, small(said)) for kind, said in LEGEND.items() if kind in kinds]
    if usual and kinds & {"point", "square", "factor"}:
        legend.append(("", small(f"convolutions {usual}, unless a box says otherwise")))
    return page(parts, title, about, legend)


def png(picture: str, scale: float = 2.0) -> bytes:
    """An SVG of `draw` as PNG, `scale` pixels a unit, in the fonts of the system.

    Raises:
        InputError: the extra `png` is not installed.
    """
    try:
        import resvg_py  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise InputError("a PNG needs resvg-py: pip install resvg-py; an SVG needs nothing") from None
    return bytes(resvg_py.svg_to_bytes(svg_string=picture, zoom=scale))
