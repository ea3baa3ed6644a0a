"""Held-out images: disjoint, complete, in proportion, the same for the same seed."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nas.data.split import held_out, three_way
from nas.errors import InputError

labels_of_any_kind = st.lists(st.integers(0, 5), min_size=1, max_size=80).map(np.array)


@settings(deadline=None)
@given(labels_of_any_kind, st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_of_every_class_the_fraction_is_held_out_and_some_of_it_is_left(
    labels: npt.NDArray[np.int64], fraction: float, seed: int
) -> None:
    assume((np.bincount(labels) > 1).any())
    chosen = held_out(labels, fraction, seed)
    assert list(chosen) == sorted(set(chosen))
    for label, n in enumerate(np.bincount(labels)):
        held = np.count_nonzero(labels[chosen] == label)
        assert held < n or n == 0
        assert held >= 1 or n < 2
        assert abs(held - fraction * n) <= 1


@settings(deadline=None)
@given(labels_of_any_kind, st.integers(0, 2**32 - 1))
def test_the_same_seed_holds_out_the_same_images(labels: npt.NDArray[np.int64], seed: int) -> None:
    assume((np.bincount(labels) > 1).any())
    assert held_out(labels, 0.3, seed).tolist() == held_out(labels, 0.3, seed).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(3, 40), min_size=2, max_size=5), st.floats(0.05, 0.45), st.floats(0, 0.45))
def test_three_ways_are_disjoint_and_complete(sizes: list[int], val: float, test: float) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    splits = three_way(labels, val, test, 0)
    assert set(splits) == ({"train", "val", "test"} if test else {"train", "val"})
    together = np.concatenate(list(splits.values()))
    assert sorted(together) == list(range(len(labels)))
    assert set(labels[splits["train"]]) == set(labels)


def test_draws_do_not_change_with_the_version_of_numpy() -> None:
    assert held_out(np.arange(40) % 4, 0.25, 7).tolist() == [0, 4, 6, 19, 31, 33, 37, 38]


def test_another_seed_holds_out_other_images() -> None:
    labels = np.arange(100) % 2
    assert held_out(labels, 0.3, 0).tolist() != held_out(labels, 0.3, 1).tolist()


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2, float("nan"), "a tenth", None])
def test_a_fraction_outside_zero_to_one_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match=r"data\.val_fraction"):
        held_out(np.zeros(9, int), fraction, 0)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "x", None])
def test_a_seed_that_is_none_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match=r"data\.split_seed"):
        held_out(np.zeros(9, int), 0.1, seed)


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (0, 0.1), (0.1, 1), (0.1, -0.1), ("x", 0), (0.1, None)])
def test_fractions_that_leave_nothing_to_train_are_refused(val: float, test: float) -> None:
    with pytest.raises(InputError, match="test_fraction"):
        three_way(np.zeros(9, int), val, test, 0)


def test_classes_of_one_image_cannot_be_held_out() -> None:
    with pytest.raises(InputError, match="no class has two images"):
        held_out(np.arange(5), 0.1, 0)
