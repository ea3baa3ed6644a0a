"""Figures over all complete candidates: accuracy against cost with the Pareto front, and parallel coordinates."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10, sqrt
from typing import Any

from optuna.trial import FrozenTrial

from nas.report.plotting import BEST, Figure, axis, figure, points, stairs, text
from nas.report.reading import StudyRecord
from nas.search.display import count
from nas.space.holes import Scalar
from nas.study import states
from nas.study.objectives import accuracy
from nas.training.recipe import METRIC

COSTS = {
    "parameters": "parameters",
    "macs": "MACs",
    "depth": "layers",
    "memory": "bytes in training",
    "latency": "milliseconds a batch",
}
"""What a candidate costs, and the words for it."""

USUAL = ("parameters", "macs", "latency")
"""What accuracy is shown against whatever the objectives are, if it is known."""

AXES = 8
INACTIVE = "–"

SPREAD, MANY, GOLDEN = 0.3, 400, (5**0.5 - 1) / 2
"""How far lines with the same value are set apart: as a share of the way to the next value, from so many lines on; and
in which sequence."""


def cost_of(trial: FrozenTrial, name: str) -> float | None:
    """None if it is not known."""
    if name == "latency":
        latency = trial.user_attrs.get("latency")
        return None if latency is None else 1000 * float(latency["median"])
    return trial.user_attrs.get(name)


def front(pairs: Sequence[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Of (cost, accuracy, number): those to which none is equal or better in both; the cheapest first."""
    kept: list[tuple[float, float, int]] = []
    for pair in sorted(pairs, key=lambda pair: (pair[0], -pair[1], pair[2])):
        if not kept or pair[1] > kept[-1][1]:
            kept.append(pair)
    return kept


def trade_offs(record: StudyRecord) -> dict[str, tuple[Figure, list[int]]]:
    """For each cost, those that are objectives first: the figure, and the numbers on the front."""
    names = dict.fromkeys([*record.objectives.names[1:], *USUAL])
    return {name: made for name in names if (made := _trade_off(record, name)) is not None}


def _trade_off(record: StudyRecord, name: str) -> tuple[Figure, list[int]] | None:
    known = [(cost_of(trial, name), accuracy(trial), trial.number) for trial in record.complete]
    found = [(cost, value, number) for cost, value, number in known if cost is not None and value is not None]
    if not found:
        return None
    best = front(found)
    numbers = [number for _, _, number in best]
    marker = {"size": 11, "color": BEST, "line": {"width": 1.5, "color": "white"}}
    line = stairs("Pareto front", [(cost, value) for cost, value, _ in best], mode="lines+markers", marker=marker)
    data = [_at([each for each in found if each[2] not in numbers]), _at(best) | line]
    chosen = record.found.best
    if chosen is not None and (at := [each for each in found if each[2] == chosen.number]):
        star = {**marker, "symbol": "star", "size": 17}
        data.append(_at(at) | {"type": "scatter", "name": "best", "marker": star})
    return figure(data, 460, xaxis=_log_axis(name, [cost for cost, _, _ in found]), yaxis=axis(METRIC)), numbers


def _log_axis(name: str, costs: Sequence[float]) -> dict[str, Any]:
    """With a tick at 1, 2 and 5 of each power of ten, or at more where there is hardly one."""
    low, high = floor(log10(max(1e-3, min(costs)))), ceil(log10(max(costs)))
    steps = (1, 2, 5) if max(costs) > 6 * min(costs) else (1, 1.5, 2, 3, 4, 5, 6, 8)
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in steps]
    return axis(COSTS[name], type="log", tickvals=ticks, ticktext=[count(tick) for tick in ticks])


def _at(found: Sequence[tuple[float, float, int]]) -> dict[str, Any]:
    trace = points(states.COMPLETE, [(number, value) for _, value, number in found], "circle")
    return {
        **trace,
        "x": [cost for cost, _, _ in found],
        "hovertemplate": "trial %{customdata}: %{y:.4f}, %{x:.4s}<extra></extra>",
    }


def parallel(record: StudyRecord, names: Sequence[str]) -> Figure | None:
    """A line for each complete candidate through its accuracy and its values of some parameters; None without any.

    A parameter that was not active has a place of its own at the bottom of its axis.
    """
    complete = record.complete[::-1]  # the best are drawn last, on top
    if not complete or not names:
        return None
    values = [trial.values[0] for trial in complete]
    dimensions = [_dimension([trial.params for trial in complete], name, short) for name, short in shortened(names)]
    trace = {
        "type": "parcoords",
        "dimensions": [*dimensions, {"label": METRIC, "values": values, "tickformat": ".3f"}],
        "line": {"color": values, "colorscale": "Viridis", "showscale": False},
        "labelangle": -14,
        "labelfont": {"size": 11},
        "tickfont": {"size": 11},
    }
    return figure([trace], 430, margin={"l": 70, "r": 40, "t": 84, "b": 24})


def _dimension(rows: Sequence[Mapping[str, Scalar]], name: str, short: str) -> dict[str, Any]:
    there = {row[name] for row in rows if name in row}
    numbers = sorted(value for value in there if isinstance(value, int | float) and not isinstance(value, bool))
    if len(numbers) == len(there) > 10:
        low, high = numbers[0], numbers[-1]
        below = low - 0.12 * (high - low)
        ticks = [low + (high - low) * share / 4 for share in range(5)]
        labels = [f"{tick:.3g}" for tick in ticks]
        places: dict[Scalar, float] = {value: float(value) for value in numbers}
    else:
        ordered = numbers if len(numbers) == len(there) else sorted(there, key=str)
        below, ticks, labels = -1.0, list(range(len(ordered))), [_shown(value) for value in ordered]
        places = {value: float(index) for index, value in enumerate(ordered)}
    if any(name not in row for row in rows):
        ticks, labels = [below, *ticks], [INACTIVE, *labels]
    step = (ticks[-1] - ticks[0]) / max(1, len(ticks) - 1) or 1.0
    spread = SPREAD * step * min(1.0, sqrt(len(rows) / MANY))
    apart = [spread * ((index * GOLDEN) % 1 - 0.5) for index in range(len(rows))]
    values = [(places[row[name]] if name in row else below) + by for row, by in zip(rows, apart, strict=True)]
    margin = spread / 2 if len(ticks) > 1 else step
    ends = [ticks[0] - margin, ticks[-1] + margin]
    return {"label": text(short), "values": values, "range": ends, "tickvals": ticks, "ticktext": labels}


def _shown(value: Scalar) -> str:
    written = "true" if value is True else "false" if value is False else str(value)
    return written if len(written) <= 14 else written[:13] + "…"


def shortened(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each name with as many of its last words, at least two, as tell it from the others."""
    found = []
    for name in names:
        words = name.split(".")
        for number in range(min(2, len(words)), len(words) + 1):
            short = ".".join(words[-number:])
            if sum(other.endswith(f".{short}") or other == short for other in names) == 1:
                break
        found.append((name, short))
    return found
