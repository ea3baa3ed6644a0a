"""A pool on a Ray cluster: its slots are actors that stay, each with a device and a fork server on some node."""

from __future__ import annotations

import math
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from nas.errors import InputError
from nas.pool.base import AnyPool
from nas.pool.devices import CUDA, Device
from nas.pool.events import ONE_DEVICE, Died, Done, Event, Failed, Need, Report
from nas.pool.fork_server import END_SECONDS, PoolError
from nas.pool.messages import Outcome
from nas.pool.ranks import log_of
from nas.pool.ray_cluster import capacity, cores_of_a_slot, join, kind_of_devices
from nas.pool.ray_job import Actor, RayJob, RayRank, find_slots
from nas.pool.ray_slot import Place, Settings, Slot
from nas.pool.slots import ROUNDING

LOOK_SECONDS = 3.0  # between two looks at what the cluster has


@dataclass(frozen=True, eq=False)
class _Call:
    """A call whose outcome is awaited, and what is done with it."""

    actor: Actor
    then: Callable[[Any], None]


class RayPool(AnyPool):
    """What `nas.pool.Pool` is, over the devices of a Ray cluster.

    `address` is that of a running cluster ("auto": the one that this machine belongs to); None starts one on this
    machine, which ends with the pool. Without `slots`, the pool takes all devices that the cluster has, those that join
    it later too. With them, it asks for the devices of so many jobs of the usual `need`, even if the cluster has yet to
    find nodes for them.

    All nodes must see the driver's files under the same paths. With a node, the jobs on it die. Ranks of a job go to
    one node if one has room for them.
    """

    def __init__(
        self,
        function: str,
        *,
        accelerator: str = "auto",
        address: str | None = None,
        need: Need = ONE_DEVICE,
        slots: int | None = None,
        threads: int | None = None,
        preload: Sequence[str] = (),
        time_limit: float | None = None,
        silence_limit: float | None = None,
    ) -> None:
        self._jobs: dict[int, RayJob] = {}
        self._actors: list[Actor] = []
        self._calls: dict[Any, _Call] = {}
        self._happened: dict[int, Event] = {}  # and is not told yet
        self._closed = False
        self._need = need
        self._most = slots or math.inf
        devices = math.ceil((slots or 1) * need.devices * need.share)
        join(address, least_cores=devices * (threads or 1), gpus=accelerator not in ("cpu", "mps"))
        try:
            self._kind = kind_of_devices(accelerator)
            self._wanted = devices if slots else None
            self.threads = threads or cores_of_a_slot(self._kind, self._wanted)
            self._looked = self.clock()
            self._most_devices = self._wanted or self._capacity()
            self.slots = slots or self._jobs_on(self._most_devices)
            if not self.slots:
                raise InputError(
                    f"pool: the cluster has devices for no candidate: {capacity('GPU', 1)} GPUs, {capacity('CPU', 1)} "
                    f"cores; one takes {need.devices}. If it grows on demand, pool.slots=... says how far"
                )
        except InputError:
            ray.shutdown()
            raise
        path = tuple(entry or os.getcwd() for entry in sys.path)
        self._settings = Settings(
            function, self._kind, tuple(preload), self.threads, time_limit, silence_limit, os.getcwd(), path
        )
        self._grow()

    @property
    def devices(self) -> tuple[Device, ...]:
        """One for each slot, there or asked for."""
        return (Device(self._kind, ""),) * max(1, len(self._actors))

    def room(self, need: Need) -> bool:
        """The first job may always be started: it waits for slots that are made, or for lost nodes to come back."""
        if need.devices > self._most_devices:
            raise InputError(
                f"pool.devices_per_candidate: a candidate is to train on {need.devices} devices together; the cluster "
                f"has {self._most_devices}. If it grows on demand, pool.slots=... says how far"
            )
        self._listen([ref for ref, call in self._calls.items() if not call.actor.node], 0.0)
        if not self._jobs:
            return True
        return not self._waiting() and len(self._jobs) < self._most and find_slots(self._actors, need) is not None

    def _start(self, key: int, argument: object, log: Path, need: Need) -> None:
        """It sees the driver's directory and its own node's environment."""
        if self._closed:
            raise RuntimeError("the pool is closed")
        ranks = [RayRank(rank) for rank in range(need.devices)]
        self._jobs[key] = RayJob(key, ranks, argument=pickle.dumps(argument), log=log, need=need)
        self._place()

    def _answer(self, job: RayJob, answer: int) -> None:
        first = job.ranks[0]
        if not (first.killed or first.ended):
            self._hear(job, first, first.slot.answer.remote(job.key, answer))

    def stop(self, key: int) -> None:
        job = self._jobs[key]
        job.end("stopped by the driver", self.clock())
        self._see_to(job)

    def wait(self, timeout: float | None = None) -> list[Event]:
        """Raises what keeps a slot from working: `PoolError` if the children's imports fail, `InputError` if a node
        does not see the driver's folder."""
        deadline = math.inf if timeout is None else self.clock() + timeout
        while self._jobs:
            self._grow()
            self._place()
            moment = min(deadline, self._looked + LOOK_SECONDS, *(job.due for job in self._jobs.values()))
            self._listen(list(self._calls), 0.0 if self._happened else max(0.0, moment - self.clock()))
            for job in list(self._jobs.values()):
                self._see_to(job)
            if self._happened or self.clock() >= deadline:
                break
        happened, self._happened = self._happened, {}
        for key, event in happened.items():
            if not isinstance(event, Report):
                del self._jobs[key]
        return list(happened.values())

    def close(self, grace: float = 2.0) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if ending := [actor.handle.close.remote(grace) for actor in self._actors if actor.node]:
                ray.wait(ending, num_returns=len(ending), timeout=grace + END_SECONDS)
            for actor in self._actors:
                ray.kill(actor.handle)
        finally:
            ray.shutdown()
            for forgotten in (self._jobs, self._actors, self._calls, self._happened):
                forgotten.clear()

    def _capacity(self) -> int:
        """The slots that fit on the cluster."""
        return capacity("GPU", 1) if self._kind == CUDA else capacity("CPU", self.threads)

    def _jobs_on(self, devices: int) -> int:
        """How many jobs of the usual need so many devices hold."""
        return devices // self._need.devices * math.floor(1 / self._need.share + ROUNDING)

    def _grow(self) -> None:
        """Ask Ray for slots that are missing: at first all, later those that were lost, and on nodes that have come."""
        if self._actors and self.clock() < self._looked + LOOK_SECONDS:
            return
        self._looked = self.clock()
        wanted = self._wanted or self._capacity()
        resources = {"num_gpus": 1, "num_cpus": 0} if self._kind == CUDA else {"num_cpus": self.threads}
        while len(self._actors) < wanted:
            actor = Actor(ray.remote(Slot).options(**resources, max_restarts=0, max_task_retries=0).remote())
            self._actors.append(actor)
            self._calls[actor.handle.enter.remote(self._settings)] = _Call(actor, partial(setattr, actor, "node"))
            self._calls[actor.handle.live.remote()] = _Call(actor, lambda _: None)
        if self._wanted is None:
            self._most_devices = max(self._most_devices, wanted)
            self.slots = max(self.slots, self._jobs_on(wanted))

    def _waiting(self) -> list[RayJob]:
        """The jobs that have no slots yet."""
        return [job for key, job in self._jobs.items() if job.ranks[0].actor is None and key not in self._happened]

    def _place(self) -> None:
        """Give slots to what waits, first come first served."""
        for job in self._waiting():
            found = find_slots(self._actors, job.need)
            if found is None:
                return
            job.place(found)
            self._start_rank(job, job.ranks[0], Place(0, job.need.devices) if job.need.devices > 1 else None)

    def _start_rank(self, job: RayJob, rank: RayRank, place: Place | None) -> None:
        log = log_of(rank.rank, job.log)
        call = rank.slot.start.remote(job.key, job.argument, log, job.need.share, place)
        self._await(rank, call, partial(self._has_started, job, rank))

    def _has_started(self, job: RayJob, rank: RayRank, place: Place | None) -> None:
        rank.started = True
        self._hear(job, rank, rank.slot.follow.remote(job.key))
        if rank.killed:
            rank.slot.stop.remote(job.key)
        if rank.rank == 0 and place is not None:  # it has said where the others are to meet it
            for other in (other for other in job.ranks[1:] if not other.ended):
                self._start_rank(job, other, replace(place, rank=other.rank))

    def _hear(self, job: RayJob, rank: RayRank, call: Any) -> None:
        """Wait for the next event of a rank, which the call returns."""
        self._await(rank, call, partial(self._has_said, job, rank))

    def _await(self, rank: RayRank, call: Any, then: Callable[[Any], None]) -> None:
        assert rank.actor is not None
        self._calls[call] = _Call(rank.actor, then)

    def _has_said(self, job: RayJob, rank: RayRank, event: Event) -> None:
        now = self.clock()
        match event:
            case Report():
                if job.ending or rank.killed:  # nobody is to answer it
                    self._hear(job, rank, rank.slot.follow.remote(job.key))
                else:
                    job.asked = True
                    self._happened[job.key] = event
                return
            case Done() | Failed():
                job.said(rank, Outcome(event, now), now)
                rank.ended = True
            case Died():
                job.lost(rank, event, now)
        if job.over:
            self._finish(job)

    def _see_to(self, job: RayJob) -> None:
        """Kill what is to be killed."""
        if job.ending and job in self._waiting():
            self._finish(job)
        for rank in job.doomed(self.clock()):
            rank.killed = True
            if rank.started:  # else it is stopped once it has started
                rank.slot.stop.remote(job.key)
            if rank.rank == 0 and job.asked:  # otherwise there is a call already that returns how it ends
                self._hear(job, rank, rank.slot.follow.remote(job.key))

    def _finish(self, job: RayJob) -> None:
        job.release()
        self._happened[job.key] = job.verdict()

    def _listen(self, calls: Iterable[Any], timeout: float) -> None:
        """Wait for one of the calls, and take in what came of all that are through."""
        waiting = list(calls)
        if not waiting:
            time.sleep(timeout)
            return
        through, _ = ray.wait(waiting, timeout=timeout)
        if through:
            through, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        for ref in through:
            call = self._calls.pop(ref, None)
            if call is None:  # of a slot that has been lost
                continue
            try:
                outcome = ray.get(ref)
            except RayTaskError as error:  # raised by the slot's own code
                raise error.cause from error
            except RayError as error:
                self._lose(call.actor, error)
            else:
                call.then(outcome)

    def _lose(self, actor: Actor, error: RayError) -> None:
        """Go on without a slot. Its jobs have died; one that had not started yet has lost nothing and waits again."""
        if isinstance(error, RayActorError) and error.actor_init_failed:
            raise PoolError(f"a slot cannot be made on some node: {error}")
        ray.kill(actor.handle)  # it may live on, out of reach for a while
        self._actors.remove(actor)
        self._calls = {ref: call for ref, call in self._calls.items() if call.actor is not actor}
        for key in list(actor.shares):
            job = self._jobs[key]
            rank = next(rank for rank in job.ranks if rank.actor is actor)
            if rank.rank == 0 and not rank.started:
                job.release()  # it waits again
            elif not rank.ended:
                how = f"its slot on the node {actor.node[:12]} is lost ({type(error).__name__})"
                self._has_said(job, rank, Died(key, -9, how))
