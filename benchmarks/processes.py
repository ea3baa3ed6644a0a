"""Runs a command and tells what it took, with all the processes that came of it. Linux only."""

import ctypes
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = HERE.parent / "train.py"
PR_SET_CHILD_SUBREAPER = 36  # orphans become children of this process, so that their CPU time is counted
LEAVE_SECONDS = 30.0


@dataclass(frozen=True)
class Spent:
    """Seconds of a command and of all processes that came of it."""

    wall: float
    cpu: float


def adopt_orphans() -> None:
    """To be called once, before the first command."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """W&B offline, and the modules of this folder can be imported."""
    path = os.pathsep.join([str(HERE.parent), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "WANDB_MODE": "offline", "PYTHONPATH": path, **(more or {})}


def spent(command: Sequence[str], folder: Path, more: Mapping[str, str] | None = None) -> Spent:
    """Runs a command in `folder` to the end of its last process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment(more), cwd=folder, capture_output=True, text=True, check=False)
    wall = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    wait_for_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def wait_for_orphans() -> None:
    deadline = time.monotonic() + LEAVE_SECONDS
    with suppress(ChildProcessError):  # there are no more
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        raise SystemExit(f"processes of the search are there {LEAVE_SECONDS:g} s after its end")


def descendants() -> list[Path]:
    """The folders in /proc of all processes that came of this one."""
    parents: dict[str, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            parent = stat.read_text().rpartition(")")[2].split()[1]
            parents.setdefault(parent, []).append(stat.parent.name)
    found: list[Path] = []
    left = [Path("/proc/self").resolve().name]
    while left:
        children = parents.get(left.pop(), [])
        found += [Path("/proc", child) for child in children]
        left += children
    return found


def spread(values: Sequence[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {deviation:.3f} (n = {len(values)}, mean ± standard deviation)"
