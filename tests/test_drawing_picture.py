"""Pictures as files: well-formed, alone, the same every time, and harmless whatever the names."""

import sys
from xml.etree import ElementTree

import pytest
from documents import build, conv, side_by_side
from hypothesis import given
from hypothesis import strategies as st

from nas.architecture import Architecture
from nas.architecture.published import published_names
from nas.drawing import draw, png
from nas.errors import InputError

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "desc", "rect", "path", "text", "tspan"}
PIXEL_SIZE = slice(16, 24)


def checked(picture: str) -> ElementTree.Element:
    """The parsed picture, which has nothing but shapes and text in it."""
    root = ElementTree.fromstring(picture)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ELEMENTS
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not any("href" in name or name.startswith("on") or name in ("style", "class", "id") for name in attributes)
    return root


@pytest.mark.parametrize("name", published_names())
def test_every_published_network_has_a_picture(name: str) -> None:
    root = checked(draw(Architecture.load(name), title=name))
    assert root.findtext(f"{SVG}title") == name
    ground = root.find(f"{SVG}rect")
    assert ground is not None
    assert ground.attrib == {"width": root.get("width"), "height": root.get("height"), "fill": "#ffffff"}


def test_a_picture_describes_itself_for_those_who_cannot_see_it() -> None:
    root = checked(draw(Architecture.load("inception_v3"), cell="a"))
    assert root.findtext(f"{SVG}desc") == "a ×3: 1×1 64 | 1×1 48 → 5×5 64 | 1×1 64 → 3×3 96 → 3×3 96 | avg → 1×1 32"


@given(st.text(min_size=1, max_size=60))
def test_the_name_of_a_cell_is_harmless(name: str) -> None:
    try:
        cells = {name: side_by_side(one=[conv(4, 1)], two=[])}
        architecture = build({"op": "cell", "cell": name}, cells=cells)
    except InputError:
        return
    checked(draw(architecture, title=name))
    checked(draw(architecture, cell=name, title=name))


@pytest.mark.parametrize("title", ["</title><script>alert(1)</script>", "a\0b\ud800", "&lt;", "]]>", "\x1b[31m"])
def test_the_title_of_a_picture_is_harmless(title: str) -> None:
    checked(draw(build(conv(4)), title=title))


def test_without_its_extra_a_png_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(InputError, match="needs resvg-py"):
        png(draw(build(conv(4))))


def test_a_png_has_twice_the_pixels_of_the_svg() -> None:
    pytest.importorskip("resvg_py", reason="the extra png")
    picture = draw(build(conv(4)))
    image = png(picture)
    assert image.startswith(b"\x89PNG")
    size = ElementTree.fromstring(picture).get("width"), ElementTree.fromstring(picture).get("height")
    pixels = int.from_bytes(image[PIXEL_SIZE][:4], "big"), int.from_bytes(image[PIXEL_SIZE][4:], "big")
    assert [abs(2 * float(units or 0) - n) <= 2 for units, n in zip(size, pixels, strict=True)] == [True, True]
