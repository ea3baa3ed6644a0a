"""A set of labelled images, and the one door through which every loader's arrays become one."""

import hashlib
import json
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.data.split import Indices, held_out
from nas.errors import InputError

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Split:
    """Images (uint8, "n h w c") and their classes (int64, "n"); both arrays are read-only."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    @property
    def mapped(self) -> bool:
        """Whether the images stay in a file, from which they are read when they are looked at."""
        array: Any = self.images
        while isinstance(array, np.ndarray):
            array = array.base
        return isinstance(array, mmap.mmap)

    def part(self, chosen: Indices | slice) -> "Split":
        return Split(_read_only(self.images[chosen]), _read_only(self.labels[chosen]))


@dataclass(frozen=True, eq=False)
class ImageData:
    """A checked data set. `mean` and `std` are per channel, of images / 255.

    `fingerprint` is a SHA-256 over images, labels and class names: equal data, equal fingerprint,
    whatever file it came from.
    """

    name: str
    train: Split
    val: Split
    test: Split | None
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    fit: str = "crop"
    """How images of other sizes are brought to this one: one of `FITS`."""

    @property
    def channels(self) -> int:
        return int(self.train.images.shape[3])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        _, height, width, _ = self.train.images.shape
        return height, width

    @property
    def classes(self) -> int:
        return len(self.class_names)

    @property
    def record(self) -> dict[str, Any]:
        """What the record of a network says of what it was trained on: which data, and what is wanted of an image."""
        return {
            "data": {"name": self.name, "fingerprint": self.fingerprint, "class_names": list(self.class_names)},
            "preprocessing": {
                "size": list(self.size),
                "channels": self.channels,
                "mean": list(self.mean),
                "std": list(self.std),
                "fit": self.fit,
            },
        }


def scaled(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Height and width with so many pixels on the shorter side."""
    height, width = size
    return round(height * shorter / min(size)), round(width * shorter / min(size))


def image_data(
    name: str,
    splits: Mapping[str, tuple[Array, Array]],
    class_names: Sequence[str],
    *,
    val_fraction: float = 0.1,
    split_seed: int = 0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    fingerprint: str | None = None,
    place: str | None = None,
) -> ImageData:
    """The data set made of `splits`: "train", and perhaps "val" and "test", each (images, labels).

    Images are uint8 "n h w c" or "n h w", labels any integers. Without "val", `val_fraction` of train
    is held out, class by class. `mean` and `std` come from the train images unless given, and so does
    `fingerprint`, which only a cache that stored it has a reason to give. Errors (`InputError`) begin with
    `place`, the file or folder, and call the arrays x_train, y_train, x_val and so on.
    """
    place = place or name
    names = _class_names(place, class_names)
    checked = {key: _split(f"{place}: ", key, images, labels, names) for key, (images, labels) in splits.items()}
    if "train" not in checked:
        raise InputError(f"{place}: no train images")
    train = checked["train"]
    empty = [names[i] for i in np.flatnonzero(np.bincount(train.labels, minlength=len(names)) == 0)]
    if empty:
        raise InputError(
            f"{place}: y_train: no image of class {', '.join(map(repr, empty[:10]))}"
            f"{' and others' if len(empty) > 10 else ''}; expected some of each of {len(names)} classes"
        )
    for key, split in checked.items():
        if split.images.shape[1:] != train.images.shape[1:]:
            raise InputError(
                f"{place}: x_{key}: images of (height, width, channels) {split.images.shape[1:]}; "
                f"expected those of x_train, {train.images.shape[1:]}"
            )
    val = checked.get("val")
    if val is None:
        chosen = held_out(train.labels, val_fraction, split_seed, place=place)
        train, val = train.part(np.delete(np.arange(len(train.labels)), chosen)), train.part(chosen)
    test = checked.get("test")
    mean, std = _mean_and_std(place, train.images, mean, std)
    if fingerprint is None:
        parts = {"train": train, "val": val} | ({"test": test} if test else {})
        fingerprint = content_digest({key: (part.images, part.labels) for key, part in parts.items()}, names)
    return ImageData(name, train, val, test, names, mean, std, fingerprint)


