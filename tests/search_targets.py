"""What the pool of a tested search runs in place of training: quick, without torch, and it fails when told to."""

import json
import os
import signal
import time
from collections.abc import Callable
from hashlib import sha256

from nas.data.images import ImageData
from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Answer, Latency, Result, Score, TooSlow, UnreadableCheckpoint

RAISES, DIES, DIES_ONCE, NO_MEMORY, TOO_LARGE, SLOW = 13.0, 14.0, 16.0, 17.0, 18.0, 19.0
"""Learning rates with which a candidate fails, or needs to be tried again."""
ALIKE = 15.0
"""The learning rate with which all candidates are equally good, and the first is the last to end."""


def no_images() -> ImageData:
    raise AssertionError("nothing is trained here, so nothing is loaded")


def value_of(document: object) -> float:
    """A figure that follows from the document as a training's does; no two documents share theirs."""
    digest = sha256(json.dumps(document, sort_keys=True).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**33


def train(job: Job, report: Callable[[int, dict[str, float]], int], threads: int) -> Result | TooSlow | Score:
    """Takes 20 ms an epoch, goes on from its checkpoint, and prints the epochs that it trains; a proxy takes as long,
    and is the width."""
    training = job.document["training"]
    if job.proxy is not None:
        time.sleep(0.02)
        match training["lr"]:
            case lr if lr == RAISES:
                raise ValueError("the loss is no number")
            case lr if lr == TOO_LARGE:
                raise MemoryError("not enough memory")
        return Score(float(job.document["architecture"]["network"][0]["width"]), 0.02)
    if job.weights is not None:
        job.weights.parent.mkdir(parents=True, exist_ok=True)
        job.weights.write_text("weights")
    if job.parents:
        print("parents", *[path.stem for path in job.parents], flush=True)
    if job.checkpoint.exists() and not job.checkpoint.read_text().isdigit():
        raise UnreadableCheckpoint(f"{job.checkpoint}: cannot be read as a checkpoint")
    done = int(job.checkpoint.read_text()) if job.checkpoint.exists() else 0
    match training["lr"]:
        case lr if lr == RAISES:
            raise ValueError("the loss is no number")
        case lr if lr == DIES:
            print("this is where it ends", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        case lr if lr == TOO_LARGE or (lr == NO_MEMORY and (job.micro_batch or 64) > 20):
            raise MemoryError("not enough memory")
        case lr if lr == SLOW and job.latency_limit is not None:
            limit = job.latency_limit
            return TooSlow(Latency(3e-3 * limit, 0.0, 1.0, 9, 1, "cpu", threads), limit)
    alike = training["lr"] == ALIKE
    if alike and job.checkpoint.stem == "0000":
        time.sleep(0.5)
    value = 0.5 if alike else value_of(job.document)
    history = [{METRIC: value + epoch / 100} for epoch in range(training["epochs"])]
    for epoch in range(done, len(history)):
        time.sleep(0.02)
        print("epoch", epoch, flush=True)
        answer = report(epoch, history[epoch])
        ended = tuple(history[: epoch + 1])
        if answer == Answer.PRUNE:
            return Result(ended, 0.02, True, "cpu", threads)
        job.checkpoint.parent.mkdir(exist_ok=True)
        part = job.checkpoint.with_name(f"{job.checkpoint.name}.part")
        part.write_text(str(epoch + 1))
        part.replace(job.checkpoint)
        if training["lr"] == DIES_ONCE and done == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if answer == Answer.HALT and len(ended) < len(history):
            return Result(ended, 0.02, False, "cpu", threads, halted=True)
    latency = None if job.latency_limit is None else Latency(2e-3, 1e-3, 3e-3, 9, job.latency_batch, "cpu", threads)
    seconds = 0.02 * len(history)
    return Result(tuple(history), seconds, False, "cpu", threads, micro_batch=job.micro_batch, latency=latency)
