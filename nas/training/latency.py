"""How long a network takes to evaluate a batch on this machine, and a limit to it before a training."""

import time
from collections.abc import Callable, Mapping
from statistics import quantiles
from typing import Any

import torch
from lightning_fabric import Fabric
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from nas.architecture import Architecture
from nas.network import build_network
from nas.training.module import Classifier
from nas.training.result import Latency, TooSlow

LEAST = 5  # evaluations that are measured, however long they take

WAIT: dict[str, Callable[[], None]] = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}


def measure_latency(
    architecture: Mapping[str, Any],
    *,
    input: tuple[int, int, int] | None = None,
    classes: int | None = None,
    batch: int = 1,
    threads: int = 1,
    accelerator: str = "auto",
    warmup: int = 10,
    repeats: int = 200,
    seconds: float = 1.0,
) -> Latency:
    """Measures an architecture document's network with random weights, in 32 bits.

    `input` (channels, height, width) and `classes` are the architecture's own unless given. Sets the number of torch's
    threads in this process. Raises `InputError` for a document that cannot be built.
    """
    torch.set_num_threads(threads)
    parsed = Architecture.from_document(architecture)
    channels, *size = input or parsed.input
    made = build_network(
        parsed, in_channels=channels, classes=classes or parsed.classes, input_size=(size[0], size[1]), aux=False
    )
    network = made.to(Fabric(accelerator=accelerator, devices=1).device).to(memory_format=torch.channels_last)
    return time_network(network, (batch, channels, *size), warmup=warmup, repeats=repeats, seconds=seconds)


def time_network(
    network: nn.Module, shape: tuple[int, ...], *, warmup: int = 10, repeats: int = 200, seconds: float = 1.0
) -> Latency:
    """Measures a network where it is, on images of `shape` (n, c, h, w), evaluating: aux heads take no part.

    Evaluates until there are `repeats` measurements, or `seconds` have passed and there are five; `warmup` before
    them are not counted. Leaves the network as it was.
    """
    parameter = next(network.parameters())
    images = torch.rand(shape, dtype=parameter.dtype, device=parameter.device)
    images = images.contiguous(memory_format=torch.channels_last)
    wait = WAIT.get(parameter.device.type, lambda: None)
    training = network.training
    network.eval()
    with torch.inference_mode():
        _times(network, images, wait, warmup, seconds / 4)
        times = _times(network, images, wait, repeats, seconds)
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
        assert isinstance(pl_module, Classifier)
        own = time_network(pl_module.network, self._shape) if trainer.is_global_zero else None
        self.latency = trainer.strategy.broadcast(own)
        assert self.latency is not None
        if self._refuse and self.latency.median * 1e3 > self._limit:
            raise OverLimit(TooSlow(self.latency, self._limit))
