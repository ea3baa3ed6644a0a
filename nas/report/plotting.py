"""What the report's figures share: their look, axes and points.

Figures are plain data as plotly takes them, with no colour that suits only a light or a dark page. A point carries its
trial's number as `customdata`, by which the page finds what to show when it is clicked.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nas.drawing.text import clean
from nas.study import states

Figure = dict[str, Any]

COLOURS = {
    states.COMPLETE: "#3f83d1",
    states.PRUNED: "#dd9a1c",
    states.FAILED: "#d2495c",
    states.INFEASIBLE: "#a06cd5",
    states.TWIN: "#1fa08d",
    states.SCREENED: "#6f7fa3",
}
OTHER = "#8c95a1"
BEST = "#2e9e5b"
GRID = "rgba(128,136,148,0.22)"


def colour(state: str) -> str:
    return COLOURS.get(state, OTHER)


def text(written: object) -> str:
    """Anything as it is written, if it is not too long: plotly reads a few tags in texts."""
    return escape(clean(str(written)), quote=False)


def figure(data: Sequence[Mapping[str, Any]], height: int, **layout: Any) -> Figure:
    """With what all figures share; `layout` holds axes and the like."""
    return {"data": list(data), "layout": {**LAYOUT, "height": height, **layout}}


LAYOUT: Mapping[str, Any] = {
    "margin": {"l": 8, "r": 12, "t": 56, "b": 8},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hovermode": "closest",
    "dragmode": "pan",
    "showlegend": True,
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
}


def axis(title: str, **more: Any) -> dict[str, Any]:
    look = {"gridcolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True}
    return {**look, **more, "title": {"text": text(title), "standoff": 8}}


def numbered(title: str, most: int, **more: Any) -> dict[str, Any]:
    """An axis of whole numbers up to `most`."""
    return axis(title, **({"tickmode": "linear", "tick0": 0, "dtick": 1} if most <= 20 else {}), **more)


def dotted(x: float) -> dict[str, Any]:
    """A vertical line."""
    line = {"dash": "dot", "width": 1.2, "color": OTHER}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def points(word: str, pairs: Sequence[tuple[int, Any]], symbol: str) -> dict[str, Any]:
    return {
        "type": "scattergl",
        "mode": "markers",
        "name": text(word),
        "x": [number for number, _ in pairs],
        "y": [value for _, value in pairs],
        "customdata": [number for number, _ in pairs],
        "marker": {"color": colour(word), "size": 9 if len(pairs) < 200 else 6, "symbol": symbol, "opacity": 0.8},
        "hovertemplate": "trial %{customdata}: %{y}<extra>" + text(word) + "</extra>",
    }


def stairs(name: str, pairs: Sequence[tuple[float, float]], **more: Any) -> dict[str, Any]:
    """A line that holds each value until the next."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [x for x, _ in pairs],
        "y": [y for _, y in pairs],
        "line": {"color": BEST, "width": 2, "shape": "hv"},
        **more,
    }
