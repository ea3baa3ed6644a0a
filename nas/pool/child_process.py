"""What happens in a child: prepare the process, call the function, send back what came of it."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from nas.pool.events import Done, Failed, Report, class_name
from nas.pool.messages import SHOW_STACKS, Outcome, Task

Function = Callable[[Any, Callable[[int, Mapping[str, float]], int], int], object]


def run_child(function: Function, pipe: int, log: int) -> None:
    """Run the task that comes over `pipe` and end the process."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable()  # a segmentation fault leaves its Python stack in the log
    faulthandler.register(SHOW_STACKS)
    driver = Connection(pipe)
    task: Task = pickle.loads(driver.recv_bytes())
    driver.send_bytes(_outcome(function, task, driver))
    # No clean-up of the interpreter: it could only hang or crash now, and the result is on its way.
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    os._exit(0)


def _outcome(function: Function, task: Task, driver: Connection) -> bytes:
    """The pickled `Outcome` of a task."""
    try:
        os.environ.clear()
        os.environ.update(task.environment)
        os.chdir(task.directory)
        # DataLoader workers: forked from here. Python's other ways would import torch again in every worker.
        multiprocessing.set_start_method("fork", force=True)

        def report(step: int, metrics: Mapping[str, float]) -> int:
            """Send the metrics of a step and wait for the driver's answer."""
            if task.rank != 0:
                raise RuntimeError(f"rank {task.rank} has reported; rank 0 does so for all")
            numbers = {name: float(value) for name, value in metrics.items()}
            driver.send_bytes(pickle.dumps(Report(task.key, int(step), numbers)))
            return int(driver.recv())

        result = function(pickle.loads(task.argument), report, task.threads)
        # The other ranks' results are read by nobody: they need not even travel.
        return _pickled(Done(task.key, result if task.rank == 0 else None))
    except BaseException as error:  # SystemExit too: the driver wants to know whatever ended the function
        moment = time.monotonic()
        text = traceback.format_exc()
        print(text, file=sys.stderr, flush=True)
        return pickle.dumps(Outcome(Failed(task.key, _one_line(error), text, class_name(error)), moment))


def _pickled(done: Done) -> bytes:
    try:
        return pickle.dumps(Outcome(done, time.monotonic()))
    except Exception as error:
        kind = type(done.result).__name__
        raise TypeError(f"the result, a {kind}, cannot be sent to the driver: {error}") from error


def _one_line(error: BaseException) -> str:
    lines = traceback.format_exception_only(error)
    title = next((line for line in lines if not line.startswith(" ")), lines[-1])  # skips excerpts of source
    return " ".join(title.split())[:500]
