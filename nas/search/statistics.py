"""What a few trainings say and what they do not: means with their spread, intervals, and a bootstrap over searches."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120]
_T += [2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]
"""Two-sided 5 % points of Student's t, from one degree of freedom on."""


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (with n - 1; 0 for a single value) of n values."""

    mean: float
    std: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.std:.4f}" if self.n > 1 else f"{self.mean:.4f}"

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the mean, 95 %, by Student's t; None for a single value, which has no spread."""
        if self.n < 2:
            return None
        half = student(self.n - 1) * self.std / math.sqrt(self.n)
        return self.mean - half, self.mean + half


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, len(values))


def student(degrees: int) -> float:
    """The two-sided 5 % point of Student's t; beyond 30 degrees of freedom by the first terms of its expansion."""
    z = 1.959964
    if degrees <= len(_T):
        return _T[degrees - 1]
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def standard_error(share: float, images: int) -> float:
    """Of a share of right answers among so many independent images: sqrt(p (1 - p) / n)."""
    return math.sqrt(share * (1 - share) / images)


@dataclass(frozen=True)
class Difference:
    """How far one method is ahead of another: the mean, a 95 % interval, and the share of resamples with it ahead."""

    mean: float
    low: float
    high: float
    ahead: float


def paired_bootstrap(
    ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], *, resamples: int = 10_000, seed: int = 0
) -> Difference:
    """The difference between two methods that have made the same searches, each trained again under several seeds.

    `ours[i][j]` is the value of what search i found, under training seed j; `theirs` has the same shape, and the two
    are paired by search (its seed, its data) and by training seed. Hierarchical: searches are drawn with replacement,
    then in each of them training seeds. The interval is that of the percentiles; with fewer than five or so searches
    it is too narrow. A difference of exactly 0 counts half to `ahead`.

    Raises:
        ValueError: the two have not the same shape, or not every search has as many seeds, or there are none.
    """
    if [len(each) for each in ours] != [len(each) for each in theirs] or len({len(each) for each in ours}) != 1:
        raise ValueError("both methods need the same searches, each with the same number of training seeds")
    differences = np.subtract(ours, theirs)
    if not differences.size:
        raise ValueError("there are no training seeds to compare")
    random = np.random.default_rng(seed)
    count, seeds = differences.shape
    searches = random.integers(count, size=(resamples, count, 1))
    drawn = random.integers(seeds, size=(resamples, count, seeds))
    resampled = differences[searches, drawn].mean(axis=(1, 2))
    low, high = np.quantile(resampled, (0.025, 0.975))
    ahead = float((resampled > 0).mean() + (resampled == 0).mean() / 2)
    return Difference(float(differences.mean()), float(low), float(high), ahead)
