"""A pool of devices: every job runs in processes of its own, and nothing it does there reaches the driver."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
from collections.abc import Sequence
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import wait
from pathlib import Path

from nas.errors import InputError
from nas.pool.base import AnyPool
from nas.pool.devices import Device, cores
from nas.pool.events import ONE_DEVICE, Event, Need
from nas.pool.fork_server import ForkServer, PoolError, how_it_ended, thread_limits
from nas.pool.local_job import LocalJob, Process
from nas.pool.messages import SHOW_STACKS, Broken, Ended, Forked, News, Ready, Task
from nas.pool.ranks import free_port, log_of, rank_variables
from nas.pool.slots import Slots

STACKS_SECONDS = 0.5  # processes get this long to write down where they are when they are ended for a limit


class Pool(AnyPool):
    """Runs `function(argument, report, threads)` for one argument per job, each job on `devices` of its own.

    `function` is a dotted name ("nas.training.candidate:run"), looked up once in the fork server, which imports its
    module and `preload`. `report(step, metrics)` sends metrics, waits for the driver's answer and returns it.
    Arguments and results are best plain data: what they are made of is imported where they are read. The constructor
    returns while the server's imports still run.

    `need` is what most jobs need: `slots` jobs of it run at once. Given as an argument, `slots` is how many jobs run
    at once at most, whatever they need. `threads` is per process; None: the cores divided among the processes.
    `time_limit` and `silence_limit` (no report for so long) are in seconds of one job; they are enforced in `wait`.
    """

    def __init__(
        self,
        function: str,
        *,
        devices: Sequence[Device],
        need: Need = ONE_DEVICE,
        slots: int | None = None,
        threads: int | None = None,
        preload: Sequence[str] = (),
        time_limit: float | None = None,
        silence_limit: float | None = None,
    ) -> None:
        self.devices = tuple(devices)
        self._slots = Slots(devices)
        most = self._checked_capacity(need)
        if slots is not None and slots > most:
            raise InputError(
                f"pool.slots: {slots} candidates at once on {len(devices)} devices, which hold {most}; "
                "pool.devices_per_candidate=0.5, for example, lets two share a device"
            )
        self.slots = slots or most
        self.threads = threads or max(1, cores() // (self.slots * need.devices))
        self._most = slots or math.inf
        self._time_limit, self._silence_limit = time_limit, silence_limit
        self._function = function
        self._preload = tuple(preload)
        self._jobs: dict[int, LocalJob] = {}
        self._processes: dict[int, tuple[LocalJob, Process]] = {}  # those that have not ended, by number
        self._numbers = count()
        self._server = self._new_server()

    def room(self, need: Need) -> bool:
        self._checked_capacity(need)
        return len(self._jobs) < self._most and self._slots.room(need)

    def _start(self, key: int, argument: object, log: Path, need: Need) -> None:
        """The child sees the driver's environment and directory of this moment; of GPUs it sees its own alone."""
        if self._server.news.closed:
            raise RuntimeError("the pool is closed")
        packed = pickle.dumps(argument)
        log.parent.mkdir(parents=True, exist_ok=True)
        ranks = range(need.devices)
        with contextlib.ExitStack() as closing:
            pipes, ends = zip(*(Pipe() for _ in ranks), strict=True)
            for end in ends:
                closing.enter_context(end)
            outputs = [closing.enter_context(log_of(rank, log).open("ab")) for rank in ranks]
            taken = {job.port for job in self._jobs.values() if job.port is not None}
            port = free_port(taken) if need.devices > 1 else None
            devices = self._slots.take(key, need)
            assert devices is not None, "there was room"
            processes = [Process(rank, number=next(self._numbers), pipe=pipe) for rank, pipe in enumerate(pipes)]
            time, silence = self._time_limit, self._silence_limit
            job = LocalJob(key, processes, port=port, time_limit=time, silence_limit=silence)
            self._jobs[key] = job
            for process, end, output in zip(processes, ends, outputs, strict=True):
                self._processes[process.number] = (job, process)
                self._server.fork(process.number, end.fileno(), output.fileno())
        for process in processes:
            task = self._task(job, process, packed, devices)
            with contextlib.suppress(OSError):  # it has died already: `wait` says how
                process.pipe.send_bytes(pickle.dumps(task))

    def _task(self, job: LocalJob, process: Process, argument: bytes, devices: Sequence[Device]) -> Task:
        own = rank_variables(process.rank, devices, job.port)
        environment = {**os.environ, **thread_limits(self.threads), **own}
        return Task(job.key, process.rank, argument, self.threads, environment, os.getcwd())

    def _answer(self, job: LocalJob, answer: int) -> None:
        job.heard = self.clock()
        with contextlib.suppress(OSError):  # it has died meanwhile: `wait` says how
            job.ranks[0].pipe.send(answer)

    def stop(self, key: int) -> None:
        job = self._jobs[key]
        job.end("stopped by the driver", self.clock())
        self._see_to(job)

    def wait(self, timeout: float | None = None) -> list[Event]:
        deadline = math.inf if timeout is None else self.clock() + timeout
        while self._jobs:
            if events := self._listen(deadline):
                return events
            if self.clock() >= deadline:
                break
        return []

    def close(self, grace: float = 2.0) -> None:
        if self._server.news.closed:
            return
        deadline = self.clock() + grace
        try:
            for number in self._processes:
                self._server.signal(number, signal.SIGTERM)
            while self._jobs and self._server.ready and self.clock() < deadline:
                self._listen(deadline)
        finally:
            self._server.end()
            self._forget_jobs()

    def _checked_capacity(self, need: Need) -> int:
        """How many jobs of this need all devices hold. Raises `InputError` if it is not even one."""
        capacity = self._slots.capacity(need)
        if capacity < 1:
            joined = sum(device.joins for device in self.devices)
            raise InputError(
                f"pool.devices_per_candidate: a candidate is to train on {need.devices} devices together; there are "
                f"{len(self.devices)}, of which {joined} can be joined"
            )
        return capacity

    def _new_server(self) -> ForkServer:
        return ForkServer(self._function, preload=self._preload, threads=self.threads)

    def _listen(self, deadline: float) -> list[Event]:
        """Wait once for pipes, news and limits, and take in what there is."""
        moment = min([deadline, *(min(job.due, job.limit()[0]) for job in self._jobs.values())])
        news = self._server.news
        pipes = {process.pipe: pair for pair in self._processes.values() if not (process := pair[1]).pipe.closed}
        ready = wait([news, *pipes], None if moment == math.inf else max(0.0, moment - self.clock()))
        events: dict[int, Event] = {}
        for pipe in ready:
            if pipe in pipes:
                job, process = pipes[pipe]
                if report := job.hear(process, self.clock()):
                    events[job.key] = report
        if news in ready:
            # Replaces the report of a job that has ended meanwhile: there is nobody left to answer.
            events |= {event.key: event for event in self._read_news()}
        for job in self._jobs.values():
            self._see_to(job)
        return list(events.values())

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
            case Forked(number, pid):
                job, process = self._processes[number]
                job.forked(process, pid, self.clock())
            case Ended(number, exit_code, problem):
                job, process = self._processes.pop(number)
                job.gone(process, exit_code, problem or how_it_ended(exit_code), self.clock())
                if job.over:
                    return [self._finish(job)]
        return []

    def _see_to(self, job: LocalJob) -> None:
        """Do what is due: let a job over a limit write down where it is, kill what is to be killed."""
        moment, why = job.limit()
        if self.clock() >= moment:
            job.end(why, self.clock(), STACKS_SECONDS)
            for process in job.ranks:
                self._server.signal(process.number, SHOW_STACKS)
        for process in job.doomed(self.clock()):
            process.killed = True
            self._server.signal(process.number, signal.SIGKILL)

    def _replace_server(self) -> list[Event]:
        """After the fork server's death, which its children follow, go on with a new one."""
        was_ready = self._server.ready
        account = self._server.end()
        if not was_ready:
            self._forget_jobs()
            raise PoolError(f"the fork server {account}")
        self._server = self._new_server()
        how = f"its fork server {account.splitlines()[0]}"
        for job, process in self._processes.values():
            if process.pid is not None:  # the guardian does so too, unless somebody has killed it with the server
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            job.end(how, self.clock())
            job.gone(process, -signal.SIGKILL, how, self.clock())
        self._processes.clear()
        return [self._finish(job) for job in list(self._jobs.values())]

    def _finish(self, job: LocalJob) -> Event:
        del self._jobs[job.key]
        self._slots.give_back(job.key)
        return job.verdict()

    def _forget_jobs(self) -> None:
        for job in self._jobs.values():
            for process in job.ranks:
                process.pipe.close()
            self._slots.give_back(job.key)
        self._jobs.clear()
        self._processes.clear()
