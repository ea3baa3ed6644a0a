"""Fashion-MNIST from its four idx files, as published."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from nas.data.download import here_or_fetched
from nas.data.images import Array, ImageData, image_data
from nas.errors import InputError

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def load_fashion_mnist(
    path: str | Path, download: bool = False, val_fraction: float = 0.1, split_seed: int = 0
) -> ImageData:
    """Fashion-MNIST, `val_fraction` of its 60,000 train images held out.

    `path`: the folder of its four idx files, packed (.gz) or not, or one with FashionMNIST/raw in it.
    `download` fetches what is not there.
    """
    expected = [f"{name}[.gz]" for pair in FILES.values() for name in pair]
    folder, files = here_or_fetched("fashion_mnist", path, _find_idx, download, expected)
    splits = {
        key: (_read_idx(files[images], 3), _read_idx(files[labels], 1)) for key, (images, labels) in FILES.items()
    }
    return image_data(
        "fashion_mnist", splits, CLASSES, val_fraction=val_fraction, split_seed=split_seed, place=str(folder)
    )


def _find_idx(root: Path) -> tuple[Path, dict[str, Path]] | None:
    names = [name for pair in FILES.values() for name in pair]
    for folder in (root, root / "raw", root / "FashionMNIST" / "raw"):
        found = {name: file for name in names for file in (folder / f"{name}.gz", folder / name) if file.is_file()}
        if len(found) == len(names):
            return folder, found
        if found:
            missing = [name for name in names if name not in found]
            raise InputError(f"{folder}: no file {' or '.join(missing)} (.gz or not), though others are there")
    return None


def _read_idx(file: Path, dimensions: int) -> Array:
    """Two zeros, 8 (unsigned bytes), the number of dimensions, each as a big-endian int32, the bytes."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else open(file, "rb") as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, 8, dimensions)):
        raise InputError(f"{file}: not an idx file of bytes in {dimensions} dimensions")
    shape = np.frombuffer(content[4:start], ">u4").astype(object)  # Python's integers: they do not overflow
    if len(content) - start != shape.prod():
        raise InputError(f"{file}: {len(content) - start} bytes; expected {shape.prod()} for shape {tuple(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(tuple(shape))
