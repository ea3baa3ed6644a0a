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


def agreement(ours: Sequence[float], theirs: Sequence[float]) -> Agreement:
    """The agreement of two values for each of the same things, at least two.

    Ties count as in Kendall's tau-b, and get the mean of their ranks in Spearman's rho. The interval is that of a
    bootstrap over the pairs, by percentiles, a rough one with few.
    """
    x, y = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    drawn = np.random.default_rng(0).integers(len(x), size=(RESAMPLES, len(x)))
    resampled = [tau for each in drawn if np.isfinite(tau := kendall(x[each], y[each]))]
    low, high = np.quantile(resampled, (0.025, 0.975)) if resampled and len(x) >= LEAST else (np.nan, np.nan)
    return Agreement(kendall(x, y), spearman(x, y), len(x), float(low), float(high))


def kendall(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Kendall's tau-b: pairs in the same order less those in opposite orders, over those that are no ties."""
    return _correlation(_order(x), _order(y))


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Spearman's rho: the correlation of the ranks, in which equal values have the mean of theirs."""
    return _correlation(_order(x).sum(1), _order(y).sum(1))  # smaller ones less larger ones: twice the rank, centred


def _order(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each pair of values, whether the first is larger (1), equal (0) or smaller (-1)."""
    order: NDArray[np.float64] = np.sign(values[:, None] - values[None, :])
    return order


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Of values whose mean is 0."""
    spread = float(np.sqrt(np.sum(x**2) * np.sum(y**2)))
    return float(np.sum(x * y)) / spread if spread else float("nan")
