"""A page as SVG text: no scripts, no fonts and nothing else from outside; a white ground for dark pages."""

from xml.sax.saxutils import escape, quoteattr

from nas.drawing.canvas import FRAMES, Block, Box, Item, Label, Line, Point
from nas.drawing.text import Span, Text

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"

FILLS = {
    "point": ("#dbeafe", "#1d4ed8"),
    "square": ("#ffe8cc", "#b45309"),
    "factor": ("#eadcfc", "#7e22ce"),
    "pool": ("#d4f3e3", "#0f766e"),
    "add": ("#ffdfe3", "#be123c"),
    "plus": ("#ffdfe3", "#be123c"),
    "dense": ("#d9dee5", "#374151"),
    "other": ("#f6f7f9", "#8b949e"),
    "cell": ("#fffbe0", "#57534e"),
    "concat": ("#3d4653", "#3d4653"),
    "end": ("#ffffff", "#8b949e"),
    "group": ("#fafbfc", "#8b949e"),
    "aux": ("#fafbfc", "#57606a"),
    "panel": ("#ffffff", "#c4cad1"),
}
"""Fill and edge of each kind of box."""

EDGES = {"group": ' stroke-dasharray="2 3"', "aux": ' stroke-dasharray="6 4"', "panel": ""}
"""Of frames; those of other boxes are a little wider."""

LINES = {
    "flow": 'stroke="#4b5563" stroke-width="1.4"',
    "aux": 'stroke="#57606a" stroke-width="1.4" stroke-dasharray="6 4"',
    "rule": 'stroke="#c4cad1" stroke-width="1"',
}
HEAD = 6.0
CORNER = 7.0


def svg(page: Block, title: str, description: str) -> str:
    """The whole file."""
    width, height = _n(page.width), _n(page.height)
    drawn = [_item(item) for item in sorted(page.items, key=_layer)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" font-family={quoteattr(FONT)}>',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _layer(item: Item) -> int:
    """Frames lie below lines, these below boxes, and labels on top."""
    match item:
        case Box(kind=kind):
            return 0 if kind in FRAMES else 2
        case Line():
            return 1
        case Label():
            return 3


def _item(item: Item) -> str:
    match item:
        case Box():
            return _box(item)
        case Line():
            return _line(item)
        case Label():
            return _text(item.text, item.x, item.y, item.anchor)


def _box(item: Box) -> str:
    fill, edge = FILLS[item.kind]
    look = f'fill="{fill}" stroke="{edge}"' + EDGES.get(item.kind, ' stroke-width="1.3"')
    round_ = {"plus": item.height / 2, "end": item.height / 2, "add": 9, "concat": 4} | dict.fromkeys(FRAMES, 10)
    radius = round_.get(item.kind, 5)
    cards = [
        _rect(item.x + 4 * n, item.y + 3 * n, item.width, item.height - 6 * n, radius, look)
        for n in range(min(item.copies, 3) - 1, 0, -1)
    ]
    parts = [*cards, _rect(item.x, item.y, item.width, item.height, radius, look)]
    y = item.y + (item.height - sum(text.size + 4 for text in item.text)) / 2
    for text in item.text:
        parts.append(_text(text, item.x + item.width / 2, y + (text.size + 4) / 2, "middle"))
        y += text.size + 4
    return "\n".join(parts)


def _rect(x: float, y: float, width: float, height: float, radius: float, look: str) -> str:
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}" {look}/>'


def _text(text: Text, x: float, y: float, anchor: str) -> str:
    """`y` is the middle of the small letters and digits."""
    spans = "".join(map(_span, text.spans))
    return (
        f'<text x="{_n(x)}" y="{_n(y + 0.36 * text.size)}" font-size="{_n(text.size)}" fill="{text.fill}" '
        f'text-anchor="{anchor}" xml:space="preserve">{spans}</text>'
    )


def _span(span: Span) -> str:
    style = ' font-weight="600"' * span.bold + ' font-style="italic"' * span.italic
    return f"<tspan{style}>{escape(span.text)}</tspan>"


def _line(item: Line) -> str:
    points = list(item.points)
    head = ""
    if item.arrow:
        (x0, y0), (x, y) = points[-2], points[-1]
        dx, dy = _sign(x - x0), _sign(y - y0)
        points[-1] = (x - dx * (HEAD - 1), y - dy * (HEAD - 1))
        corners = [(x, y), (x - dx * HEAD - dy * HEAD / 2, y - dy * HEAD + dx * HEAD / 2)]
        corners.append((x - dx * HEAD + dy * HEAD / 2, y - dy * HEAD - dx * HEAD / 2))
        head = f'\n<path d="M{" L".join(map(_at, corners))} Z" fill="#4b5563"/>'
    return f'<path d="{_path(points)}" fill="none" {LINES[item.style]}/>{head}'


def _path(points: list[Point]) -> str:
    """Straight lines, with a curve of at most `CORNER` around each corner."""
    path = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.append(f"L{_at(_toward(corner, before))} Q{_at(corner)} {_at(_toward(corner, after))}")
    return " ".join([*path, f"L{_at(points[-1])}"])


def _toward(start: Point, end: Point) -> Point:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(CORNER, length / 2) / length if length else 0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _at(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _n(value: float) -> str:
    """A number with at most one decimal."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")  # + 0.0 makes a zero of a negative zero
