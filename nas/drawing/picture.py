"""A picture of an architecture: the text of an SVG file, or the bytes of a PNG (`python -m nas draw`)."""

from argparse import Namespace
from pathlib import Path

from nas.architecture import Architecture
from nas.architecture.sketch import sketch
from nas.drawing.page import cell_page, chosen_families, network_families, network_page
from nas.drawing.svg import svg
from nas.drawing.text import clean
from nas.errors import InputError


def run(given: Namespace) -> None:
    words = [Path(given.network).stem, *filter(None, (given.variant, given.cell))]
    out: Path = given.out or Path("".join(c if c.isalnum() or c in "_.-" else "_" for c in "_".join(words)) + ".svg")
    if out.suffix not in (".svg", ".png"):
        raise InputError(f"--out: a picture is .svg or .png; got {str(out)!r}")
    picture = draw(Architecture.load(given.network, given.variant), cell=given.cell, title=" ".join(words))
    content = png(picture) if out.suffix == ".png" else picture.encode()
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
        raise InputError("a PNG needs resvg-py: pip install resvg-py; an SVG needs nothing") from None
    return bytes(resvg_py.svg_to_bytes(svg_string=picture, zoom=scale))
