"""What simulated candidates do: how long their epochs take, what they report, and how they fail."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from nas.training.recipe import METRIC
from nas.training.result import Metrics

TENFOLD = 2 * 1.6449  # standard deviations between the 5 % and the 95 % quantile of a normal distribution
CHANCE = 0.1  # accuracy before the first epoch


@dataclass(frozen=True)
class End:
    """What ends a process after so many seconds of training, before its course is over."""

    after: float
    reason: str
    kind: str = ""  # the dotted class of the exception that it raises; empty: it dies


@dataclass(frozen=True)
class Course:
    """What a candidate does: the seconds and the metrics of each epoch.

    Its first process ends as the first of `ends` says, and so on; one started after the last of them gets through.
    Each goes on from the last epoch that was answered.
    """

    seconds: tuple[float, ...]
    metrics: tuple[Metrics, ...]
    ends: tuple[End, ...] = ()

    def __post_init__(self) -> None:
        if not self.seconds or len(self.seconds) != len(self.metrics):
            raise ValueError(f"{len(self.seconds)} durations and {len(self.metrics)} metrics are no course of epochs")


Simulate = Callable[[Any, int], Course]
"""From a job's argument and key to its course: a table looks up the former, a distribution draws by the latter."""


@dataclass(frozen=True)
class Drawn:
    """Courses drawn at random; key n's follows from `seed` and n alone, whatever ran before it.

    The time of an epoch is log-normal among candidates: `median` seconds, and its 95 % quantile is `spread` times its
    5 % quantile. Accuracy rises to a level of the candidate's own, with `noise` as standard deviation in each epoch.
    """

    seed: int
    epochs: int = 10
    median: float = 10.0
    spread: float = 10.0
    noise: float = 0.01

    def __call__(self, argument: object, key: int) -> Course:
        random = Random(f"{self.seed} {key}")
        seconds = self.median * math.exp(random.gauss(0.0, math.log(self.spread) / TENFOLD))
        level, pace = random.betavariate(8.0, 3.0), random.uniform(2.0, 6.0)
        curve = (
            level - (level - CHANCE) * math.exp(-pace * (epoch + 1) / self.epochs) + random.gauss(0.0, self.noise)
            for epoch in range(self.epochs)
        )
        return Course((seconds,) * self.epochs, tuple({METRIC: min(1.0, max(0.0, value))} for value in curve))
