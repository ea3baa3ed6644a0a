"""How far two lists of values rank the same things alike: short trainings and long ones, proxies and accuracies."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEAST = 8
"""Pairs below which a bootstrap over them says nothing."""


@dataclass(frozen=True)
class Agreement:
    """Rank correlations of n pairs, from -1 to 1, and a 95 % interval of Kendall's.

    All are nan where one side is constant, and the interval is with fewer than `LEAST` pairs.
    """

    kendall: float
    spearman: float
    n: int
    low: float
    high: float

    def __str__(self) -> str:
        interval = f" [{self.low:.2f}, {self.high:.2f}]" if isfinite(self.low) else ""
        return f"Kendall {self.kendall:.2f}{interval}, Spearman {self.spearman:.2f}, n {self.n}"


def agreement(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Agreement:
    """The agreement of two values for each of the same things.

    Ties count as in Kendall's tau-b, and get the mean of their ranks in Spearman's rho. The interval is that of a
    bootstrap over the pairs, by percentiles, a rough one with few.

    Raises:
        ValueError: the lists are not of the same length, or have fewer than two values.
    """
    if len(ours) != len(theirs) or len(ours) < 2:
        raise ValueError(f"two lists of the same things, at least two; got {len(ours)} and {len(theirs)}")
    x, y = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    drawn = np.random.default_rng(seed).integers(len(x), size=(RESAMPLES, len(x)))
    resampled = [tau for each in drawn if np.isfinite(tau := kendall(x[each], y[each]))]
    low, high = np.quantile(resampled, (0.025, 0.975)) if resampled and len(x) >= LEAST else (np.nan, np.nan)
    return Agreement(kendall(x, y), spearman(x, y), len(x), float(low), float(high))


def kendall(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Kendall's tau-b: pairs in the same order less those in opposite orders, over those that are no ties."""
    first, second = (np.sign(values[:, None] - values[None, :]) for values in (x, y))
    untied = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / untied if untied else float("nan")


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Spearman's rho: the correlation of the ranks."""
    first, second = (ranks - ranks.mean() for ranks in (_ranks(x), _ranks(y)))
    spread = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / spread if spread else float("nan")


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0; equal values have the mean of their ranks."""
    below = np.sum(values[:, None] > values[None, :], axis=1)
    equal = np.sum(values[:, None] == values[None, :], axis=1)
    ranks: NDArray[np.float64] = below + (equal - 1) / 2
    return ranks
