"""What a driver asks of a pool, whatever it trains on: this machine, a cluster, or a simulation."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, TypeVar

from nas.pool.events import ONE_DEVICE, Event, Need

P = TypeVar("P", bound="AnyPool")


class AnyPool(ABC):
    """Runs jobs side by side, and tells what becomes of them.

    One thread uses a pool. Close it, or use it in a `with` statement.
    """

    slots: int  # jobs of the usual need at once
    threads: int  # of each process
    _jobs: dict[int, Any]  # by key, oldest first; each has `asked`: whether a report waits for its answer

    def __enter__(self: P) -> P:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def running(self) -> tuple[int, ...]:
        """Keys of the jobs that have been started and have not ended, oldest first."""
        return tuple(self._jobs)

    def clock(self) -> float:
        """The seconds by which the pool and what is done with it are timed."""
        return time.monotonic()

    @abstractmethod
    def room(self, need: Need) -> bool:
        """Whether such a job could start now. Raises `InputError` if it never could."""

    def start(self, key: int, argument: object, log: Path, need: Need = ONE_DEVICE) -> None:
        """Start a job; its output is appended to the file `log`, that of rank 1 to "....rank1.log" beside it.

        Raises RuntimeError if there is no room, ValueError if the key is running.
        """
        if key in self._jobs:
            raise ValueError(f"a job with key {key} is running")
        if not self.room(need):
            raise RuntimeError(f"no room for job {key}: {len(self._jobs)} jobs are running")
        self._start(key, argument, log, need)

    def answer(self, key: int, answer: int) -> None:
        """Send a job that reported what its `report` returns.

        Raises KeyError if it is not running, ValueError if it has not asked.
        """
        job = self._jobs[key]
        if not job.asked:
            raise ValueError(f"job {key} has not asked")
        job.asked = False
        self._answer(job, answer)

    @abstractmethod
    def stop(self, key: int) -> None:
        """Kill a job, all its ranks; `wait` tells when it is gone: `Died`, or its result if that came first.

        Raises KeyError if it is not running.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> list[Event]:
        """Wait for events, at most one for each job; empty after `timeout` seconds, or when nothing runs.

        Raises what keeps all jobs from running, such as `PoolError` if the children's imports fail.
        """

    @abstractmethod
    def close(self, grace: float = 2.0) -> None:
        """End all processes: SIGTERM to the jobs, SIGKILL after `grace` seconds. Their events are dropped."""

    @abstractmethod
    def _start(self, key: int, argument: object, log: Path, need: Need) -> None: ...

    @abstractmethod
    def _answer(self, job: Any, answer: int) -> None: ...
