"""What a training is told, gives back and fails with; plain values that a process without torch can read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from nas.errors import InputError
from nas.training.recipe import METRIC

Metrics = dict[str, float]


class Answer(IntEnum):
    """What a training does after an epoch it has reported."""

    GO_ON = 0
    PRUNE = 1  # end here, for good
    HALT = 2  # write the checkpoint and end: the same call goes on from there


Reporter = Callable[[int, Metrics], int | None]
"""Hears of an epoch (from 0) and its metrics; gives an `Answer`, or None to go on."""


class NotFinite(Exception):
    """The training loss became infinite or not a number: the candidate has failed."""


class UnreadableCheckpoint(InputError):
    """A file that is no checkpoint, or no longer one: nothing can be continued from it."""


@dataclass(frozen=True)
class Latency:
    """How long a network takes to evaluate one batch, in seconds: the median of `repeats`, and both quartiles."""

    median: float
    low: float
    high: float
    repeats: int
    batch: int  # images
    device: str  # "cpu" or an accelerator's name
    threads: int


@dataclass(frozen=True)
class TooSlow:
    """Instead of a result: the network is over its limit (in milliseconds a batch) and has not been trained."""

    latency: Latency
    limit: float


@dataclass(frozen=True)
class Score:
    """What a zero-cost proxy makes of a candidate; more is better."""

    value: float
    seconds: float


@dataclass(frozen=True)
class Timed:
    """What some steps of a training say of it: seconds of a whole epoch, and the most bytes that the process, or on a
    GPU its tensors, took."""

    epoch: float
    memory: int


@dataclass(frozen=True)
class Result:
    """The outcome of one training; `metrics` are those of the last epoch, `history` those of every epoch."""

    history: tuple[Metrics, ...]
    seconds: float  # of all epochs, those before a resumption too
    pruned: bool  # ended before its last epoch because the caller asked for it
    device: str  # "cpu", "cuda", ...
    threads: int
    versions: dict[str, str] = field(default_factory=dict)
    test: Metrics | None = None  # of the test split, if it was asked for
    halted: bool = False  # ended before its last epoch, to be continued from its checkpoint
    devices: int = 1
    micro_batch: int | None = None  # images a device took at a time; None: its whole share of a batch
    latency: Latency | None = None  # if it was limited

    @property
    def complete(self) -> bool:
        return not (self.pruned or self.halted)

    @property
    def epochs(self) -> int:
        return len(self.history)

    @property
    def how(self) -> dict[str, Any]:
        """On what it ran, as records have it: what is usual is left out."""
        others = {"devices": self.devices if self.devices > 1 else None, "micro_batch": self.micro_batch}
        kept = {key: value for key, value in others.items() if value is not None}
        return {"epochs": self.epochs, "threads": self.threads, "device": self.device, **kept}

    @property
    def metrics(self) -> Metrics:
        return self.history[-1]

    @property
    def value(self) -> float:
        """What a search maximises."""
        return self.metrics[METRIC]
