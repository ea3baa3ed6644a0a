"""What a search looks for: accuracy, alone or against what a network costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import dist
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from nas.errors import InputError, unknown

ACCURACY = "accuracy"
COSTS = ("parameters", "macs", "depth", "memory", "latency")
"""What can be held against it, all to be small; latency is measured, in milliseconds, the others follow from the
document."""

BEST = ("accurate", "balanced")
PLACE = "search.objectives"


@dataclass(frozen=True)
class Objectives:
    """`names` begin with accuracy. `best` says which member of the Pareto front counts as the best: the most accurate,
    or the one nearest to what no member is, best in everything, where each objective is scaled to the front's range
    (compromise programming, Zeleny 1973)."""

    names: tuple[str, ...] = (ACCURACY,)
    best: str = "accurate"

    @classmethod
    def from_options(cls, names: Any, best: str) -> "Objectives":
        """Raises `InputError` for an objective that there is not, or without accuracy in front."""
        if not isinstance(names, list | tuple) or not names or names[0] != ACCURACY:
            raise InputError(f"{PLACE}: expected a list that begins with {ACCURACY}; got {names!r:.80}")
        for index, name in enumerate(names[1:], 1):
            if name not in COSTS:
                raise unknown(f"{PLACE}.{index}", "objective", name, COSTS)
            if name in names[:index]:
                raise InputError(f"{PLACE}.{index}: {name} is there twice")
        if best not in BEST:
            raise unknown("search.best", "rule", best, BEST)
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
        if not front or self.best == "accurate":
            return max(front, key=lambda trial: (_gains(trial)[0], -trial.number), default=None)
        gains = [_gains(trial) for trial in front]
        low, high = [min(each) for each in zip(*gains, strict=True)], [max(each) for each in zip(*gains, strict=True)]

        def shortfall(trial: FrozenTrial) -> float:
            scaled = [(g - a) / (b - a) if b > a else 1.0 for g, a, b in zip(_gains(trial), low, high, strict=True)]
            return dist(scaled, [1.0] * len(scaled))

        return min(front, key=lambda trial: (shortfall(trial), trial.number))


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


def _dominates(one: FrozenTrial, other: FrozenTrial) -> bool:
    ours, theirs = _gains(one), _gains(other)
    if ours == theirs:
        return one.number <= other.number
    return all(a >= b for a, b in zip(ours, theirs, strict=True))


def _gains(trial: FrozenTrial) -> list[float]:
    """Its values, turned so that more is better."""
    return [trial.values[0], *(-value for value in trial.values[1:])]
