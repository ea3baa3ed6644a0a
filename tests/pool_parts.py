"""What the pool's tests share: devices, how to drive a pool to the end, and a look at processes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.pool import Device, Event, Need, Pool, Report

TARGET = "pool_targets:run"
PATIENCE = 120.0  # seconds after which a test gives up; nothing here takes so long
CORES = tuple(Device("cpu", str(number)) for number in range(4))
ONE = Need()


def events_of(pool: Pool) -> list[Event]:
    """Everything that comes until all jobs have ended; every report is answered 0, go on."""
    heard: list[Event] = []
    end = time.monotonic() + PATIENCE
    while pool.running:
        assert time.monotonic() < end, f"still running: {pool.running}"
        for event in pool.wait(1.0):
            heard.append(event)
            if isinstance(event, Report):
                pool.answer(event.key, 0)
    return heard


def run_one(pool: Pool, log: Path, name: str, value: Any = None, need: Need = ONE) -> Event:
    """The last event of one job."""
    pool.start(1, (name, value), log, need)
    return events_of(pool)[-1]


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent to look does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def session(server: int) -> set[int]:
    """All processes that a fork server, its children and whatever they have started still have running."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {int(pid) for pid, state in rows if not state.startswith("Z") and _session_of(int(pid)) == server}


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):  # it has ended meanwhile, or is none of ours
        return None


def guardian_of(server: int) -> int:
    """The one that is in the server's own process group; every job leads a group of its own."""
    (guardian,) = (pid for pid in session(server) - {server} if os.getpgid(pid) == server)
    return guardian


def pids_in(path: Path) -> list[int]:
    """Process ids a job wrote down: its own and the server's."""
    wait_until(path.exists)
    return [int(word) for word in path.read_text().split()]
