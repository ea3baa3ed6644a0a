"""What a child of the pool is given to train, and the function it runs; imports torch only there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.images import ImageData
from nas.training.result import Result


@dataclass(frozen=True)
class Job:
    """One candidate document and where to train it."""

    document: Mapping[str, Any]
    data: Callable[[], ImageData]
    accelerator: str
    precision: str
    checkpoint: Path
    """Written after every epoch, and continued from where it exists."""


def run(job: Job, report: Callable[[int, dict[str, float]], bool], threads: int) -> Result:
    """Trains the job's candidate; `report` says whether to stop."""
    from nas.training.candidate import train_candidate  # the driver imports this module and must not import torch

    return train_candidate(
        job.document,
        job.data,
        threads=threads,
        accelerator=job.accelerator,
        precision=job.precision,
        report=report,
        checkpoint=job.checkpoint,
    )
