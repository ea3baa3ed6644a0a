"""What a child of the pool is given to train, and the function it runs; imports torch only there."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nas.data.images import ImageData
from nas.data.joined import joined
from nas.training.result import Report, Result, Score, TooSlow


@dataclass(frozen=True)
class Job:
    """One candidate document and where and how to train it; the fields are those of `train_candidate`."""

    document: Mapping[str, Any]
    data: Callable[[], ImageData]
    accelerator: str
    precision: str
    checkpoint: Path
    """Written after every epoch, and continued from where it exists."""
    devices: int = 1
    micro_batch: int | None = None
    sync_batch_norm: bool = False
    graphs: bool = True
    latency_limit: float | None = None
    latency_batch: int = 1
    test: bool = False
    """Whether the test split is read once it has been trained; its finished checkpoint is not trained further."""
    weights: Path | None = None
    """Where the final weights are written."""
    start: Path | None = None
    """Weights that it begins with, in place of drawn ones."""
    join: bool = False
    """Whether it is trained on the validation images, too."""
    size: int | None = None
    """Pixels of the images' shorter side, for a training on smaller ones; the document has the same input."""
    share: float = 1.0
    """Of the training images."""
    parents: tuple[Path, ...] = ()
    """Weights of trained candidates; the training begins with those of the one that it shares most with."""


PROXIES = ("synflow", "naswot", "grad_norm", "snip", "zen")
"""The names that `nas.training.proxies` knows."""


@dataclass(frozen=True)
class Glance:
    """A candidate document to be scored by a zero-cost proxy, untrained."""

    document: Mapping[str, Any]
    data: Callable[[], ImageData]
    accelerator: str
    proxy: str


def run(job: Job | Glance, report: Report, threads: int) -> Result | TooSlow | Score:
    """Trains the job's candidate, as one of its ranks if it has several devices; or scores it by a proxy."""
    # the driver imports this module and must not import torch
    if isinstance(job, Glance):
        from nas.training.proxies import proxies

        started = time.perf_counter()
        found = proxies(job.document, job.data, [job.proxy], threads=threads, accelerator=job.accelerator)
        return Score(found[job.proxy], time.perf_counter() - started)
    from nas.training.candidate import train_candidate
    from nas.training.latency import OverLimit

    try:
        return train_candidate(
            job.document,
            partial(_data, job),
            threads=threads,
            accelerator=job.accelerator,
            devices=job.devices,
            precision=job.precision,
            micro_batch=job.micro_batch,
            sync_batch_norm=job.sync_batch_norm,
            graphs=job.graphs,
            latency_limit=job.latency_limit,
            latency_batch=job.latency_batch,
            report=report,
            checkpoint=job.checkpoint,
            weights=job.weights,
            start=job.start,
            test=job.test,
            parents=job.parents,
        )
    except OverLimit as over:
        return over.found


def _data(job: Job) -> ImageData:
    data = joined(job.data()) if job.join else job.data()
    if job.size is None and job.share == 1.0:
        return data
    from nas.training.reduced import reduced

    return reduced(data, job.size, job.share)
