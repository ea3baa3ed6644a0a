"""Training and validation images as one."""

import numpy as np
from training_parts import small_data

from nas.data.joined import joined, joined_fingerprint


def test_train_has_the_validation_images_too_and_the_rest_stays() -> None:
    data = small_data()
    both = joined(data)
    assert len(both.train.labels) == len(data.train.labels) + len(data.val.labels)
    assert np.array_equal(both.train.images[len(data.train.labels) :], data.val.images)
    assert np.array_equal(both.train.labels[: len(data.train.labels)], data.train.labels)
    assert (both.val, both.test, both.mean, both.std) == (data.val, data.test, data.mean, data.std)


def test_the_joined_data_are_other_data() -> None:
    data = small_data()
    assert joined(data).fingerprint == joined_fingerprint(data.fingerprint) != data.fingerprint
