"""The report's figures over the course of a search: trials, learning curves, what became of them, slots."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from optuna.trial import FrozenTrial

from nas.report.plotting import OTHER, Figure, axis, colour, dotted, figure, numbered, points, stairs, text
from nas.report.reading import StudyRecord
from nas.report.timeline import Timeline
from nas.study import states
from nas.study.curves import curve
from nas.study.objectives import Hypervolumes, accuracy
from nas.training.recipe import METRIC

BINS = 40
PALETTE = ("#2e9e5b", "#3f83d1", "#d2495c", "#dd9a1c", "#a06cd5", "#1fa08d", "#c65fa8", "#7a8b2f")
"""Of the best learning curves, one each."""


def by_state(trials: Iterable[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
    """Those that have ended, by their word; the usual words come first and in their order."""
    found: dict[str, list[FrozenTrial]] = {word: [] for word in states.STATES}
    for trial in trials:
        word = states.word(trial)
        if word is not None:
            found.setdefault(word, []).append(trial)
    return {word: those for word, those in found.items() if those}


def history(record: StudyRecord) -> Figure:
    """Every trial: those with an accuracy at its height, pruned ones at their last, all others in a strip below."""
    data = []
    others = {}
    for word, trials in by_state(record.trials).items():
        pairs = [(trial.number, last_value(trial)) for trial in trials]
        if word in states.COUNTED:
            shown = [(number, value) for number, value in pairs if value is not None]
            data.append(points(word, shown, "circle" if word == states.COMPLETE else "circle-open"))
        else:
            others[word] = [(number, text(word)) for number, _ in pairs]
    data += [{**points(word, pairs, "line-ns-open"), "yaxis": "y2"} for word, pairs in others.items()]
    data.append(stairs("best so far", _best_so_far(record), hoverinfo="skip"))
    strip = min(0.3, 0.07 * len(others))
    strips = {"yaxis2": axis("", domain=[0, max(0, strip - 0.03)], type="category", fixedrange=True)} if others else {}
    return figure(
        data,
        430,
        xaxis=numbered("trial", len(record.trials), anchor="y2" if others else "y"),
        yaxis=axis(METRIC, domain=[strip, 1]),
        **strips,
    )


def last_value(trial: FrozenTrial) -> float | None:
    own = curve(trial)
    return accuracy(trial) if trial.values else own[max(own)] if own else None


def _best_so_far(record: StudyRecord) -> list[tuple[int, float]]:
    """The most accurate complete trial among those up to each number, where that changes, and at the end."""
    steps: list[tuple[int, float]] = []
    for trial in record.trials:
        value = accuracy(trial)
        if states.word(trial) == states.COMPLETE and value is not None and (not steps or value > steps[-1][1]):
            steps.append((trial.number, value))
    return [*steps, (len(record.trials) - 1, steps[-1][1])] if steps else []


def hypervolume(found: Hypervolumes) -> Figure:
    trace = stairs(
        "hypervolume",
        list(enumerate((volume for _, volume in found.steps), 1)),
        customdata=[number for number, _ in found.steps],
        hovertemplate="trial %{customdata}: %{y:.4f}",
    )
    x = numbered("complete candidates", len(found.steps))
    return figure([trace], 280, xaxis=x, yaxis=axis("hypervolume"), showlegend=False)


def curves(record: StudyRecord) -> Figure:
    """Accuracy by epoch: the best candidates in colour, the others behind them; a dotted line at each rung."""
    complete = [trial for trial in record.complete if curve(trial)]
    pruned = [trial for trial in record.trials if states.word(trial) == states.PRUNED and curve(trial)]
    best, rest = complete[: len(PALETTE)], complete[len(PALETTE) :]
    ongoing = [trial for trial in record.in_flight if curve(trial)]
    data = [
        _behind("other complete", rest, colour(states.COMPLETE)),
        _behind(states.PRUNED, pruned, colour(states.PRUNED)),
        _behind("in training", ongoing, OTHER),
        *(_in_front(trial, tint) for trial, tint in zip(best, PALETTE, strict=False)),
    ]
    longest = max((len(curve(trial)) for trial in best), default=1)
    return figure(
        [trace for trace in data if trace["x"]],
        430,
        xaxis=numbered("epoch", longest),
        yaxis=axis(METRIC),
        shapes=[dotted(rung) for rung in record.rungs],
    )


def _behind(name: str, trials: Sequence[FrozenTrial], tint: str) -> dict[str, Any]:
    few, (red, green, blue) = len(trials) < 100, bytes.fromhex(tint[1:])
    faint = max(0.04, min(0.5, 40 / (len(trials) + 1)))
    return {
        **_points_of(trials),
        "type": "scattergl",
        "mode": "lines+markers" if few else "lines",
        "name": name,
        "showlegend": few,
        "line": {"color": f"rgba({red},{green},{blue},{faint:.2f})", "width": 1.2},
        "marker": {"size": 4},
        "hovertemplate": "trial %{customdata}, epoch %{x}: %{y:.4f}<extra></extra>",
    }


def _in_front(trial: FrozenTrial, tint: str) -> dict[str, Any]:
    return {
        **_points_of([trial]),
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"trial {trial.number}",
        "line": {"color": tint, "width": 2},
        "marker": {"size": 6},
        "hovertemplate": "epoch %{x}: %{y:.4f}",
    }


def _points_of(trials: Sequence[FrozenTrial]) -> dict[str, list[Any]]:
    """Curves as one line with a gap after each, which draws thousands as fast as one."""
    x: list[Any] = []
    y: list[Any] = []
    numbers: list[Any] = []
    for trial in trials:
        own = sorted(curve(trial).items())
        x += [*(epoch + 1 for epoch, _ in own), None]
        y += [*(value for _, value in own), None]
        numbers += [trial.number] * (len(own) + 1)
    return {"x": x, "y": y, "customdata": numbers}


def outcomes(record: StudyRecord) -> Figure:
    """What became of the proposals, in the order in which they were made."""
    size = max(1, -(-len(record.trials) // BINS))
    data = []
    for word, trials in by_state(record.trials).items():
        counts = [0] * -(-len(record.trials) // size)
        for trial in trials:
            counts[trial.number // size] += 1
        starts = [size * index for index in range(len(counts))]
        data.append(
            {
                "type": "bar",
                "name": text(word),
                "x": [start + (size - 1) / 2 for start in starts],
                "y": counts,
                "customdata": [f"{start} to {start + size - 1}" for start in starts],
                "marker": {"color": colour(word)},
                "hovertemplate": "trials %{customdata}: %{y}",
            }
        )
    return figure(
        data,
        300 if size > 1 else 190,
        barmode="stack",
        bargap=0.15,
        xaxis=numbered("trial", len(record.trials)),
        yaxis=numbered("trials", size),
    )


def slots(line: Timeline) -> Figure:
    """Who was in which slot, and above it the share of slots that were busy."""
    per, unit = (
        (3600.0, "hours") if line.seconds > 3 * 3600 else (60.0, "minutes") if line.seconds > 180 else (1.0, "seconds")
    )
    data: list[dict[str, Any]] = []
    for word in dict.fromkeys([*states.STATES, *(stay.state for stay in line.stays)]):
        those = [stay for stay in line.stays if stay.state == word]
        if those:
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": text(word),
                    "base": [stay.begin / per for stay in those],
                    "x": [(stay.end - stay.begin) / per for stay in those],
                    "y": [stay.slot + 1 for stay in those],
                    "customdata": [stay.number for stay in those],
                    "marker": {"color": colour(word), "line": {"width": 0}},
                    "hovertemplate": "trial %{customdata}<extra>" + text(word) + "</extra>",
                }
            )
    edges = [line.seconds * index / (2 * BINS) for index in range(2 * BINS + 1)]
    shares = [line.share(begin, end) for begin, end in pairwise(edges)]
    data.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "slots busy",
            "x": [(begin + end) / 2 / per for begin, end in pairwise(edges)],
            "y": shares,
            "yaxis": "y2",
            "fill": "tozeroy",
            "line": {"color": OTHER, "width": 1.5, "shape": "hvh"},
            "hovertemplate": "%{y:.0%}",
        }
    )
    tall = 20 * min(line.slots, 32)
    return figure(
        data,
        220 + tall,
        barmode="overlay",
        bargap=0.12,
        shapes=[dotted(start / per) for start in line.later_runs],
        xaxis=axis(unit),
        yaxis=axis("slot", domain=[0, 0.7], range=[line.slots + 0.5, 0.5], fixedrange=True, **_slot_ticks(line.slots)),
        yaxis2=axis("busy", domain=[0.76, 1], range=[0, 1.02], tickformat=".0%", fixedrange=True),
    )


def _slot_ticks(number: int) -> dict[str, Any]:
    return {"tickmode": "linear", "tick0": 1, "dtick": 1 if number <= 16 else -(-number // 8)}


def finals(networks: Sequence[Mapping[str, Any]]) -> Figure:
    """A point for each training seed of a network, as finals.yaml has them."""
    data = [_seeds(networks, split, tint) for split, tint in (("validation", PALETTE[1]), ("test", PALETTE[3]))]
    names = [text(network["name"]) for network in networks]
    return figure(
        [trace for trace in data if trace["x"]],
        110 + 38 * len(networks),
        xaxis=axis("accuracy"),
        yaxis=axis("", type="category", categoryorder="array", categoryarray=names[::-1], fixedrange=True),
    )


def _seeds(networks: Sequence[Mapping[str, Any]], split: str, tint: str) -> dict[str, Any]:
    found = [
        (value, text(network["name"]), f"seed {seed}")
        for network in networks
        for seed, value in (network[split] or {"values": {}})["values"].items()
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": split,
        "x": [value for value, _, _ in found],
        "y": [name for _, name, _ in found],
        "text": [seed for _, _, seed in found],
        "marker": {"color": tint, "size": 11, "opacity": 0.75},
        "hovertemplate": "%{text}: %{x:.4f}<extra>" + split + "</extra>",
    }
