"""How long a network takes to evaluate a batch on this machine, and a limit to it before a training."""

import time
from collections.abc import Callable
from statistics import quantiles

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from nas.training.module import TrainingModule
from nas.training.result import Latency, TooSlow

WARMUP, REPEATS, LEAST = 10, 200, 5
"""Evaluations that are not counted, that are measured at most, and at least however long they take."""
SECONDS = 1.0
"""After which no more are measured."""

WAIT: dict[str, Callable[[], None]] = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}


def time_network(network: nn.Module, shape: tuple[int, ...]) -> Latency:
    """Measures a network where it is, on images of `shape` (n, c, h, w), evaluating: aux heads take no part.

    Leaves the network as it was.
    """
    parameter = next(network.parameters())
    images = torch.rand(shape, dtype=parameter.dtype, device=parameter.device)
    images = images.contiguous(memory_format=torch.channels_last)
    wait = WAIT.get(parameter.device.type, lambda: None)
    training = network.training
    network.eval()
    with torch.inference_mode():
        _times(network, images, wait, WARMUP, SECONDS / 4)
        times = _times(network, images, wait, REPEATS, SECONDS)
    network.train(training)
    low, median, high = quantiles(times, n=4, method="inclusive")
    on_cuda = parameter.device.type == "cuda"
    device = torch.cuda.get_device_name(parameter.device) if on_cuda else parameter.device.type
    return Latency(median, low, high, len(times), len(images), device, torch.get_num_threads())


def _times(
    network: nn.Module, images: torch.Tensor, wait: Callable[[], None], most: int, seconds: float
) -> list[float]:
    times: list[float] = []
    while len(times) < LEAST or (len(times) < most and sum(times) < seconds):
        wait()
        started = time.perf_counter()
        network(images)
        wait()
        times.append(time.perf_counter() - started)
    return times


class OverLimit(Exception):
    """A network is too slow to be trained; `found` says how slow."""

    def __init__(self, found: TooSlow) -> None:
        super().__init__(f"{found.latency.median * 1e3:.3g} ms a batch, over the limit of {found.limit:g} ms")
        self.found = found


class LatencyLimit(Callback):
    """Measures a network before its training, on the device that rank 0 trains on.

    Raises `OverLimit` on all ranks if the median is over `limit` milliseconds and `refuse`; `shape` is (n, c, h, w).
    """

    def __init__(self, limit: float, shape: tuple[int, ...], refuse: bool) -> None:
        self.latency: Latency | None = None
        self._limit, self._shape, self._refuse = limit, shape, refuse

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        own = time_network(pl_module.network, self._shape) if trainer.is_global_zero else None
        self.latency = trainer.strategy.broadcast(own)
        assert self.latency is not None
        if self._refuse and self.latency.median * 1e3 > self._limit:
            raise OverLimit(TooSlow(self.latency, self._limit))
