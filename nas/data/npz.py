"""One's own images in a NumPy archive: x_train and y_train, and perhaps val, test and class_names."""

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nas.data.images import Array, ImageData, image_data
from nas.errors import InputError, refuse_unknown

ARRAYS = ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test", "class_names")

# what NumPy and zipfile raise for damaged, encrypted, oddly compressed and pickled content
DAMAGE = (OSError, EOFError, ValueError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)


def load_npz(
    path: str | Path,
    name: str | None = None,
    val_fraction: float = 0.1,
    split_seed: int = 0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ImageData:
    """The set in the .npz at `path`, called `name` (default: as the file).

    x_*: uint8 (n, height, width) or (n, height, width, channels); y_*: integers (n,). Without x_val,
    `val_fraction` of train is held out. Without class_names the classes are called "0", "1", ...
    Nothing pickled is ever read.
    """
    file = Path(os.path.expanduser(path))
    arrays = _read(file)
    splits = {}
    for key in ("train", "val", "test"):
        pair = [f"x_{key}", f"y_{key}"]
        missing = [array for array in pair if array not in arrays]
        if not missing:
            splits[key] = (arrays[pair[0]], arrays[pair[1]])
        elif key == "train" or len(missing) == 1:
            there = ", ".join(arrays) or "none of those known"
            raise InputError(f"{file}: no array {' and '.join(missing)}, which this needs; there is {there}")
    return image_data(
        name or file.stem,
        splits,
        _class_names(file, arrays),
        val_fraction=val_fraction,
        split_seed=split_seed,
        mean=mean,
        std=std,
        place=str(file),
    )


def _read(file: Path) -> dict[str, Array]:
    if not file.is_file():
        raise InputError(f"{file}: no such file; expected a NumPy archive (.npz)")
    try:
        if not zipfile.is_zipfile(file):
            raise InputError(f"{file}: not a whole NumPy archive (.npz): something else, or cut off")
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            meant = [key for key in archive.files if key.startswith(("x_", "y_"))]
            refuse_unknown(str(file), "array called", meant, ARRAYS)  # x_vall must not pass for "no validation split"
            return {key: _array(file, key, archive[key]) for key in ARRAYS if key in archive.files}
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{file}: cannot be read as a NumPy archive without pickles: {error}") from error


def _array(file: Path, key: str, value: object) -> Array:
    if not isinstance(value, np.ndarray):  # NumPy hands over a member that is no .npy as bytes
        raise InputError(f"{file}: {key} is not a NumPy array")
    return value


def _class_names(file: Path, arrays: dict[str, Array]) -> list[str]:
    names = arrays.get("class_names")
    if names is None:
        labels = arrays["y_train"]
        if labels.dtype.kind not in "iu" or labels.ndim != 1 or not len(labels):
            raise InputError(
                f"{file}: y_train: dtype {labels.dtype}, shape {labels.shape}; expected integers, shape (n,)"
            )
        if labels.max() >= len(labels):  # more classes than images: one of them would be empty
            raise InputError(f"{file}: y_train: label {labels.max()} in {len(labels)} images; expected 0, 1, 2 ...")
        return [str(label) for label in range(int(labels.max()) + 1)]
    if names.dtype.kind != "U" or names.ndim != 1:
        raise InputError(f"{file}: class_names: dtype {names.dtype}, shape {names.shape}; expected texts, shape (n,)")
    return [str(name) for name in names]
