"""Some steps of a training, for their time and memory: what a pool's child runs before a search."""

import itertools
import resource
import sys
import time
from dataclasses import replace
from math import ceil

import torch

from nas.data.images import ImageData
from nas.training.candidate import train_candidate
from nas.training.job import Job
from nas.training.recipe import Training
from nas.training.result import Answer, Metrics, Reporter, Timed

BATCHES, EPOCHS = 4, 2
"""What is trained: so many batches of train, and as large a part of validation, so many times; the best time counts."""


def run(job: Job, report: Reporter, threads: int) -> Timed:
    """Trains the job's candidate on a part of the data. Raises what `train_candidate` raises."""
    whole = job.data()
    data = part(whole, BATCHES * Training.from_document(job.document.get("training", {})).batch_size)
    moments = [time.perf_counter()]

    def take(epoch: int, metrics: Metrics) -> Answer:
        moments.append(time.perf_counter())
        return Answer.PRUNE if epoch + 1 >= EPOCHS else Answer.GO_ON

    train_candidate(replace(job, data=lambda: data), threads, take)
    seconds = min(after - before for before, after in itertools.pairwise(moments))
    return Timed(seconds * len(whole.train.labels) / len(data.train.labels), _memory())


def part(data: ImageData, images: int) -> ImageData:
    """So many of the images to train on, and the same share of those to validate."""
    share = min(1.0, images / len(data.train.labels))
    train, val = (split.part(slice(ceil(share * len(split.labels)))) for split in (data.train, data.val))
    return replace(data, train=train, val=val)


def _memory() -> int:
    if torch.cuda.is_available() and (most := torch.cuda.max_memory_allocated()):
        return most
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
