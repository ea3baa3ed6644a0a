"""How a candidate is tried, and what its failure comes to: it is tried again, in another way perhaps, or given up."""

import errno
import os
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from nas.pool import Died, Failed, Need
from nas.training.memory import is_out_of_memory

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


@dataclass(frozen=True)
class Setback:
    """What a failure comes to, and why: how it is tried `again`; None: not at all.

    `anew`: what there is of its checkpoint cannot be read. `too_large`: it fits no device.
    """

    why: str
    again: Attempt | None = None
    anew: bool = False
    too_large: bool = False


def setback(event: Failed | Died, attempt: Attempt, batch_size: int, retries: int) -> Setback:
    """After its process has died or its ranks have lost each other, the same again, `retries` times; without memory,
    with less of it; what it has raised, it would raise again.

    Raises:
        OSError: the disk is full. It is not to blame, and goes on when there is space.
    """
    match event:
        case Failed(reason=reason, kind=kind) if is_out_of_memory(kind, reason):
            return _after_memory(attempt, batch_size)
        case Failed(reason=reason, kind=kind) if kind in START_ANEW:
            return replace(_after_death(attempt, retries, f"{reason}; it starts anew"), anew=True)
        case Failed(reason=reason, kind=kind) if kind in LOST:
            return _after_death(attempt, retries, reason)
        case Failed(reason=reason):
            if os.strerror(errno.ENOSPC) in reason:
                raise OSError(errno.ENOSPC, reason)
            return Setback(reason)
        case Died(how=how, over_time=True):  # it would take as long again
            return Setback(f"its process was ended: {how}")
        case Died(how=how):
            return _after_death(attempt, retries, f"its process died: {how}")


def _after_death(attempt: Attempt, retries: int, why: str) -> Setback:
    if attempt.deaths < retries:
        return Setback(why, replace(attempt, deaths=attempt.deaths + 1))
    tries = retries + 1
    return Setback(f"{why}, on attempt {tries} of {tries}" if retries else why)


def _after_memory(attempt: Attempt, batch_size: int) -> Setback:
    """First alone on a device, then with half the images at a time.

    The gradients of the parts of a batch are added up, so that its steps stay the same but for what batch norm sees.
    """
    if attempt.need.share < 1:
        alone = replace(attempt, need=replace(attempt.need, share=1.0))
        return Setback("out of memory; it is tried again alone on a device", alone)
    half = ceil((attempt.micro_batch or ceil(batch_size / attempt.need.devices)) / 2)
    if half < LEAST_MICRO_BATCH:
        images = attempt.micro_batch or batch_size
        return Setback(f"out of memory with {images} images at a time", too_large=True)
    again = replace(attempt, micro_batch=half)
    return Setback(f"out of memory; it is tried again with {half} images at a time", again)
