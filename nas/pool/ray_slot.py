"""What runs on a Ray cluster's nodes: an actor that holds one device, with a pool of its own on it."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.util import get_node_ip_address

from nas.errors import InputError
from nas.pool.devices import CUDA, Device
from nas.pool.events import Event, Need
from nas.pool.local_job import LocalJob, Process
from nas.pool.messages import Task
from nas.pool.pool import Pool
from nas.pool.ranks import free_port

POLL_SECONDS = 0.01  # between two looks at what a job's process says


@dataclass(frozen=True)
class Settings:
    """Of all slots of a pool: what they run, and how (see `Pool`)."""

    function: str
    kind: str  # of device
    preload: tuple[str, ...]
    threads: int
    time_limit: float | None
    silence_limit: float | None
    directory: str  # the driver's, in which its jobs expect to run
    path: tuple[str, ...]  # the driver's sys.path


@dataclass(frozen=True)
class Place:
    """A job's place among ranks that train together, each in a slot of its own."""

    rank: int
    ranks: int
    address: str = ""  # where they meet: on the node of rank 0, which chooses the port
    port: int = 0

    def variables(self) -> dict[str, str]:
        """For the environment. Each rank counts as a node of one device, as it sees no other, whichever share one."""
        return {
            "NODE_RANK": str(self.rank),
            "LOCAL_RANK": "0",
            "LOCAL_WORLD_SIZE": "1",
            "WORLD_SIZE": str(self.ranks),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
        }


class Slot:
    """An actor's class. Its methods take turns at their `await`s in one thread, as a pool demands.

    Calls may overtake one another on their way, so the driver makes the next one when it has what came of the last:
    `enter` once; then for each job `start`, `follow` to its first event, and `answer` from each report to what follows.
    """

    _pool: _RankPool

    def __init__(self) -> None:
        self._events: dict[int, Event] = {}  # that nobody has asked for yet

    async def enter(self, settings: Settings) -> str:
        """Make ready; returns the id of the node. Raises `InputError` if the driver's folder is not there."""
        try:
            os.chdir(settings.directory)
        except OSError as error:
            raise InputError(
                f"pool: the node {get_node_ip_address()} cannot use the search's folder {settings.directory}: "
                f"{error.strerror}; all nodes must see the same files (docs/cluster.md)"
            ) from None
        sys.path.extend(entry for entry in settings.path if entry not in sys.path)
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")  # set by Ray: the one it has given to this actor
        self._pool = _RankPool(
            settings.function,
            devices=[Device(settings.kind, visible if settings.kind == CUDA else "0")],
            threads=settings.threads,
            preload=settings.preload,
            time_limit=settings.time_limit,
            silence_limit=settings.silence_limit,
        )
        return str(ray.get_runtime_context().get_node_id())

    async def live(self) -> None:
        """Never returns: it only ends as an error, when the actor does."""
        await asyncio.Event().wait()

    async def start(self, key: int, argument: bytes, log: Path, share: float, place: Place | None) -> Place | None:
        """Start a job, or a rank of one; returns its place, with what rank 0 has chosen."""
        if place is not None and not place.address:
            place = replace(place, address=get_node_ip_address(), port=free_port(()))
        self._pool.start_rank(key, _Packed(argument), log, Need(share=share), place)
        return place

    async def follow(self, key: int) -> Event:
        """The next event of a job."""
        while key not in self._events:
            self._events |= {event.key: event for event in self._pool.wait(0.0)}
            await asyncio.sleep(POLL_SECONDS)
        return self._events.pop(key)

    async def answer(self, key: int, answer: int) -> Event:
        """Answer a report; returns the next event."""
        if key in self._pool.running:  # else it has died, as the next event says
            self._pool.answer(key, answer)
        return await self.follow(key)

    async def stop(self, key: int) -> None:
        """Kill a job, if it runs still."""
        with suppress(KeyError):
            self._pool.stop(key)

    async def close(self, grace: float) -> None:
        """End all processes."""
        self._pool.close(grace)


class _RankPool(Pool):
    """A pool on one device, which can run one rank of a group while others run the other ranks."""

    _place: Place | None  # of what is started now

    def start_rank(self, key: int, argument: object, log: Path, need: Need, place: Place | None) -> None:
        """Start a job; without a place, it is alone."""
        self._place = place
        self.start(key, argument, log, need)
        self._jobs[key].asked = place is not None and place.rank > 0  # it never reports: its silence means nothing

    def _task(self, job: LocalJob, process: Process, argument: bytes, devices: Sequence[Device]) -> Task:
        task = super()._task(job, process, argument, devices)
        if self._place is None:
            return task
        return replace(task, rank=self._place.rank, environment=task.environment | self._place.variables())


class _Packed:
    """What is pickled already, and unpickled where it is used."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self._data,)
