"""Rank agreement, held against the definitions and against what does not change it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.search.agreement import agreement, kendall, spearman

VALUES = st.lists(st.integers(-5, 5), min_size=2, max_size=12)


def test_what_is_ranked_alike_agrees_fully_and_what_is_reversed_not_at_all() -> None:
    values = [0.1, 0.5, 0.2, 0.9, 0.3]
    same, opposite = agreement(values, [math.exp(v) for v in values]), agreement(values, [-v for v in values])
    assert (same.kendall, same.spearman, same.n) == pytest.approx((1, 1, 5))
    assert (opposite.kendall, opposite.spearman) == pytest.approx((-1, -1))


def test_one_swap_of_neighbours_among_four_costs_one_pair_of_six() -> None:
    found = agreement([1, 2, 3, 4], [1, 3, 2, 4])
    assert found.kendall == pytest.approx((5 - 1) / 6)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_ties_are_counted_as_in_tau_b() -> None:
    """Five pairs that are no tie in the first, six in the second; five of them in the same order."""
    assert agreement([1, 2, 2, 3], [1, 2, 3, 4]).kendall == pytest.approx(5 / math.sqrt(5 * 6))
    assert agreement([1, 2, 2, 3], [1, 2, 3, 4]).spearman == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_a_constant_has_no_rank_agreement() -> None:
    found = agreement([1, 1, 1], [1, 2, 3])
    assert all(map(math.isnan, (found.kendall, found.spearman, found.low, found.high)))


@given(VALUES, st.randoms(use_true_random=False))
def test_agreement_is_symmetric_and_ignores_the_order_of_the_pairs(values: list[int], random: object) -> None:
    other = list(values)
    random.shuffle(other)  # type: ignore[attr-defined]
    x, y = np.asarray(values, float), np.asarray(other, float)
    order = np.arange(len(x))[::-1]
    for measure in (kendall, spearman):
        found = measure(x, y)
        assert found == pytest.approx(measure(y, x), nan_ok=True)
        assert found == pytest.approx(measure(x[order], y[order]), nan_ok=True)
        assert math.isnan(found) or -1.000001 <= found <= 1.000001


def test_the_interval_holds_what_was_found_and_narrows_with_more_pairs() -> None:
    rng = np.random.default_rng(1)
    widths = []
    for n in (10, 100):
        x = rng.normal(size=n)
        found = agreement(list(x), list(x + rng.normal(size=n)))
        assert found.low <= found.kendall <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_an_interval_is_not_told_of_a_handful_of_pairs() -> None:
    assert str(agreement([1, 2, 3], [1, 2, 3])) == "Kendall 1.00, Spearman 1.00, n 3"
    assert str(agreement(range(9), range(9))) == "Kendall 1.00 [1.00, 1.00], Spearman 1.00, n 9"
