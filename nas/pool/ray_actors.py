"""The slots of a Ray cluster as their driver sees them, and which of them a job gets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.pool.events import Need
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
