"""Where a search stands: what displays show and nothing else."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from nas.search.states import COUNTED


@dataclass
class Running:
    """A candidate in a slot."""

    number: int
    epochs: int
    parameters: int
    macs: int
    started: float
    epoch: int = 0
    value: float | None = None


@dataclass(frozen=True)
class Ended:
    """A trial that has ended; `value` is the metric, a share from 0 to 1."""

    number: int
    state: str
    value: float | None
    parameters: int
    macs: int
    seconds: float
    reason: str = ""


@dataclass
class Progress:
    """Counts cover the whole study; times, `ended`, `retried` and `busy` this run alone.

    `started` and `now` are seconds of the pool's clock, `busy` the device-seconds of what has left its slot.
    """

    study: str
    trials: int
    slots: int
    started: float
    devices: float = 1.0  # that all slots together hold
    counts: Counter[str] = field(default_factory=Counter)
    running: dict[int, Running] = field(default_factory=dict)
    best: Ended | None = None
    architectures: set[str] = field(default_factory=set)  # digests of what has been trained
    ended: int = 0
    retried: int = 0
    busy: float = 0.0
    now: float = 0.0

    @property
    def counted(self) -> int:
        """Trials that the budget counts."""
        return sum(self.counts[state] for state in COUNTED)

    @property
    def proposed(self) -> int:
        """Trials that have ended, whichever way."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """At the rate of this run so far; None before the first candidate has ended."""
        if not self.ended:
            return None
        return (self.trials - self.counted) * (self.now - self.started) / self.ended


class Display(Protocol):
    """Shows a search while it runs."""

    def show(self, progress: Progress) -> None:
        """Called often; what is shown follows `progress`."""

    def tell(self, ended: Ended, progress: Progress) -> None:
        """A trial has ended."""

    def say(self, line: str) -> None:
        """A line worth reading."""

    def close(self) -> None: ...
