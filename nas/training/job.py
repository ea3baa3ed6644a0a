"""What a child of the pool is given to train, and the function it runs; imports torch only there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.images import ImageData
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
    latency_limit: float | None = None
    latency_batch: int = 1


def run(job: Job, report: Report, threads: int) -> Result | TooSlow:
    """Trains the job's candidate, as one of its ranks if it has several devices."""
    # the driver imports this module and must not import torch
    from nas.training.candidate import train_candidate
    from nas.training.latency import OverLimit

    try:
        return train_candidate(
            job.document,
            job.data,
            threads=threads,
            accelerator=job.accelerator,
            devices=job.devices,
            precision=job.precision,
            micro_batch=job.micro_batch,
            sync_batch_norm=job.sync_batch_norm,
            latency_limit=job.latency_limit,
            latency_batch=job.latency_batch,
            report=report,
            checkpoint=job.checkpoint,
        )
    except OverLimit as over:
        return over.found
