"""A pool that trains nothing: candidates take virtual time, so a search on thousands of devices ends in seconds."""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from nas.errors import InputError
from nas.pool.base import AnyPool
from nas.pool.events import ONE_DEVICE, Died, Done, Event, Failed, Need, Report
from nas.pool.slots import ROUNDING
from nas.training.recipe import METRIC
from nas.training.result import Answer, Metrics, Result

TENFOLD = 2 * 1.6449  # standard deviations between the 5 % and the 95 % quantile of a normal distribution
CHANCE = 0.1  # accuracy before the first epoch


@dataclass(frozen=True)
class End:
    """What ends a process after so many seconds of training, before its course is over."""

    after: float
    reason: str
    kind: str = ""  # the dotted class of the exception that it raises; empty: it dies


@dataclass(frozen=True)
class Course:
    """What a candidate does: the seconds and the metrics of each epoch.

    Its first process ends as the first of `ends` says, and so on; one started after the last of them gets through.
    Each goes on from the last epoch that was answered.
    """

    seconds: tuple[float, ...]
    metrics: tuple[Metrics, ...]
    ends: tuple[End, ...] = ()

    def __post_init__(self) -> None:
        if not self.seconds or len(self.seconds) != len(self.metrics):
            raise ValueError(f"{len(self.seconds)} durations and {len(self.metrics)} metrics are no course of epochs")


Simulate = Callable[[Any, int], Course]
"""From a job's argument and key to its course: a table looks up the former, a distribution draws by the latter."""


@dataclass(frozen=True)
class Drawn:
    """Courses drawn at random; key n's follows from `seed` and n alone, whatever ran before it.

    The time of an epoch is log-normal among candidates: `median` seconds, and its 95 % quantile is `spread` times its
    5 % quantile. Accuracy rises to a level of the candidate's own, with `noise` as standard deviation in each epoch.
    """

    seed: int
    epochs: int = 10
    median: float = 10.0
    spread: float = 10.0
    noise: float = 0.01

    def __call__(self, argument: object, key: int) -> Course:
        random = Random(f"{self.seed} {key}")
        seconds = self.median * math.exp(random.gauss(0.0, math.log(self.spread) / TENFOLD))
        level, pace = random.betavariate(8.0, 3.0), random.uniform(2.0, 6.0)
        curve = (
            level - (level - CHANCE) * math.exp(-pace * (epoch + 1) / self.epochs) + random.gauss(0.0, self.noise)
            for epoch in range(self.epochs)
        )
        return Course((seconds,) * self.epochs, tuple({METRIC: min(1.0, max(0.0, value))} for value in curve))


@dataclass(frozen=True)
class Use:
    """How busy the devices were in the first `seconds`; `busy` in device-seconds of training."""

    devices: int
    seconds: float
    busy: float

    @property
    def share(self) -> float:
        """From 0 to 1; a device that waits for the driver's answer is idle."""
        return self.busy / (self.devices * self.seconds) if self.seconds else 0.0


@dataclass
class _Job:
    key: int
    course: Course
    need: Need
    devices: tuple[int, ...]
    epoch: int  # epochs done
    end: End | None
    left: float  # seconds until `end`
    asked: bool = False
    scheduled: int = 0  # the number of what happens to it next; 0: nothing, it does not train


