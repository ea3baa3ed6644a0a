"""How a candidate is tried, and how it is tried again after its process died or memory ran out."""

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from nas.pool import Need

START_ANEW = ("nas.training.result.UnreadableCheckpoint",)
LOST = ("torch.distributed.DistNetworkError", "torch.distributed.DistBackendError", "torch.distributed.DistStoreError")
"""Exceptions that say nothing about a candidate: its ranks have lost, or never found, each other."""

LEAST_MICRO_BATCH = 4
"""Images; with fewer, batch norm has next to nothing to normalise by, and the candidate counts as too large."""


@dataclass(frozen=True)
class Attempt:
    """`micro_batch` is the number of images a device takes at a time; None: its whole share of a batch."""

    need: Need
    micro_batch: int | None = None
    deaths: int = 0

    def to_attribute(self) -> dict[str, Any]:
        """What is kept with the trial, so that a driver that goes on does not start the count anew."""
        return {"alone": self.need.share == 1.0, "micro_batch": self.micro_batch, "deaths": self.deaths}

    @classmethod
    def from_attribute(cls, kept: dict[str, Any] | None, need: Need) -> "Attempt":
        """The attempt of an interrupted trial; `need` is what its price asks for."""
        if kept is None:
            return cls(need)
        need = replace(need, share=1.0) if kept["alone"] else need
        return cls(need, kept["micro_batch"], kept["deaths"])


def after_death(attempt: Attempt, retries: int) -> Attempt | None:
    """The same again, unless it has died more than `retries` times."""
    return replace(attempt, deaths=attempt.deaths + 1) if attempt.deaths < retries else None


def after_memory(attempt: Attempt, batch_size: int) -> Attempt | None:
    """First alone on a device, then with half the images at a time; None: the candidate does not fit.

    The gradients of the parts of a batch are added up, so that its steps stay the same but for what batch norm sees.
    """
    if attempt.need.share < 1:
        return replace(attempt, need=replace(attempt.need, share=1.0))
    half = ceil((attempt.micro_batch or ceil(batch_size / attempt.need.devices)) / 2)
    return None if half < LEAST_MICRO_BATCH else replace(attempt, micro_batch=half)
