"""A pool of slots: every job runs in a process of its own, and nothing it does there reaches the driver."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from nas.errors import InputError
from nas.pool.events import Died, Done, Event, Failed, Report
from nas.pool.fork_server import ForkServer, PoolError, how_it_ended, thread_limits
from nas.pool.messages import Broken, Ended, Forked, News, Ready, Task

EXIT_SECONDS = 10.0  # a process that has sent its result gets this long to end


@dataclass
class _Job:
    key: int
    pipe: Connection[Any, Any]
    pid: int | None = None  # None: not forked yet
    started: float = 0.0  # of the process, not of the request: the server may still be importing
    heard: float = 0.0
    asked: bool = False  # a report waits for its answer
    outcome: Done | Failed | None = None
    killed: str = ""  # why this pool ended it


class Pool:
    """Runs `function(argument, report, threads)` for one argument per job, `slots` jobs at a time.

    `function` is a dotted name ("nas.training.candidate:train_candidate"), looked up once in the fork server,
    which imports its module and `preload`. `report(step, metrics)` sends metrics, waits for the driver's
    answer and returns True if the job should stop. Arguments and results are best plain data: what they are
    made of is imported where they are read. The constructor returns while the server's imports still run.

    `time_limit` and `silence_limit` (no report for so long) are in seconds of one job's process; they are
    enforced in `wait`. One thread uses a pool. Close it, or use it in a `with` statement.
    """

    def __init__(
        self,
        function: str,
        *,
        slots: int,
        threads: int,
        preload: Sequence[str] = (),
        time_limit: float | None = None,
        silence_limit: float | None = None,
    ) -> None:
        for name, value in (("slots", slots), ("threads", threads)):
            if value < 1:
                raise InputError(f"pool.{name}: must be at least 1, not {value}")
        self.slots = slots
        self.threads = threads
        self._function = function
        self._preload = tuple(preload)
        self._time_limit = time_limit
        self._silence_limit = silence_limit
        self._jobs: dict[int, _Job] = {}
        self._server = self._new_server()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def free(self) -> int:
        """How many more jobs can be started now."""
        return self.slots - len(self._jobs)

    @property
    def running(self) -> tuple[int, ...]:
        """Keys of the jobs that hold a slot, oldest first."""
        return tuple(self._jobs)

    def start(self, key: int, argument: object, log: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start a job; its output is appended to the file `log`.

        The child sees the driver's environment and directory of this moment, with `environment` on top, set
        before the argument is read. Raises RuntimeError if no slot is free, ValueError if the key is running.
        """
        if self._server.news.closed:
            raise RuntimeError("the pool is closed")
        if self.free < 1:
            raise RuntimeError(f"all {self.slots} slots are taken")
        if key in self._jobs:
            raise ValueError(f"a job with key {key} is running")
        task = Task(
            key=key,
            argument=pickle.dumps(argument),
            threads=self.threads,
            environment={**os.environ, **thread_limits(self.threads), **(environment or {})},
            directory=os.getcwd(),
            silence_limit=self._silence_limit,
        )
        log.parent.mkdir(parents=True, exist_ok=True)
        pipe, childs_pipe = Pipe()
        with log.open("ab") as output, childs_pipe:
            self._server.fork(key, childs_pipe.fileno(), output.fileno())
        self._jobs[key] = _Job(key, pipe)
        with contextlib.suppress(OSError):  # it has died already: `wait` says how
            pipe.send_bytes(pickle.dumps(task))

    def answer(self, key: int, stop: bool) -> None:
        """Let a job that reported go on, or ask it to stop. Raises KeyError if it is not running."""
        job = self._jobs[key]
        if not job.asked:
            raise ValueError(f"job {key} has not asked")
        job.asked = False
        job.heard = time.monotonic()
        with contextlib.suppress(OSError):  # it has died meanwhile: `wait` says how
            job.pipe.send(stop)

    def stop(self, key: int) -> None:
        """Kill a job. `wait` tells when it is gone: `Died`, or its result if that came first.

        Raises KeyError if it is not running.
        """
        self._kill(self._jobs[key], "stopped by the driver")

    def wait(self, timeout: float | None = None) -> list[Event]:
        """Wait for events, at most one for each job; empty after `timeout` seconds, or when nothing runs.

        Raises `PoolError` if the children's imports fail.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._jobs:
            if events := self._listen(deadline):
                return events
            if deadline is not None and time.monotonic() >= deadline:
                break
        return []

    def close(self, grace: float = 2.0) -> None:
        """End all processes: SIGTERM to the jobs, SIGKILL after `grace` seconds. Their events are dropped."""
        if self._server.news.closed:
            return
        deadline = time.monotonic() + grace
        try:
            for key in self._jobs:
                self._server.signal(key, signal.SIGTERM)
            while self._jobs and self._server.ready and time.monotonic() < deadline:
                self._listen(deadline)
        finally:
            self._server.end()
            self._forget_jobs()

    def _new_server(self) -> ForkServer:
        return ForkServer(self._function, preload=self._preload, threads=self.threads)

    def _listen(self, deadline: float | None) -> list[Event]:
        """Wait once for pipes, news and limits, and take in what there is."""
        news = self._server.news
        pipes = {job.pipe: job for job in self._jobs.values() if not job.pipe.closed}
        ready = wait([news, *pipes], self._patience(deadline))
        events: dict[int, Event] = {}
        for pipe, job in pipes.items():
            if pipe in ready and (report := self._hear(job)):
                events[job.key] = report
        if news in ready:
            # Replaces the report of a job that has ended meanwhile: there is nobody left to answer.
            events |= {event.key: event for event in self._read_news()}
        for job in self._jobs.values():
            moment, why = self._limit(job)
            if time.monotonic() >= moment:
                self._kill(job, why)
        return list(events.values())

    def _hear(self, job: _Job) -> Report | None:
        """Take one message from a job's pipe; its outcome is kept until the process has ended."""
        try:
            message = job.pipe.recv_bytes()
        except (EOFError, OSError):
            job.pipe.close()
            return None
        job.heard = time.monotonic()
        try:
            event = pickle.loads(message)
        except Exception as error:
            event = Failed(job.key, f"its result cannot be read: {error!r}", traceback.format_exc())
        match event:
            case Report():
                job.asked = True
                return None if job.killed else event
            case _:
                job.outcome = event
                return None

    def _read_news(self) -> list[Event]:
        try:
            news: News = self._server.news.recv()
        except (EOFError, OSError):
            return self._replace_server()
        match news:
            case Ready():
                self._server.ready = True
            case Broken(text):
                self.close(grace=0)
                raise PoolError(f"what the children need cannot be imported:\n{text}")
            case Forked(key, pid):
                job = self._jobs[key]
                job.pid = pid
                job.started = job.heard = time.monotonic()
            case Ended(key, exit_code, problem):
                return [self._finish(self._jobs[key], exit_code, problem or how_it_ended(exit_code))]
        return []

    def _replace_server(self) -> list[Event]:
        """After the fork server's death, which its children follow, go on with a new one."""
        was_ready = self._server.ready
        account = self._server.end()
        if not was_ready:
            self._forget_jobs()
            raise PoolError(f"the fork server {account}")
        self._server = self._new_server()
        for job in self._jobs.values():
            if job.pid is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(job.pid, signal.SIGKILL)
        how = f"its fork server {account.splitlines()[0]}"
        return [self._finish(job, -signal.SIGKILL, how) for job in list(self._jobs.values())]

    def _finish(self, job: _Job, exit_code: int, how: str) -> Event:
        while not job.pipe.closed and job.pipe.poll():
            self._hear(job)
        job.pipe.close()
        del self._jobs[job.key]
        return job.outcome or Died(job.key, exit_code, job.killed or how)

    def _forget_jobs(self) -> None:
        for job in self._jobs.values():
            job.pipe.close()
        self._jobs.clear()

    def _kill(self, job: _Job, why: str) -> None:
        job.killed = job.killed or why
        self._server.signal(job.key, signal.SIGKILL)

    def _patience(self, deadline: float | None) -> float | None:
        """Seconds until something must be done even if nothing is heard; None: no limit."""
        moment = min((self._limit(job)[0] for job in self._jobs.values()), default=math.inf)
        if deadline is not None:
            moment = min(moment, deadline)
        return None if moment == math.inf else max(0.0, moment - time.monotonic())

    def _limit(self, job: _Job) -> tuple[float, str]:
        """When this job is to be killed unless it moves, and why."""
        limits = [(math.inf, "")]
        if job.pid is None or job.killed:
            return limits[0]
        if job.outcome is not None:
            return job.heard + EXIT_SECONDS, "did not end after its result"
        if self._time_limit is not None:
            limits.append((job.started + self._time_limit, f"over its time limit of {self._time_limit:g} s"))
        if self._silence_limit is not None and not job.asked:
            limits.append((job.heard + self._silence_limit, f"no progress for {self._silence_limit:g} s"))
        return min(limits)
