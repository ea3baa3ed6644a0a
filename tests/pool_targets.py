"""What the processes of the pools' tests do; imports nothing heavy."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Report = Callable[[int, Mapping[str, float]], int]
Target = Callable[[Any, Report, int], object]

STEPS = 5


def run(argument: tuple[str, Any], report: Report, threads: int) -> object:
    name, value = argument
    return TARGETS[name](value, report, threads)


def return_it(value: Any, report: Report, threads: int) -> object:
    return value


def look_around(value: Any, report: Report, threads: int) -> object:
    return {
        "modules": set(sys.modules),
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "threads": threads,
        "start method": multiprocessing.get_start_method(),
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "pid": os.getpid(),
    }


def count(steps: int, report: Report, threads: int) -> object:
    """Reports until told to stop; returns how many steps were done, and the last answer."""
    answer = 0
    for step in range(steps):
        if answer := report(step, {"step": step, "square": step * step}):
            return step + 1, answer
    return steps, answer


def print_it(text: str, report: Report, threads: int) -> object:
    print(text)
    print(text.upper(), file=sys.stderr)
    subprocess.run(["echo", text, "from a subprocess"], check=True)
    return None


def fail(message: str, report: Report, threads: int) -> object:
    raise ValueError(message)


def leave(code: int, report: Report, threads: int) -> object:
    sys.exit(code)


def leave_at_once(code: int, report: Report, threads: int) -> object:
    os._exit(code)


def kill_itself(number: int, report: Report, threads: int) -> object:
    os.kill(os.getpid(), number)
    time.sleep(60)
    return None


def segfault(value: Any, report: Report, threads: int) -> object:
    ctypes.string_at(0)
    return None


def sleep(seconds: float, report: Report, threads: int) -> object:
    time.sleep(seconds)
    return seconds


class BadStream:
    """A standard output that kills whoever flushes it."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        os.kill(os.getpid(), 9)


def crash_while_ending(value: Any, report: Report, threads: int) -> object:
    sys.stdout = BadStream()  # type: ignore[assignment]
    return value


def linger(value: Any, report: Report, threads: int) -> object:
    """Leaves a thread and a process behind that would go on for a minute; returns the process's id."""
    threading.Thread(target=time.sleep, args=(60,)).start()
    process = multiprocessing.Process(target=time.sleep, args=(60,))
    process.start()
    return process.pid


def return_a_lambda(value: Any, report: Report, threads: int) -> object:
    return lambda: None


class Unreadable:
    def __reduce__(self) -> Any:
        return fail_to_load, ()


def fail_to_load() -> object:
    raise RuntimeError("cannot be loaded")


def return_unreadable(value: Any, report: Report, threads: int) -> object:
    return Unreadable()


def hang(path: Path, report: Report, threads: int) -> object:
    """Writes down its process and the server's, then sleeps."""
    write(path, f"{os.getpid()} {os.getppid()}")
    time.sleep(60)
    return None


def hang_in_c(path: Path, report: Report, threads: int) -> object:
    """As `hang`, but no other Python thread of the process ever runs again, as in a stuck extension."""
    write(path, f"{os.getpid()} {os.getppid()}")
    while True:  # a signal ends one sleep
        ctypes.PyDLL(None).sleep(60)


def hang_deaf(path: Path, report: Report, threads: int) -> object:
    """As `hang`, but does not mind SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return hang(path, report, threads)


def write(path: Path, text: str) -> None:
    """All at once, for a reader that waits for the file."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text)
    unfinished.rename(path)


def hang_with_company(path: Path, report: Report, threads: int) -> object:
    """As `hang_in_c`, with a forked worker and another program that would go on for a minute."""
    multiprocessing.Process(target=time.sleep, args=(60,)).start()
    subprocess.Popen(["sleep", "60"])
    return hang_in_c(path, report, threads)


def own_rank() -> int:
    """Among the ranks of a job: on one machine, or on a cluster, where each is a node of its own."""
    return int(os.environ["NODE_RANK"]) + int(os.environ["LOCAL_RANK"])


def by_rank(jobs: list[tuple[str, Any]], report: Report, threads: int) -> object:
    """Each rank does its own job of the list."""
    return run(jobs[own_rank()], report, threads)


def hang_together(path: Path, report: Report, threads: int) -> object:
    """Rank 0 is in C code, rank 1 in Python; each writes down its process and the server's."""
    rank = os.environ["LOCAL_RANK"]
    return {"0": hang_in_c, "1": hang}[rank](path.with_name(f"{path.name}{rank}"), report, threads)


def connected(jobs: list[tuple[str, Any]], report: Report, threads: int) -> object:
    """Two ranks with a connection, as in training: who has nothing to do waits for the other, and misses it."""
    address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    rank = int(os.environ["LOCAL_RANK"])
    if rank == 0:
        with socket.create_server(address) as listener:
            other, _ = listener.accept()
    else:
        other = _connect(address)
    name, value = jobs[rank]
    if name != "wait":
        return TARGETS[name](value, report, threads)
    if not other.recv(1):
        raise ConnectionError("closed by peer")
    return None


def _connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.socket()
    while connection.connect_ex(address) != 0:  # rank 0 does not listen yet
        connection.close()
        connection = socket.socket()
        time.sleep(0.01)
    return connection


def reduce(dying: int | None, report: Report, threads: int) -> object:
    """Sums 1 and 2 over two ranks with gloo and reports it; the rank `dying` kills itself before a second sum."""
    import torch
    from torch import distributed

    rank = own_rank()
    torch.set_num_threads(threads)
    distributed.init_process_group("gloo", rank=rank, world_size=int(os.environ["WORLD_SIZE"]))
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


def train(devices: int, report: Report, threads: int) -> object:
    """A candidate, on so many devices."""
    from training_parts import DOCUMENT, small_data

    from nas.training.candidate import train_candidate
    from nas.training.job import Job

    return train_candidate(Job(DOCUMENT, small_data, "cpu", devices=devices), threads, report)


def list_descriptors(value: Any, report: Report, threads: int) -> object:
    return len(os.listdir("/dev/fd"))


TARGETS: dict[str, Target] = {
    function.__name__: function
    for function in (
        return_it, look_around, count, print_it, fail, leave, leave_at_once, kill_itself, segfault, sleep,
        crash_while_ending, linger, return_a_lambda, return_unreadable, hang, hang_in_c, hang_deaf,
        hang_with_company, by_rank, hang_together, connected, reduce, steps, train, list_descriptors,
    )
}  # fmt: skip
