"""Some steps of a training, for their time and memory: what a pool's child runs before a search."""

import itertools
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from nas.data.images import ImageData, Split
from nas.training.result import Answer, Metrics, Report

BATCHES, EPOCHS = 4, 2
"""What is trained: so many batches of train, and as large a part of validation, so many times; the best time counts."""


@dataclass(frozen=True)
class Sample:
    """A candidate document to be trained for some steps; the other fields are those of `train_candidate`."""

    document: Mapping[str, Any]
    data: Callable[[], ImageData]
    accelerator: str
    precision: str
    batch_size: int


@dataclass(frozen=True)
class Timed:
    """Seconds of a whole epoch, and the most bytes that the process, or on a GPU its tensors, took."""

    epoch: float
    memory: int


def run(sample: Sample, report: Report, threads: int) -> Timed:
    """Trains on a part of the data. Raises what `train_candidate` raises."""
    from nas.training.candidate import train_candidate  # the driver imports this module and must not import torch

    whole = sample.data()
    data = part(whole, BATCHES * sample.batch_size)
    moments = [time.perf_counter()]

    def take(epoch: int, metrics: Metrics) -> Answer:
        moments.append(time.perf_counter())
        return Answer.PRUNE if epoch + 1 >= EPOCHS else Answer.GO_ON

    train_candidate(
        sample.document,
        lambda: data,
        threads=threads,
        accelerator=sample.accelerator,
        precision=sample.precision,
        report=take,
    )
    seconds = min(after - before for before, after in itertools.pairwise(moments))
    return Timed(seconds * len(whole.train.labels) / len(data.train.labels), _memory())


def part(data: ImageData, images: int) -> ImageData:
    """So many of the images to train on, and the same share of those to validate."""
    share = min(1.0, images / len(data.train.labels))
    return replace(data, train=_first(data.train, share), val=_first(data.val, share))


def _first(split: Split, share: float) -> Split:
    number = ceil(share * len(split.labels))
    return Split(split.images[:number], split.labels[:number])


def _memory() -> int:
    import torch

    if torch.cuda.is_available() and (most := torch.cuda.max_memory_allocated()):
        return most
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
