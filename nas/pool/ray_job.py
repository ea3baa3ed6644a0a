"""A cluster's slots and the jobs on them as their driver sees them: who gets which, and what becomes of ranks."""

from __future__ import annotations

import math
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.pool.events import Died, Done, Event, Failed, Need, Report
from nas.pool.job import DEATH_SECONDS, EXIT_SECONDS
from nas.pool.slots import ROUNDING


@dataclass(eq=False)
class Actor:
    """One slot, with a device."""

    handle: Any
    node: str = ""  # its id; empty: Ray has not placed the slot yet
    shares: dict[int, float] = field(default_factory=dict)  # of its device, by job

    @property
    def load(self) -> float:
        return math.fsum(self.shares.values())


def find_slots(actors: Sequence[Actor], need: Need) -> list[Actor] | None:
    """Slots for a job: the least loaded; or, for ranks, those of one node if one has enough, or else of few.

    Of nodes with enough, the one with the fewest keeps the others whole for larger jobs. None: they are not free.
    """
    free = [actor for actor in actors if actor.node and actor.load <= 1 - need.share + ROUNDING]
    if len(free) < need.devices:
        return None
    if need.devices == 1:
        return [min(free, key=lambda actor: actor.load)]
    on = Counter(actor.node for actor in free)
    best = min((count for count in on.values() if count >= need.devices), default=0)
    return sorted(free, key=lambda actor: (on[actor.node] != best, -on[actor.node], actor.node))[: need.devices]


@dataclass(eq=False)
class RayJob:
    """The job `key`: one process, or ranks that are ended together."""

    key: int
    argument: bytes  # pickled
    log: Path
    need: Need
    slots: list[Actor] = field(default_factory=list)  # by rank; none: it waits for some, or has ended
    started: set[int] = field(default_factory=set)  # the ranks that have
    asked: bool = False  # a report waits for its answer
    ended: dict[int, Event] = field(default_factory=dict)  # how each rank did
    kill_at: float = math.inf  # when the ranks that are left are to be killed
    killed: bool = False  # they have been, or will be as soon as they have started
    why: str = ""  # it is killed, if no rank is to blame
    _cause: Died | Failed | None = None  # the rank to blame

    @property
    def due(self) -> float:
        """When something is to be done even if nothing is heard."""
        return math.inf if self.killed else self.kill_at

    @property
    def over(self) -> bool:
        """Whether all ranks have ended."""
        return len(self.ended) == self.need.devices

    def take(self, rank: int, event: Event, now: float) -> Report | None:
        """Take in what a rank says; gives back a report that the driver is to answer."""
        match event:
            case Report():
                if rank == 0 and not (self.why or self.killed):
                    self.asked = True
                    return event
                if rank > 0:
                    reason = "RuntimeError: it has reported; rank 0 does so for all"
                    self._blame(rank, Failed(self.key, reason, reason, "builtins.RuntimeError"), now)
                return None
            case Done():
                if rank == 0:
                    self.kill_at = min(self.kill_at, now + EXIT_SECONDS)
            case Died() | Failed():
                self._blame(rank, event, now)
        self.ended[rank] = event
        return None

    def end(self, why: str, now: float) -> None:
        """Decide to kill what is left."""
        self.why = self.why or why
        self.kill_at = min(self.kill_at, now)

    def verdict(self) -> Event:
        """What came of the job, once it is over; the result of rank 0 counts whatever happened to others after it."""
        match self.ended.get(0):  # none: the job has waited for slots to its end
            case Done() as done:
                return done
        return self._cause or Died(self.key, -signal.SIGKILL, self.why)

    def _blame(self, rank: int, event: Died | Failed, now: float) -> None:
        """A death comes before exceptions, which the others raise when they miss the dead one; of exceptions the first
        counts; and nothing does of ranks that were killed."""
        if self.killed or isinstance(self._cause, Died) or (self._cause is not None and isinstance(event, Failed)):
            return
        self.kill_at = min(self.kill_at, now + DEATH_SECONDS)
        place = f"rank {rank}: " if self.need.devices > 1 else ""
        match event:
            case Died(how=how):
                self._cause = replace(event, how=place + how)
            case Failed(reason=reason):
                self._cause = replace(event, reason=place + reason)
