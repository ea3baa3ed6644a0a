"""The sets that need no file and no download: Fashion-MNIST in small, and scikit-learn's digits."""

import importlib.util
from pathlib import Path

import numpy as np

from nas.data.images import ImageData, image_data
from nas.data.npz import load_npz
from nas.data.split import three_way
from nas.errors import InputError


def load_fashion_mnist_mini() -> ImageData:
    """3,000 grey 28×28 images of ten classes from Fashion-MNIST: 2,000 train, 500 val, 500 test."""
    return load_npz(Path(__file__).with_name("fashion_mnist_mini.npz"))


def load_digits(val_fraction: float = 0.15, test_fraction: float = 0.15, split_seed: int = 0) -> ImageData:
    """1,797 grey 8×8 handwritten digits; their 17 grey levels are spread over 0 to 255."""
    if importlib.util.find_spec("sklearn") is None:
        raise InputError("data 'digits' needs scikit-learn: pip install scikit-learn")
    from sklearn import datasets  # heavy, so imported only here

    digits = datasets.load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    splits = three_way(digits.target, val_fraction, test_fraction, split_seed, place="digits")
    return image_data(
        "digits",
        {key: (images[chosen], digits.target[chosen]) for key, chosen in splits.items()},
        [str(name) for name in digits.target_names],
    )
