"""A cluster's slots and the jobs on them as their driver sees them, and which slots a job gets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.pool.events import Need
from nas.pool.job import Job, Rank
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


@dataclass(eq=False)
class RayRank(Rank):
    """One rank of a job, in a slot of its own."""

    actor: Actor | None = None  # None: it waits for one, or its job has ended
    started: bool = False

    @property
    def slot(self) -> Any:
        """What is called; for a rank that has one."""
        assert self.actor is not None
        return self.actor.handle


@dataclass(eq=False, kw_only=True)
class RayJob(Job[RayRank]):
    argument: bytes  # pickled
    log: Path
    need: Need

    def place(self, actors: Sequence[Actor]) -> None:
        for rank, actor in zip(self.ranks, actors, strict=True):
            rank.actor = actor
            actor.shares[self.key] = self.need.share

    def release(self) -> None:
        """Take its slots from it."""
        for rank in self.ranks:
            if rank.actor is not None:
                rank.actor.shares.pop(self.key, None)
            rank.actor = None


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
