"""Small parts for the tests of training: a data set, a network, a recipe, and ranks to train it on."""

import atexit
import os
import pickle
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from pool_parts import CORES, events_of
from torch import nn

from nas.data.images import ImageData, image_data
from nas.pool import Done, Need, Pool
from nas.training.recipe import Training

CLASSES = 3

torch.set_num_threads(1)  # the networks are so small that threads only wait for each other

HEAD = [{"op": "global_pool"}, {"op": "linear", "width": "classes"}]

DOCUMENT: dict[str, Any] = {
    "architecture": {
        "input": {"channels": 1, "size": 8},
        "classes": 3,
        "network": [
            {"op": "conv", "width": 4, "kernel": 3},
            {"op": "residual", "name": "sum", "body": [{"op": "conv", "width": 4, "kernel": 3}]},
            {"op": "aux", "name": "side", "weight": 0.3, "chain": [*HEAD]},
            *HEAD,
        ],
    },
    "training": {"epochs": 2, "batch_size": 16, "lr": 0.01, "drop_path": 0.2, "crop": 1},
    "seed": 3,
}


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


def run_ranks(function: Callable[..., Any], *arguments: Any, devices: int = 2, nodes: int = 1) -> list[Any]:
    """What `function(*arguments)` returns or raises in each of so many ranks, on one node or on as many.

    They are processes of a pool; a warning is an error in them.
    """
    with TemporaryDirectory() as folder:
        _pool().start(0, (function, arguments, nodes, folder), Path(folder, "log"), Need(devices))
        (event,) = events_of(_pool())
        assert isinstance(event, Done), event
        return [pickle.loads(Path(folder, str(rank)).read_bytes()) for rank in range(devices)]


@cache
def _pool() -> Pool:
    """One import of torch for all tests."""
    pool = Pool("training_parts:in_rank", devices=CORES, threads=1, preload=["nas.training.candidate"], time_limit=120)
    atexit.register(pool.close)
    return pool


def in_rank(argument: tuple[Callable[..., Any], tuple[Any, ...], int, str], report: object, threads: int) -> None:
    function, arguments, nodes, folder = argument
    rank = os.environ.get("LOCAL_RANK", "0")
    if nodes > 1:
        os.environ.update(NODE_RANK=rank, LOCAL_RANK="0", LOCAL_WORLD_SIZE="1")
    warnings.simplefilter("error")
    try:
        outcome = function(*arguments)
    except Exception as error:
        outcome = error
    Path(folder, rank).write_bytes(pickle.dumps(outcome))