def joined(data: ImageData) -> ImageData:
    """The data with its validation images among those to train on, for when nothing is left to be chosen.

    They stay the validation split, too, so that a training reports as ever; its figure is one of seen images then, and
    no validation. Mean and standard deviation stay those of the train images alone.
    """
    images = np.concatenate([data.train.images, data.val.images])
    labels = np.concatenate([data.train.labels, data.val.labels])
    return replace(data, train=Split(images, labels), fingerprint=joined_fingerprint(data.fingerprint))


def joined_fingerprint(fingerprint: str) -> str:
    return hashlib.sha256(f"train and val of {fingerprint}".encode()).hexdigest()


def _class_names(place: str, class_names: Sequence[str]) -> tuple[str, ...]:
    names = tuple(str(name) for name in class_names)
    if len(names) < 2:
        raise InputError(f"{place}: {len(names)} classes {list(names)}; expected at least two")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"{place}: class_names has {', '.join(map(repr, twice))} more than once")
    return names


def _split(place: str, key: str, images: Array, labels: Array, names: tuple[str, ...]) -> Split:
    x, y = f"{place}x_{key}", f"{place}y_{key}"
    if images.dtype != np.uint8:
        raise InputError(f"{x}: dtype {images.dtype}; expected uint8, values 0 to 255")
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise InputError(
            f"{x}: shape {images.shape}; expected (n, height, width) or (n, height, width, channels), none 0"
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.shape[3] > 4 and images.shape[1] <= 4:
        raise InputError(
            f"{x}: shape {images.shape} looks like (n, channels, height, width); expected (n, height, width, channels)"
        )
    if labels.dtype.kind not in "iu":
        raise InputError(f"{y}: dtype {labels.dtype}; expected integers")
    if labels.shape != images.shape[:1]:
        raise InputError(f"{y}: shape {labels.shape}; expected ({len(images)},), one label for each image")
    outside = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(outside):
        raise InputError(
            f"{y}[{outside[0]}]: label {labels[outside[0]]}; "
            f"expected 0 to {len(names) - 1}, there are {len(names)} classes"
        )
    return Split(_read_only(np.ascontiguousarray(images)), _read_only(labels.astype(np.int64)))


def _read_only(array: Array) -> Array:
    """A read-only plain view: the caller's array keeps its flags, a memory-map stays mapped."""
    view: Array = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _mean_and_std(
    place: str, images: Array, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if mean is None or std is None:
        own_mean, own_std = channel_statistics(images)
        mean, std = own_mean if mean is None else mean, own_std if std is None else std
    channels = images.shape[3]
    means, stds = _per_channel("mean", mean, channels), _per_channel("std", std, channels)
    if 0 in stds:
        raise InputError(
            f"{place}: x_train: all values of channel {stds.index(0)} are equal, so its std is 0; "
            "expected images that vary, or give data.std"
        )
    return means, stds


def _per_channel(option: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    numbers = isinstance(values, Sequence) and all(isinstance(value, int | float) for value in values)
    if not numbers or len(values) != channels or not all(0 <= value <= 1 for value in values):
        raise InputError(f"data.{option}: {values!r}; expected {channels} numbers from 0 to 1, of images / 255")
    return tuple(float(value) for value in values)


def channel_statistics(images: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of images / 255, per channel, exact: values are counted, not summed."""
    counts = np.zeros((images.shape[3], 256), np.int64)
    for start in range(0, len(images), 256):
        chunk = images[start : start + 256]
        for channel in range(images.shape[3]):
            counts[channel] += np.bincount(chunk[..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    pixels = counts.sum(axis=1)
    mean = (counts @ values) / pixels
    variance = (counts * (values - mean[:, np.newaxis]) ** 2).sum(axis=1) / pixels
    return tuple(mean.tolist()), tuple(np.sqrt(variance).tolist())


def content_digest(splits: Mapping[str, tuple[Array, Array]], class_names: Sequence[str]) -> str:
    """The fingerprint of splits in the order train, val, test: uint8 "n h w c" and int64 "n" each."""
    shapes = {key: images.shape for key, (images, _) in splits.items()}
    digest = hashlib.sha256(json.dumps([list(class_names), shapes]).encode())
    for images, labels in splits.values():
        digest.update(images.data)
        digest.update(labels.data)
    return digest.hexdigest()
