"""What jobs of the tests of a Ray pool do; imports nothing heavy."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from pool_targets import TARGETS, Report

STEPS = 5


def run(argument: tuple[str, Any], report: Report, threads: int) -> object:
    name, value = argument
    return (TARGETS | OWN)[name](value, report, threads)


def by_node(jobs: list[tuple[str, Any]], report: Report, threads: int) -> object:
    """Each rank does its own job of the list."""
    return run(jobs[int(os.environ["NODE_RANK"])], report, threads)


def reduce_over_nodes(dying: int | None, report: Report, threads: int) -> object:
    """Sums 1 and 2 over two ranks with gloo and reports it; the rank `dying` kills itself before a second sum."""
    import torch
    from torch import distributed

    rank, world = int(os.environ["NODE_RANK"]), int(os.environ["WORLD_SIZE"])
    distributed.init_process_group("gloo", rank=rank, world_size=world)
    summed = torch.tensor([rank + 1.0])
    distributed.all_reduce(summed)
    if rank == 0:
        report(0, {"sum": float(summed)})
    if rank == dying:
        os.kill(os.getpid(), signal.SIGKILL)
    distributed.all_reduce(summed)
    distributed.barrier()
    distributed.destroy_process_group()
    return float(summed)


def steps(seconds: float, report: Report, threads: int) -> object:
    """Reports after each of five steps."""
    for step in range(STEPS):
        time.sleep(seconds)
        report(step, {})
    return STEPS


def train_on_two(value: Any, report: Report, threads: int) -> object:
    """A candidate, as a search on clusters has it trained."""
    from test_training_candidate import DOCUMENT
    from training_parts import small_data

    from nas.training.candidate import train_candidate

    return train_candidate(DOCUMENT, small_data, threads=threads, accelerator="cpu", devices=2, report=report)


OWN = {"by_node": by_node, "reduce_over_nodes": reduce_over_nodes, "steps": steps, "train_on_two": train_on_two}
