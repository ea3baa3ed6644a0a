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
    """Counts cover the whole study; `started` (seconds of the monotonic clock) and `ended` this run alone."""

    study: str
    trials: int
    slots: int
    started: float
    counts: Counter[str] = field(default_factory=Counter)
    running: dict[int, Running] = field(default_factory=dict)
    best: Ended | None = None
    ended: int = 0

    @property
    def counted(self) -> int:
        """Trials that the budget counts."""
        return sum(self.counts[state] for state in COUNTED)

    def seconds_left(self, now: float) -> float | None:
        """At the rate of this run so far; None before the first candidate has ended."""
        if not self.ended:
            return None
        return (self.trials - self.counted) * (now - self.started) / self.ended


class Display(Protocol):
    """Shows a search while it runs."""

    def show(self, progress: Progress) -> None:
        """Called often; what is shown follows `progress`."""

    def tell(self, ended: Ended, progress: Progress) -> None:
        """A trial has ended."""

    def say(self, line: str) -> None:
        """A line worth reading."""

    def close(self) -> None: ...
