"""What a search looks for: accuracy, alone or against what a network costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import dist, prod
from typing import Any

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from nas.errors import InputError, need_one_of
from nas.study import states

ACCURACY = "accuracy"
COSTS = ("parameters", "macs", "depth", "memory", "latency")

COSTS_ATTRIBUTE = "costs"
"""The user attribute of a study of several objectives that names its costs."""
"""What can be held against it, all to be small; latency is measured, in milliseconds, the others follow from the
document."""

BEST = {
    "accurate": "the most accurate",
    "balanced": "the nearest to the best of everything",
    "knee": "the farthest from the plane through the front's ends",
}
"""Which member of a Pareto front counts as the best, in words."""

PLACE = "search.objectives"


@dataclass(frozen=True)
class Objectives:
    """`names` begin with accuracy. `best` says which member of the Pareto front counts as the best.

    All of them are within the budget, so `accurate` is the most accurate that the budget allows. For the other rules
    each objective is scaled to the front's range: `balanced` is the one nearest to what no member is, best in
    everything (compromise programming, Zeleny 1973); `knee` the one farthest beyond the line, or plane, on which
    giving up a share of one objective buys an equal share of another (Das 1999).
    """

    names: tuple[str, ...] = (ACCURACY,)
    best: str = "accurate"

    @classmethod
    def from_options(cls, names: Any, best: str) -> "Objectives":
        """Raises `InputError` for an objective that there is not, or without accuracy in front."""
        if not isinstance(names, list | tuple) or not names or names[0] != ACCURACY:
            raise InputError(f"{PLACE}: expected a list that begins with {ACCURACY}; got {names!r:.80}")
        for index, name in enumerate(names[1:], 1):
            need_one_of(f"{PLACE}.{index}", "objective", name, COSTS)
            if name in names[:index]:
                raise InputError(f"{PLACE}.{index}: {name} is there twice")
        need_one_of("search.best", "rule", best, BEST)
        return cls(tuple(names), best)

    @property
    def several(self) -> bool:
        return len(self.names) > 1

    @property
    def directions(self) -> list[StudyDirection]:
        return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * (len(self.names) - 1)]

    def values(self, accuracy: float, facts: Mapping[str, Any]) -> list[float]:
        """What the study is told of a candidate; `facts` hold its costs by name."""
        return [accuracy, *(float(facts[name]) for name in self.names[1:])]

    def chosen(self, front: Sequence[FrozenTrial]) -> FrozenTrial | None:
        """The best member of a front; None if that is empty."""
        return next(iter(self.ranked(front)), None)

    def ranked(self, front: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The members of a front by the rule, the best first; of equals, the lowest number."""
        scores = self.scores([gains(trial.values) for trial in front])
        order = sorted(zip(scores, front, strict=True), key=lambda each: (-each[0], each[1].number))
        return [trial for _, trial in order]

    def scores(self, points: Sequence[Sequence[float]]) -> list[float]:
        """How good each of the points is by the rule; points are `gains`, and more is better."""
        if self.best == "accurate" or not points:
            return [point[0] for point in points]
        low, high = [min(each) for each in zip(*points, strict=True)], [max(each) for each in zip(*points, strict=True)]
        scaled = [
            [(g - a) / (b - a) if b > a else 1.0 for g, a, b in zip(point, low, high, strict=True)] for point in points
        ]
        return [sum(each) if self.best == "knee" else -dist(each, [1.0] * len(each)) for each in scaled]


ONE = Objectives()
"""Accuracy alone."""


def accuracy(trial: FrozenTrial) -> float | None:
    """The first of a trial's values; None if it has none."""
    return trial.values[0] if trial.values else None


def joined(front: Sequence[FrozenTrial], trial: FrozenTrial) -> list[FrozenTrial]:
    """The Pareto front with a complete trial more; of equals, the lowest number stays."""
    if any(_dominates(member, trial) for member in front):
        return list(front)
    return [*(member for member in front if not _dominates(trial, member)), trial]


def gains(values: Sequence[float]) -> list[float]:
    """The values of all objectives, turned so that more is better."""
    return [values[0], *(-value for value in values[1:])]


def _dominates(one: FrozenTrial, other: FrozenTrial) -> bool:
    if one.values == other.values:
        return one.number <= other.number
    return _covers(gains(one.values), gains(other.values))


def _covers(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class Hypervolumes:
    """How a Pareto front has grown: `steps` are (trial, hypervolume) for each complete trial, in the order in which
    they ended.

    The hypervolume is the share that the front dominates of the box between the reference point, `reference`, and
    what cannot be beaten, accuracy 1 at no cost: from 0 to 1. `names` are those of the objectives.
    """

    names: tuple[str, ...]
    reference: tuple[float, ...]
    steps: tuple[tuple[int, float], ...]


def hypervolumes(study: Study, reference: Sequence[float] | None = None) -> Hypervolumes:
    """The hypervolume after each complete trial of a study; of one objective, the best accuracy so far.

    The reference point (None: accuracy 0 and, of each cost, the most that any complete trial of the study has) stays
    the same over the whole course. To compare studies, give them the same one; what is beyond it adds nothing.

    Raises:
        InputError: the reference point is none of this study's.
    """
    names = (ACCURACY, *study.user_attrs.get(COSTS_ATTRIBUTE, ()))
    trials = study.get_trials(deepcopy=False)
    return hypervolumes_of([trial for trial in trials if states.word(trial) == states.COMPLETE], names, reference)


def hypervolumes_of(
    complete: Iterable[FrozenTrial], names: tuple[str, ...], reference: Sequence[float] | None = None
) -> Hypervolumes:
    """The same of complete trials, whose values are those of objectives of these names."""
    complete = sorted(complete, key=lambda trial: (trial.datetime_complete or datetime.max, trial.number))
    costs = [max(each) for each in zip(*(trial.values[1:] for trial in complete), strict=True)]
    corner = tuple(reference) if reference is not None else (0.0, *costs)
    if not complete:
        return Hypervolumes(names, corner, ())
    if len(corner) != len(names) or not corner[0] < 1 or min(corner[1:], default=1.0) <= 0:
        raise InputError(f"reference: expected an accuracy below 1 and costs above 0 for {names}; got {corner}")
    whole = prod((1 - corner[0], *corner[1:]))
    low = gains(corner)
    front: list[list[float]] = []
    volume, steps = 0.0, []
    for trial in complete:
        point = [max(0.0, g - least) for g, least in zip(gains(trial.values), low, strict=True)]
        if all(point) and not any(_covers(other, point) for other in front):
            volume += _alone(point, front)
            front = [other for other in front if not _covers(point, other)] + [point]
        steps.append((trial.number, volume / whole))
    return Hypervolumes(names, corner, tuple(steps))


def _alone(point: Sequence[float], others: Sequence[Sequence[float]]) -> float:
    """The volume of the box from 0 to the point that those of the others leave (While et al. 2012, WFG)."""
    cut = [[min(a, b) for a, b in zip(point, other, strict=True)] for other in others]
    left: list[list[float]] = []
    for each in sorted(cut, reverse=True):
        if not any(_covers(other, each) for other in left):
            left.append(each)
    return prod(point) - sum(_alone(each, left[:index]) for index, each in enumerate(left))
