"""`draw`: a picture of an architecture, as the text of an SVG file or the bytes of a PNG."""

from nas.architecture import Architecture
from nas.architecture.sketch import sketch
from nas.drawing.page import cell_page, chosen_families, network_families, network_page
from nas.drawing.svg import svg
from nas.drawing.text import clean
from nas.errors import InputError


def draw(architecture: Architecture, *, cell: str | None = None, title: str = "") -> str:
    """SVG of the whole network, or of one cell: by its name, or by the path of a copy (or of any op) in the plan.

    Raises:
        InputError: there is no such cell.
    """
    root = architecture.plan
    if cell is None:
        page, shown = network_page(root, title), network_families(root)
    else:
        page, shown = cell_page(root, cell, title), chosen_families(root, cell)
    description = "; ".join(f"{family.title} ×{len(family.copies)}: {sketch(family.copies[0])}" for family in shown)
    return svg(page, clean(title, 200), clean(description, 4000))


def png(picture: str, scale: float = 2.0) -> bytes:
    """An SVG of `draw` as PNG, `scale` pixels a unit, in the fonts of the system.

    Raises:
        InputError: the extra `png` is not installed.
    """
    try:
        import resvg_py  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise InputError("a PNG needs the extra png: pip install 'inception-nas[png]'; an SVG needs nothing") from None
    return bytes(resvg_py.svg_to_bytes(svg_string=picture, zoom=scale))
