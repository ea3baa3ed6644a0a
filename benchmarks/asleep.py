"""Lets candidates sleep for ten seconds in place of training; imported by a search's processes with `imports=[asleep]`.

In the driver, which has no torch, it does nothing.
"""

import sys
import time
from collections.abc import Callable

from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Answer, Metrics, Result

SECONDS, EPOCHS = 10.0, 5


def asleep(job: Job, threads: int, report: Callable[[int, Metrics], int]) -> Result:
    """Reports as many numbers as a training does."""
    accuracy = len(str(job.document)) % 97 / 97  # differs between candidates
    metrics = {METRIC: accuracy, "val/loss": 1.0, "train/loss": 1.0, "train/accuracy": accuracy, "lr": 0.1}
    for epoch in range(EPOCHS):
        time.sleep(SECONDS / EPOCHS)
        if report(epoch, metrics) != Answer.GO_ON:
            raise AssertionError("no pruner, no end")
    return Result((metrics,) * EPOCHS, SECONDS, pruned=False, device="none", threads=1)


if "torch" in sys.modules:
    import nas.training.candidate

    nas.training.candidate.train_candidate = asleep
