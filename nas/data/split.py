"""Which images are held out for validation and test: a fraction of every class, drawn from a seed."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import InputError

Indices = npt.NDArray[np.intp]


def held_out(
    labels: npt.NDArray[Any], fraction: float, seed: int, *, place: str = "data", option: str = "val_fraction"
) -> Indices:
    """Sorted indices of `fraction` of each class, rounded, but at least one image held out and one left.

    A class of one image is left whole. `InputError` if that holds nothing out, or for a fraction that is
    not between 0 and 1 or a seed that is not in 0 .. 2**32 - 1.
    """
    if not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise InputError(f"data.{option}: {fraction!r}; expected a number above 0 and below 1")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"data.split_seed: {seed!r}; expected a whole number from 0 to {2**32 - 1}")
    chosen = []
    by_class = np.argsort(labels, kind="stable")
    for members in np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1):
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        # RandomState, unlike Generator, draws the same numbers in every version of NumPy
        order = np.random.RandomState([seed, labels[members[0]]]).permutation(len(members))
        chosen.append(members[order[:count]])
    indices = np.sort(np.concatenate(chosen))
    if not len(indices):
        raise InputError(f"{place}: no class has two images, so none can be held out; add images or that split")
    return indices


def three_way(
    labels: npt.NDArray[Any], val_fraction: float, test_fraction: float, seed: int, *, place: str = "data"
) -> dict[str, Indices]:
    """Indices of "train", "val" and, unless `test_fraction` is 0, "test"; fractions are of the whole."""
    numbers = isinstance(val_fraction, int | float) and isinstance(test_fraction, int | float)
    if not numbers or not 0 <= test_fraction < 1 or not 0 < val_fraction < 1 - test_fraction:
        raise InputError(
            f"data.val_fraction: {val_fraction!r} with data.test_fraction: {test_fraction!r}; "
            "expected val_fraction above 0, test_fraction from 0, together below 1"
        )
    rest = np.arange(len(labels))
    splits = {}
    if test_fraction:
        splits["test"] = held_out(labels, test_fraction, seed, place=place, option="test_fraction")
        rest = np.delete(rest, splits["test"])
    val = held_out(labels[rest], val_fraction / (1 - test_fraction), seed, place=place)
    return {"train": np.delete(rest, val), "val": rest[val], **splits}
