"""The door of the data layer: what it lets in, and how it says no."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.images import ImageData, image_data, joined, joined_fingerprint
from nas.errors import InputError

NAMES = ("cat", "dog", "owl")


def pixels(n: int = 12, *shape: int) -> Any:
    return np.random.default_rng(n).integers(0, 256, (n, *(shape or (5, 4, 3))), dtype=np.uint8)


def some(n: int = 12, *shape: int) -> tuple[Any, Any]:
    return pixels(n, *shape), np.arange(n) % 3


def make(**changes: Any) -> ImageData:
    values: dict[str, Any] = {
        "name": "pets",
        "splits": {"train": some(12), "val": some(6), "test": some(9)},
        "class_names": NAMES,
        "place": "/a/pets.npz",
    }
    return image_data(**(values | changes))


def test_a_data_set_knows_its_shape_and_classes() -> None:
    data = make()
    assert (data.name, data.channels, data.size, data.classes) == ("pets", 3, (5, 4), 3)
    assert data.class_names == NAMES
    assert data.test is not None
    assert [len(split.labels) for split in (data.train, data.val, data.test)] == [12, 6, 9]


def test_labels_become_int64_and_grey_images_get_a_channel() -> None:
    data = make(splits={"train": (pixels(9, 5, 4), (np.arange(9) % 3).astype(np.uint8)), "val": some(3, 5, 4)})
    assert data.train.images.shape == (9, 5, 4, 1)
    assert data.train.labels.dtype == np.int64
    assert data.channels == 1
    assert data.test is None


def test_arrays_are_read_only_and_the_callers_stay_as_they_were() -> None:
    images, labels = some()
    data = make(splits={"train": (images, labels), "val": some(6)})
    for split in (data.train, data.val):
        for array in (split.images, split.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    assert np.shares_memory(data.train.images, images)
    assert images.flags.writeable
    assert labels.flags.writeable


def test_mean_and_std_are_of_the_train_images_alone() -> None:
    images, labels = some(700)
    data = make(splits={"train": (images, labels), "val": (pixels(6) // 9, np.arange(6) % 3)})
    np.testing.assert_allclose(data.mean, (images / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(data.std, (images / 255).std((0, 1, 2)), rtol=1e-12)


def test_mean_and_std_can_be_given() -> None:
    data = make(mean=[0.5, 0.4, 0.3], std=[1, 0.2, 0.3])
    assert data.mean == (0.5, 0.4, 0.3)
    assert data.std == (1.0, 0.2, 0.3)


def test_the_fingerprint_follows_from_images_labels_and_names_alone() -> None:
    data = make()
    assert len(data.fingerprint) == 64
    assert make(name="other", mean=[0.1] * 3, place="/b").fingerprint == data.fingerprint
    assert make(class_names=("cat", "dog", "pig")).fingerprint != data.fingerprint
    images, labels = some(9)
    images = images.copy()
    images[8, 4, 3, 2] ^= 1
    assert make(splits={"train": some(12), "val": some(6), "test": (images, labels)}).fingerprint != data.fingerprint
    assert make(splits={"train": some(12), "val": some(6)}).fingerprint != data.fingerprint
    swapped = some(6)[0], np.roll(some(6)[1], 1)
    assert make(splits={"train": some(12), "val": swapped, "test": some(9)}).fingerprint != data.fingerprint


def test_the_fingerprint_of_equal_data_does_not_depend_on_layout_or_label_type() -> None:
    images, labels = some(12)
    other = np.asfortranarray(images), labels.astype(np.uint8)
    splits = {"val": some(6), "test": some(9)}
    assert make(splits={"train": other, **splits}).fingerprint == make().fingerprint


def test_without_val_a_part_of_train_is_held_out() -> None:
    data = make(splits={"train": some(30), "test": some(9)}, val_fraction=0.2, split_seed=3)
    assert np.bincount(data.train.labels).tolist() == [8, 8, 8]
    assert np.bincount(data.val.labels).tolist() == [2, 2, 2]
    again = make(splits={"train": some(30), "test": some(9)}, val_fraction=0.2, split_seed=3)
    assert again.fingerprint == data.fingerprint


@settings(deadline=None)
@given(st.lists(st.integers(2, 30), min_size=2, max_size=4), st.floats(0.05, 0.9), st.integers(0, 99))
def test_every_image_is_in_train_or_held_out_with_its_own_label(sizes: list[int], fraction: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    numbers = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1)
    names = [str(label) for label in range(len(sizes))]
    data, again = (
        image_data("pets", {"train": (numbers, labels)}, names, val_fraction=fraction, split_seed=seed, std=[1.0])
        for _ in range(2)
    )
    together = np.concatenate([data.train.images, data.val.images]).ravel()
    assert sorted(together) == sorted(numbers.ravel())
    for part in (data.train, data.val):
        assert part.labels.tolist() == labels[part.images.ravel()].tolist()
    assert again.val.images.tolist() == data.val.images.tolist()


def test_joined_train_images_are_those_and_the_validation_images_and_the_rest_stays() -> None:
    data = make()
    both = joined(data)
    assert np.array_equal(both.train.images, np.concatenate([data.train.images, data.val.images]))
    assert np.array_equal(both.train.labels, np.concatenate([data.train.labels, data.val.labels]))
    assert (both.val, both.test, both.mean, both.std) == (data.val, data.test, data.mean, data.std)
    assert both.fingerprint == joined_fingerprint(data.fingerprint) != data.fingerprint


x, y = some()
REFUSED: dict[str, tuple[Any, str]] = {
    "floats": ((x / 255, y), r"/a/pets.npz: x_train: dtype float64; expected uint8"),
    "flat": ((x.reshape(12, -1), y), r"x_train: shape \(12, 60\); expected \(n, height, width\)"),
    "none": ((x[:0], y[:0]), r"x_train: shape \(0, 5, 4, 3\)"),
    "no pixels": ((x[:, :0], y), r"x_train: shape \(12, 0, 4, 3\)"),
    "channels first": ((pixels(12, 3, 5, 8), y), "looks like"),
    "float labels": ((x, y.astype(float)), r"y_train: dtype float64; expected integers"),
    "text labels": ((x, y.astype(str)), r"y_train: dtype <U21; expected integers"),
    "too few labels": ((x, y[:-1]), r"y_train: shape \(11,\); expected \(12,\)"),
    "labels in columns": ((x, y[:, None]), r"y_train: shape \(12, 1\); expected \(12,\)"),
    "label too high": ((x, y + 1), r"y_train\[2\]: label 3; expected 0 to 2"),
    "label below zero": ((x, y - 1), r"y_train\[0\]: label -1; expected 0 to 2"),
    "empty class": ((x, y % 2), "y_train: no image of class 'owl'; expected some of each of 3"),
    "constant channel": ((x * np.array([1, 1, 0], np.uint8), y), "channel 2 are equal.*or give data.std"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_train_arrays_that_cannot_be_right_are_refused(case: str) -> None:
    train, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        make(splits={"train": train, "val": some(6)})


def test_another_split_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"x_test: images of .* \(4, 5, 3\); expected .* \(5, 4, 3\)"):
        make(splits={"train": some(), "val": some(6), "test": some(6, 4, 5, 3)})


def test_another_split_may_lack_a_class_but_not_have_one_more() -> None:
    make(splits={"train": some(), "val": (pixels(4), np.zeros(4, int))})
    with pytest.raises(InputError, match=r"y_val\[1\]: label 7"):
        make(splits={"train": some(), "val": (pixels(2), np.array([0, 7]))})


def test_train_images_are_required() -> None:
    with pytest.raises(InputError, match="no train images"):
        make(splits={"val": some()})


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "0 classes"), (("cat",), "expected at least two"), (("cat", "dog", "cat"), "'cat' more than once")],
)
def test_class_names_must_be_two_or_more_and_differ(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(class_names=names)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5, 120.0], [0.5, 0.5, -0.1], 0.5, "0.5", ["a", "b", "c"]])
def test_mean_and_std_of_wrong_number_scale_or_kind_are_refused(values: Any) -> None:
    with pytest.raises(InputError, match=r"data.mean: .*; expected 3 numbers"):
        make(mean=values)
    with pytest.raises(InputError, match=r"data.std: .*; expected 3 numbers"):
        make(std=values)
