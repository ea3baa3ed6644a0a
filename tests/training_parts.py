"""Small parts for the tests of training: a data set, a network, a recipe, and ranks to train it on."""

import os
import socket
import time
import warnings
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import torch
from torch import nn

from nas.data.images import ImageData, image_data
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
    """What `function(*arguments)` returns or raises in each of so many ranks, or None where nothing came in time.

    They are fresh processes, all ended when this returns; a warning is an error in them. EOFError if one dies.
    """
    processes = get_context("forkserver")  # one import of torch for all tests
    processes.set_forkserver_preload(["nas.training.candidate"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(devices)}
    here = devices // nodes
    pipes, ranks = [], []
    for rank in range(devices):
        place = {"NODE_RANK": str(rank // here), "LOCAL_RANK": str(rank % here), "LOCAL_WORLD_SIZE": str(here)}
        pipe, theirs = processes.Pipe(duplex=False)
        pipes.append(pipe)
        ranks.append(processes.Process(target=_rank, args=(theirs, {**rendezvous, **place}, function, arguments)))
        ranks[-1].start()
        theirs.close()
    outcomes: dict[Connection, Any] = {}
    deadline = time.monotonic() + 120
    try:
        while len(outcomes) < devices and time.monotonic() < deadline:
            for pipe in wait([pipe for pipe in pipes if pipe not in outcomes], deadline - time.monotonic()):
                outcomes[pipe] = pipe.recv()
    finally:
        for each in ranks:
            each.kill()
            each.join()
    return [outcomes.get(pipe) for pipe in pipes]


def _rank(
    pipe: Connection, environment: Mapping[str, str], function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    os.environ.update(environment)
    warnings.simplefilter("error")
    try:
        outcome = function(*arguments)
    except Exception as error:
        outcome = error
    pipe.send(outcome)
