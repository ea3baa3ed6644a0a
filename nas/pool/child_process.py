"""What happens in a child: prepare the process, call the function, send back what came of it."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from nas.pool.events import Done, Failed, Report
from nas.pool.messages import Task

Function = Callable[[Any, Callable[[int, Mapping[str, float]], bool], int], object]


def run_child(function: Function, pipe: int, log: int, lifeline: int) -> None:
    """Run the task that comes over `pipe` and end the process; `lifeline` is a pipe the server holds open."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable()  # a segmentation fault leaves its Python stack in the log
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    driver = Connection(pipe)
    task: Task = pickle.loads(driver.recv_bytes())
    driver.send_bytes(_outcome(function, task, driver))
    # No clean-up of the interpreter: it could only hang or crash now, and the result is on its way.
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
    os._exit(0)


def _end_with(lifeline: int) -> None:
    """End this process and all it started as soon as the fork server, which ends with the driver, is gone."""
    os.read(lifeline, 1)  # nobody writes: returns when no process holds the other end any more
    os.killpg(0, signal.SIGKILL)


def _outcome(function: Function, task: Task, driver: Connection) -> bytes:
    """The pickled `Done` or `Failed` of a task."""
    try:
        os.environ.clear()
        os.environ.update(task.environment)
        os.chdir(task.directory)
        # DataLoader workers: forked from here. Python's other ways would import torch again in every worker.
        multiprocessing.set_start_method("fork", force=True)

        def report(step: int, metrics: Mapping[str, float]) -> bool:
            """Send the metrics of a step, wait for the answer; True: stop here, the candidate is pruned."""
            numbers = {name: float(value) for name, value in metrics.items()}
            faulthandler.cancel_dump_traceback_later()  # the driver's time to think is no silence of ours
            driver.send_bytes(pickle.dumps(Report(task.key, int(step), numbers)))
            stop = bool(driver.recv())
            _explain_silence(task.silence_limit)
            return stop

        _explain_silence(task.silence_limit)
        result = function(pickle.loads(task.argument), report, task.threads)
        return _pickled(Done(task.key, result))
    except BaseException as error:  # SystemExit too: the driver wants to know whatever ended the function
        text = traceback.format_exc()
        print(text, file=sys.stderr, flush=True)
        return pickle.dumps(Failed(task.key, _one_line(error), text))


def _pickled(done: Done) -> bytes:
    try:
        return pickle.dumps(done)
    except Exception as error:
        kind = type(done.result).__name__
        raise TypeError(f"the result, a {kind}, cannot be sent to the driver: {error}") from error


def _explain_silence(limit: float | None) -> None:
    """Write all stacks to the log shortly before the driver ends this process for its silence."""
    if limit is not None:
        faulthandler.dump_traceback_later(0.9 * limit)


def _one_line(error: BaseException) -> str:
    lines = traceback.format_exception_only(error)
    title = next((line for line in lines if not line.startswith(" ")), lines[-1])  # skips excerpts of source
    return " ".join(title.split())[:500]
