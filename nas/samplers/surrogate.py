"""A Gaussian process over documents: what is expected of one from those that have ended, and how sure that is.

Its kernel is a sum with one term for each group of features, exp(-d²/l) of the distance in that group. Nothing is tuned
while it runs: a fixed set of settings (lengths, shares of the groups, noise) is weighed by how likely each makes
what was seen, and the best are averaged, which with twenty observations is safer than one setting that fits them well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SETTINGS = 24
AVERAGED = 8
LEAST = 0.15
"""Weight, of the best setting's, below which one is left out."""

LENGTHS = (10.0, 300.0)
"""Of the kernel, in medians of the squared distance: long, so that it is nearly a polynomial of low degree."""

NOISES = (1e-3, 0.3)
"""Variance of the noise, as a share of the kernel's."""


@dataclass(frozen=True, eq=False)
class Setting:
    """`lengths` and `shares` have an entry per group."""

    lengths: Array
    shares: Array
    noise: float


@cache
def settings(groups: int) -> tuple[Setting, ...]:
    """The same for every study, so that a search that is continued models what it did before."""
    draw = np.random.default_rng(1234)
    low, high = np.log(LENGTHS)
    lengths = np.exp(draw.uniform(low, high, (SETTINGS, 1)) + draw.normal(0, 0.5, (SETTINGS, groups)))
    shares = draw.dirichlet(np.ones(groups), SETTINGS)
    noises = np.exp(draw.uniform(np.log(NOISES[0]), np.log(NOISES[1]), SETTINGS))
    return tuple(Setting(*each) for each in zip(lengths, shares, noises.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Surrogate:
    """What has been learnt: some settings, each with its weight."""

    fits: Sequence[tuple[float, "_Fit"]]

    @classmethod
    def of(cls, apart: Sequence[Array], values: Array) -> "Surrogate":
        """`apart` are the squared distances of documents from one another, by group; these have given `values`."""
        fits = sorted(
            (_Fit.of(setting, apart, values) for setting in settings(len(apart))), key=lambda fit: -fit.evidence
        )
        weights = [float(np.exp((fit.evidence - fits[0].evidence) / 2)) for fit in fits[:AVERAGED]]
        return cls([(weight, fit) for weight, fit in zip(weights, fits, strict=False) if weight > LEAST])

    def expected(self, apart: Sequence[Array]) -> tuple[Array, Array]:
        """Mean and standard deviation of other documents (rows), given their distances from those."""
        total = sum(weight for weight, _ in self.fits)
        told = [(weight / total, *fit.predicted(apart)) for weight, fit in self.fits]
        mean = np.sum([share * own for share, own, _ in told], 0)
        variance = np.sum([share * (variance + (own - mean) ** 2) for share, own, variance in told], 0)
        return mean, np.sqrt(variance)


def _kernel(setting: Setting, apart: Sequence[Array]) -> Array:
    kernel = np.zeros_like(apart[0])
    for share, length, squared in zip(setting.shares, setting.lengths, apart, strict=True):
        kernel += share * np.exp(squared * (-1 / length))
    return kernel


@dataclass(frozen=True, eq=False)
class _Fit:
    """The process with one setting; its mean and variance are those that fit best."""

    setting: Setting
    evidence: float
    mean: float
    variance: float
    inverse: Array
    """Of the Cholesky factor."""
    rest: Array

    @classmethod
    def of(cls, setting: Setting, apart: Sequence[Array], values: Array) -> "_Fit":
        n = len(values)
        factor = np.linalg.cholesky(_kernel(setting, apart) + setting.noise * np.eye(n))
        inverse = np.linalg.inv(factor)
        ones, own = inverse.sum(1), inverse @ values
        mean = float(ones @ own / (ones @ ones + 0.1))
        rest = own - mean * ones
        variance = float((rest @ rest + 0.5) / (n + 0.5))
        evidence = float(-np.log(np.diagonal(factor)).sum() - n / 2 * np.log(variance))
        return cls(setting, evidence, mean, variance, inverse, inverse.T @ rest)

    def predicted(self, apart: Sequence[Array]) -> tuple[Array, Array]:
        kernel = _kernel(self.setting, apart)
        explained = ((kernel @ self.inverse.T) ** 2).sum(1)
        return self.mean + kernel @ self.rest, self.variance * np.maximum(1 - explained, 1e-6)


def squeezed(values: Array) -> Array:
    """Values with mean 0 and deviation 1, in which what lies below the upper quarter counts by its logarithm.

    Accuracies have a long tail of failures: how bad these are says little of where the best are. The unit of the
    logarithm is how far the upper 5 % lie above the upper quarter.
    """
    quarter = np.quantile(values, 0.75)
    above = (values - quarter) / (np.quantile(values, 0.95) - quarter + 1e-9)
    bent = np.where(above < 0, -np.log1p(np.maximum(-above, 0)), above)
    centred: Array = (bent - bent.mean()) / (bent.std() + 1e-9)
    return centred
