"""Means, intervals and the bootstrap have the values that can be worked out by hand or elsewhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.statistics import paired_bootstrap, spread, standard_error, student

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_mean_and_standard_deviation_are_those_of_the_sample() -> None:
    figures = spread([0.1, 0.2, 0.6])
    assert figures.mean == pytest.approx(0.3)
    assert figures.std == pytest.approx(math.sqrt(0.07))
    assert figures.n == 3
    assert str(figures) == "0.3000 ± 0.2646"
    low, high = figures.interval or (0, 0)
    assert (low, high) == pytest.approx((0.3 - 4.303 * math.sqrt(0.07 / 3), 0.3 + 4.303 * math.sqrt(0.07 / 3)))


def test_one_value_shows_no_spread() -> None:
    assert (spread([0.5]).std, spread([0.5]).interval, str(spread([0.5]))) == (0.0, None, "0.5000")


@given(VALUES)
def test_the_mean_is_inside_its_interval(values: list[float]) -> None:
    figures = spread(values)
    if figures.interval is not None:
        assert figures.interval[0] <= figures.mean <= figures.interval[1]


def test_students_points_fall_toward_the_normal_one() -> None:
    points = [student(degrees) for degrees in range(1, 200)]
    assert points == sorted(points, reverse=True)
    assert student(40) == pytest.approx(2.021, abs=1e-3)
    assert student(100) == pytest.approx(1.984, abs=1e-3)


def test_the_standard_error_of_a_share_is_that_of_the_binomial() -> None:
    assert standard_error(0.84, 500) == pytest.approx(0.016395, abs=1e-6)
    assert standard_error(1.0, 500) == 0.0


def test_a_constant_difference_has_no_interval_and_is_always_ahead() -> None:
    found = paired_bootstrap([[0.5, 0.6], [0.7, 0.8]], [[0.4, 0.5], [0.6, 0.7]], resamples=200)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.ahead == 1.0
    same = paired_bootstrap([[0.5]], [[0.5]], resamples=50)
    assert (same.mean, same.ahead) == (0.0, 0.5)


def test_the_interval_reckons_with_searches_and_not_with_seeds_alone() -> None:
    """Many seeds of few searches that differ: the spread is that of the searches' means."""
    random = np.random.default_rng(0)
    searches = random.normal(0.0, 1.0, 12)
    ours = [[search + noise for noise in random.normal(0, 0.01, 50)] for search in searches]
    found = paired_bootstrap(ours, [[0.0] * 50] * 12, resamples=4000)
    expected = 1.96 * searches.std() / math.sqrt(12)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.1)


def test_the_interval_reckons_with_seeds_where_searches_are_alike() -> None:
    random = np.random.default_rng(1)
    ours = random.normal(0, 1, (20, 5))
    found = paired_bootstrap(ours.tolist(), np.zeros((20, 5)).tolist(), resamples=4000)
    assert (found.high - found.low) / 2 > 1.96 * ours.std() / math.sqrt(100)


def test_the_bootstrap_is_repeatable_and_turns_round_with_its_sides() -> None:
    ours, theirs = [[0.5, 0.7], [0.6, 0.9]], [[0.4, 0.8], [0.5, 0.5]]
    assert paired_bootstrap(ours, theirs, seed=3) == paired_bootstrap(ours, theirs, seed=3)
    one, other = paired_bootstrap(ours, theirs), paired_bootstrap(theirs, ours)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([], []), ([[0.1]], [[0.1], [0.2]]), ([[0.1]], [[0.1, 0.2]]), ([[]], [[]]), ([[1], [1, 2]],) * 2],
)
def test_what_cannot_be_paired_is_refused(ours: list[list[float]], theirs: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"same searches|no training seeds"):
        paired_bootstrap(ours, theirs)
