"""Small parts for the tests of training: a data set, a network, a recipe."""

import numpy as np
import torch
from torch import nn

from nas.data.images import ImageData, image_data
from nas.training.recipe import Training

CLASSES = 3

torch.set_num_threads(1)  # the networks are so small that threads only wait for each other


def small_data(n: int = 90, size: tuple[int, int] = (8, 8), channels: int = 1) -> ImageData:
    """Classes that differ in brightness, with noise; validation and test of 30 images each."""
    rng = np.random.default_rng(0)

    def split(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(n) % CLASSES
        noise = rng.integers(0, 60, (n, *size, channels))
        return (labels[:, None, None, None] * 80 + noise).astype(np.uint8), labels

    return image_data("small", {"train": split(n), "val": split(30), "test": split(30)}, ["dark", "grey", "light"])


def small_network(channels: int = 1, seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, CLASSES),
    ).to(memory_format=torch.channels_last)


def quick(**changes: object) -> Training:
    return Training.from_document({"epochs": 3, "batch_size": 16, "lr": 0.01, **changes})