class SimulatedPool(AnyPool):
    """A pool over `devices` that do not exist, on a clock that jumps to what happens next.

    The same courses and the same driver give the same events in the same order. With `driver_cost`, the CPU time that
    this process spends between two calls passes on the virtual clock too, so that a driver too slow for its slots
    leaves them idle; it is then no longer repeatable.

    `need` is that of most jobs and only serves to say how many `slots` there are.
    """

    def __init__(
        self,
        simulate: Simulate,
        *,
        devices: int,
        need: Need = ONE_DEVICE,
        threads: int = 1,
        driver_cost: bool = False,
    ) -> None:
        if devices < 1:
            raise InputError(f"devices: must be at least 1, not {devices}")
        self.threads = threads
        self.devices = devices
        self.slots = devices // need.devices * math.floor(1 / need.share + ROUNDING)
        self.last_start = Use(devices, 0.0, 0.0)  # the devices' use until the last job was started
        self.driver_seconds = 0.0  # CPU time of this process between two calls
        self._simulate = simulate
        self._driver_cost = driver_cost
        self._now = 0.0
        self._left = time.process_time()  # when the last call returned
        self._jobs: dict[int, _Job] = {}
        self._scheduled: list[tuple[float, int, _Job]] = []  # a heap; the int orders what happens at the same moment
        self._happened: dict[int, Event] = {}  # and not yet told
        self._number = 0
        self._room = _Room(devices)
        self._busy, self._training = 0.0, 0.0  # device-seconds until now, and devices that train now
        self._starts: Counter[int] = Counter()
        self._epochs: Counter[int] = Counter()  # of each key, as in a checkpoint

    def clock(self) -> float:
        """Virtual seconds since the pool was made."""
        return self._now

    @property
    def use(self) -> Use:
        """The devices' use until now."""
        return Use(self.devices, self._now, self._busy)

    def room(self, need: Need) -> bool:
        if need.devices > self.devices:
            raise InputError(f"devices: a candidate needs {need.devices}, and there are {self.devices}")
        return self._room.fits(need)

    def _start(self, key: int, argument: object, log: Path, need: Need) -> None:
        with self._called():
            devices = self._room.take(need)
            course = self._simulate(argument, key)
            end = course.ends[self._starts[key]] if self._starts[key] < len(course.ends) else None
            self._starts[key] += 1
            job = _Job(key, course, need, devices, self._epochs[key], end, end.after if end else math.inf)
            self._jobs[key] = job
            self._train(job)
            self.last_start = self.use

    def _answer(self, job: _Job, answer: int) -> None:
        key = job.key
        with self._called():
            if answer != Answer.PRUNE:
                self._epochs[key] = job.epoch
            if answer == Answer.GO_ON and job.epoch < len(job.course.seconds):
                self._train(job)
            else:
                if job.epoch == len(job.course.seconds):
                    del self._epochs[key]  # another job of the key, after a brief training, begins anew
                self._happened[key] = Done(key, self._result(job, Answer(answer)))

    def stop(self, key: int) -> None:
        with self._called():
            job = self._jobs[key]
            if not isinstance(self._happened.get(key), Done | Failed | Died):
                self._rest(job)
                job.asked = False
                self._happened[key] = Died(key, -9, "stopped by the driver")

    def wait(self, timeout: float | None = None) -> list[Event]:
        """Jump to the next event; empty after `timeout` virtual seconds, or when nothing runs.

        Raises RuntimeError if nothing could ever happen: every job waits for an answer.
        """
        with self._called():
            if self._jobs and not self._happened:
                self._pass_time(timeout)
            events = list(self._happened.values())
            self._happened.clear()
            for event in events:
                if not isinstance(event, Report):
                    job = self._jobs.pop(event.key)
                    self._room.give_back(job.need, job.devices)
            return events

    def close(self, grace: float = 2.0) -> None:
        for job in self._jobs.values():
            self._rest(job)
            self._room.give_back(job.need, job.devices)
        self._jobs.clear()
        self._happened.clear()

    @contextmanager
    def _called(self) -> Iterator[None]:
        seconds = time.process_time() - self._left
        self.driver_seconds += seconds
        if self._driver_cost:
            self._advance(self._now + seconds)
        yield
        self._left = time.process_time()

    def _pass_time(self, timeout: float | None) -> None:
        while self._scheduled and not _is_due(self._scheduled[0]):
            heapq.heappop(self._scheduled)
        moment = self._scheduled[0][0] if self._scheduled else math.inf
        moment = min(moment, math.inf if timeout is None else self._now + timeout)
        if moment == math.inf:
            raise RuntimeError("every job waits for an answer")
        self._advance(moment)

    def _advance(self, moment: float) -> None:
        """Let everything happen that is due until then, each at its own time."""
        while self._scheduled and self._scheduled[0][0] <= moment:
            entry = heapq.heappop(self._scheduled)
            if _is_due(entry):
                then, _, job = entry
                self._tick(then)
                self._happened[job.key] = self._event(job)
        self._tick(moment)

    def _tick(self, moment: float) -> None:
        self._busy += self._training * (moment - self._now)
        self._now = moment

    def _train(self, job: _Job) -> None:
        """Schedule the end of the next epoch, or the end of the process if that comes first."""
        seconds = min(job.course.seconds[job.epoch], job.left)
        self._number += 1
        job.scheduled = self._number
        heapq.heappush(self._scheduled, (self._now + seconds, self._number, job))
        self._training += _weight(job.need)

    def _rest(self, job: _Job) -> None:
        """From now on the job does not train, and nothing is scheduled for it."""
        if job.scheduled:
            job.scheduled = 0
            self._training -= _weight(job.need)

    def _event(self, job: _Job) -> Event:
        self._rest(job)
        seconds = job.course.seconds[job.epoch]
        if job.end is not None and job.left <= seconds:
            return _ended(job.key, job.end)
        job.left -= seconds
        job.epoch += 1
        job.asked = True
        return Report(job.key, job.epoch - 1, dict(job.course.metrics[job.epoch - 1]))

    def _result(self, job: _Job, answer: Answer) -> Result:
        course, done = job.course, job.epoch
        return Result(
            history=tuple(dict(metrics) for metrics in course.metrics[:done]),
            seconds=sum(course.seconds[:done]),
            pruned=answer == Answer.PRUNE,
            halted=answer == Answer.HALT,
            device="simulated",
            threads=self.threads,
        )


class _Room:
    """What is free of devices that are all alike. A job goes to the least loaded, as in the real pool.

    The same as `nas.pool.slots`, with a heap, for thousands of devices.
    """

    def __init__(self, devices: int) -> None:
        self._loads = [0.0] * devices
        self._least = [(0.0, device) for device in range(devices)]  # a heap; entries of other loads are outdated
        self._idle = devices

    def fits(self, need: Need) -> bool:
        if need.share == 1.0:
            return self._idle >= need.devices
        return self._top()[0] + need.share <= 1.0 + ROUNDING

    def take(self, need: Need) -> tuple[int, ...]:
        """The devices for it; there is room."""
        return tuple(self._add(self._top()[1], need.share) for _ in range(need.devices))

    def give_back(self, need: Need, devices: tuple[int, ...]) -> None:
        for device in devices:
            self._add(device, -need.share)

    def _add(self, device: int, share: float) -> int:
        before = self._loads[device]
        after = before + share if before + share > ROUNDING else 0.0
        self._idle += (after == 0.0) - (before == 0.0)
        self._loads[device] = after
        heapq.heappush(self._least, (after, device))
        return device

    def _top(self) -> tuple[float, int]:
        while self._loads[self._least[0][1]] != self._least[0][0]:
            heapq.heappop(self._least)
        return self._least[0]


def _is_due(entry: tuple[float, int, _Job]) -> bool:
    """Whether it still holds what was scheduled; a job may have been stopped."""
    return entry[2].scheduled == entry[1]


def _ended(key: int, end: End) -> Event:
    if end.kind:
        return Failed(key, f"{end.kind.rpartition('.')[2]}: {end.reason}", f"{end.kind}: {end.reason}\n", end.kind)
    return Died(key, -9, end.reason)


def _weight(need: Need) -> float:
    return need.devices * need.share
