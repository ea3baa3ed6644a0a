"""CIFAR-10 at a low resolution, for experiments: `python benchmarks/images.py FOLDER OUT.npz [--size 16]`.

FOLDER holds `cifar10_14k.npz` (`x_train`, `x_val`, their labels and `class_names`) and `cifar10_jpeg.npz` (all test
images as JPEG streams: `test_jpeg`, `test_offsets`, `test_labels`). Train and validation come from the first, all
10,000 test images from the second. Pixels are averaged over squares where the size divides 32, else resampled.
"""

import argparse
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=16)
    options = parser.parse_args()
    some = np.load(options.folder / "cifar10_14k.npz")
    streams = np.load(options.folder / "cifar10_jpeg.npz")
    content, offsets = streams["test_jpeg"], streams["test_offsets"]
    test = [
        np.asarray(Image.open(io.BytesIO(content[start:end].tobytes()))) for start, end in pairwise(offsets.tolist())
    ]
    np.savez_compressed(
        options.out,
        x_train=smaller(some["x_train"], options.size),
        y_train=some["y_train"],
        x_val=smaller(some["x_val"], options.size),
        y_val=some["y_val"],
        x_test=smaller(np.stack(test), options.size),
        y_test=streams["test_labels"],
        class_names=some["class_names"],
    )
    print(f"{options.out}: {len(some['x_train'])} train, {len(some['x_val'])} validation, {len(test)} test images")


def smaller(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Images (n, h, w, c) at `size` × `size`."""
    box = Image.Resampling.BOX if images.shape[1] % size == 0 else Image.Resampling.LANCZOS
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), box)) for image in images])


if __name__ == "__main__":
    main()
