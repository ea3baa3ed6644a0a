"""Data sets made cheaper."""

import numpy as np
import pytest
from training_parts import small_data

from nas.data.images import scaled
from nas.errors import InputError
from nas.training.reduced import reduced


def test_a_share_is_of_every_class_and_validation_stays_whole() -> None:
    data = small_data()
    part = reduced(data, None, 0.4)
    assert np.bincount(part.train.labels).tolist() == [12, 12, 12]
    assert len(part.val.labels) == len(data.val.labels)
    assert part.test is None
    assert part.train.images.shape[1:] == data.train.images.shape[1:]
    assert (part.mean, part.std) == (data.mean, data.std)
    assert part.fingerprint != data.fingerprint


def test_of_every_class_one_image_stays_at_least() -> None:
    assert np.bincount(reduced(small_data(), None, 1e-6).train.labels).tolist() == [1, 1, 1]


def test_each_pixel_of_a_smaller_image_is_the_mean_of_what_it_covers() -> None:
    data = small_data(size=(12, 8), channels=3)
    for whole, part in zip(
        (data.train, data.val), (reduced(data, 4, 1.0).train, reduced(data, 4, 1.0).val), strict=True
    ):
        means = whole.images.reshape(-1, 6, 2, 4, 2, 3).mean((2, 4))
        assert part.images.shape[1:] == (6, 4, 3)
        assert np.abs(part.images - means).max() <= 0.5
        assert np.array_equal(part.labels, whole.labels)


def test_images_are_not_enlarged() -> None:
    with pytest.raises(InputError, match=r"size: 9 pixels are more than the 8 that the images have"):
        reduced(small_data(), 9, 1.0)


def test_the_shorter_side_gets_the_size() -> None:
    assert scaled((30, 20), 10) == (15, 10)
    assert scaled((28, 28), 14) == (14, 14)
