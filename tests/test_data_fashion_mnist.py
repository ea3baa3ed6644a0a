"""Fashion-MNIST's idx files: in each place where they are found, and damaged."""

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nas.data.fashion_mnist import load_fashion_mnist
from nas.errors import InputError


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def files() -> dict[str, bytes]:
    made = {}
    for key, n in (("train", 40), ("t10k", 20)):
        images = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
        made[f"{key}-images-idx3-ubyte"] = idx(images)
        made[f"{key}-labels-idx1-ubyte"] = idx((np.arange(n) % 10).astype(np.uint8))
    return made


def saved(folder: Path, content: dict[str, bytes], packed: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder


def test_packed_and_plain_files_are_found_in_each_layout(tmp_path: Path) -> None:
    prints = set()
    for packed in (False, True):
        for layout in (".", "raw", "FashionMNIST/raw"):
            root = tmp_path / f"{packed}{len(layout)}"
            saved(root / layout, files(), packed)
            data = load_fashion_mnist(root, val_fraction=0.25)
            prints.add(data.fingerprint)
    assert len(prints) == 1
    assert data.test is not None
    assert (data.size, data.channels, data.class_names[9]) == ((28, 28), 1, "Ankle boot")
    assert [len(split.labels) for split in (data.train, data.val, data.test)] == [30, 10, 20]
    assert idx(data.test.images[..., 0]) == files()["t10k-images-idx3-ubyte"]


def test_nothing_there_names_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no files of fashion_mnist here; expected train-images-idx3-ubyte"):
        load_fashion_mnist(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    content = files()
    del content["t10k-labels-idx1-ubyte"]
    with pytest.raises(InputError, match="no file t10k-labels-idx1-ubyte"):
        load_fashion_mnist(saved(tmp_path, content, True))


LABELS = files()["train-labels-idx1-ubyte"]
BAD = {
    "empty": (b"", "not an idx file of bytes in 1 dimensions"),
    "text": (b"hello, this is no idx file", "not an idx file"),
    "cut": (LABELS[:-1], r"39 bytes; expected 40 for shape \(40,\)"),
    "too long": (LABELS + b"x", "41 bytes; expected 40"),
    "a lie about its length": (LABELS[:4] + b"\xff" * 4 + LABELS[8:], "40 bytes; expected 4294967295"),
    "images": (files()["train-images-idx3-ubyte"], "not an idx file of bytes in 1 dimensions"),
    "label too high": (LABELS[:-1] + b"\x0a", r"y_train\[39\]: label 10; expected 0 to 9"),
    "too few": (idx(np.zeros(7, np.uint8)), r"y_train: shape \(7,\); expected \(40,\)"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_damaged_files_are_refused(tmp_path: Path, case: str, packed: bool) -> None:
    content, message = BAD[case]
    saved(tmp_path, files() | {"train-labels-idx1-ubyte": content}, packed)
    with pytest.raises(InputError, match=message):
        load_fashion_mnist(tmp_path)


def test_a_damaged_package_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, files(), True)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    for content in (b"hello", whole[:50], whole[:-3], whole[:30] + b"\xff" * 20 + whole[50:]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz: cannot be read"):
            load_fashion_mnist(tmp_path)
