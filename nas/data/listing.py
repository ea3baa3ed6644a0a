"""Which image files a folder of classes holds, and which split and class each belongs to."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nas.data.split import held_out, three_way
from nas.errors import InputError, refuse_unknown

SPLITS = ("train", "val", "test")
ENDINGS = frozenset(
    (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
LITTER = frozenset(("Thumbs.db", "desktop.ini", "__MACOSX"))  # left by operating systems


@dataclass(frozen=True)
class File:
    path: str  # relative to the data set's folder
    size: int  # bytes
    modified: int  # nanoseconds
    label: int = 0


@dataclass(frozen=True)
class Listing:
    splits: Mapping[str, tuple[File, ...]]
    class_names: tuple[str, ...]  # sorted


def list_classes(root: Path, val_fraction: float, test_fraction: float, seed: int) -> Listing:
    """The files of root/train/CLASS, root/val/CLASS, root/test/CLASS, or of root/CLASS, split by `seed`.

    Hidden files are passed over; what is neither hidden nor an image is refused.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; expected one with a folder for each class")
    try:
        if any(_folders(root / split) for split in SPLITS):  # else "train" is a class, of images of trains
            return _given_splits(root, val_fraction, seed)
        files, names = _labelled(root, root, None)
    except OSError as error:
        raise InputError(f"{root}: cannot be listed: {error}") from error
    labels = np.array([file.label for file in files])
    chosen = three_way(labels, val_fraction, test_fraction, seed, place=str(root))
    return Listing({key: tuple(files[i] for i in chosen[key]) for key in chosen}, names)


def _given_splits(root: Path, val_fraction: float, seed: int) -> Listing:
    there = _folders(root)
    refuse_unknown(str(root), "split", there, SPLITS)  # "valid" passed over would mean a validation split of our own
    train, names = _labelled(root, root / "train", None)
    splits = {"train": train}
    for split in there:
        if split != "train":
            splits[split], _ = _labelled(root, root / split, names)
    if "val" not in splits:
        labels = np.array([file.label for file in train])
        val = held_out(labels, val_fraction, seed, place=str(root / "train"))
        splits["train"] = tuple(train[i] for i in np.delete(np.arange(len(train)), val))
        splits["val"] = tuple(train[i] for i in val)
    return Listing({key: splits[key] for key in SPLITS if key in splits}, names)


def _labelled(root: Path, folder: Path, known: tuple[str, ...] | None) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """The files below `folder` with their labels, and the class names, which are `known` if given."""
    here = _folders(folder)
    if not here:
        raise InputError(f"{folder}: no class folders; expected {folder.name}/CLASS/IMAGE")
    names = known or here
    files: list[File] = []
    refuse_unknown(str(folder), "class of the train images called", here, names)
    for name in here:
        found = list(_files(root, folder / name))
        if not found:
            raise InputError(f"{folder / name}: no images in this class; expected {' '.join(sorted(ENDINGS))}")
        label = names.index(name)
        files.extend(replace(file, label=label) for file in found)
    return tuple(files), names


def _folders(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    names = (entry.name for entry in os.scandir(folder) if entry.is_dir())
    return tuple(sorted(name for name in names if not _ignored(name)))


def _files(root: Path, folder: Path) -> Iterator[File]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if _ignored(entry.name):
            continue
        if entry.is_dir():
            yield from _files(root, Path(entry.path))
        elif os.path.splitext(entry.name)[1].lower() in ENDINGS:
            status = entry.stat()
            yield File(os.path.relpath(entry.path, root), status.st_size, status.st_mtime_ns)
        else:
            raise InputError(f"{entry.path}: not an image; expected {' '.join(sorted(ENDINGS))}")


def _ignored(name: str) -> bool:
    return name.startswith(".") or name in LITTER
