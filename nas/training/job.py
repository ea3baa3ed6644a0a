"""What a child of the pool is given to train, and the function it runs; imports torch only there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from nas.data.images import ImageData
from nas.data.joined import joined
from nas.training.result import Report, Result, TooSlow


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


PROXIES = ("synflow", "naswot", "grad_norm", "snip", "zen")
"""The names that `nas.training.proxies` knows."""


@dataclass(frozen=True)
class Screening:
    """Candidate documents to look at before any is trained; the other fields are those of `proxies`."""

    documents: Sequence[Mapping[str, Any]]
    data: Callable[[], ImageData]
    names: Sequence[str]
    accelerator: str


def run(job: Job | Screening, report: Report, threads: int) -> Result | TooSlow | list[dict[str, float]]:
    """Trains the job's candidate, as one of its ranks if it has several devices; or gives each document's proxies."""
    # the driver imports this module and must not import torch
    if isinstance(job, Screening):
        from nas.training.proxies import proxies

        load = cache(job.data)
        return [
            proxies(document, load, job.names, threads=threads, accelerator=job.accelerator)
            for document in job.documents
        ]
    from nas.training.candidate import train_candidate
    from nas.training.latency import OverLimit

    try:
        return train_candidate(
            job.document,
            partial(_joined, job.data) if job.join else job.data,
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
        )
    except OverLimit as over:
        return over.found


def _joined(data: Callable[[], ImageData]) -> ImageData:
    return joined(data())
