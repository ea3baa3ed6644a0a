"""Where a search stands: what displays show and nothing else."""

from collections import Counter
from dataclasses import dataclass, field

from nas.study.found import Found
from nas.study.states import COUNTED


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
    found: Found = field(default_factory=Found)
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
    def elapsed(self) -> float:
        """Seconds of this run."""
        return self.now - self.started

    @property
    def rate(self) -> float | None:
        """Candidates an hour in this run; None before the first has ended."""
        return 3600 * self.ended / self.elapsed if self.ended and self.elapsed > 0 else None

    @property
    def utilisation(self) -> float | None:
        """The share of this run's time in which the devices had a candidate; None before there is any."""
        if self.elapsed <= 0:
            return None
        each = self.devices / self.slots  # of a candidate that is in training, near enough where they differ
        running = sum(self.now - job.started for job in self.running.values()) * each
        return min(1.0, (self.busy + running) / (self.devices * self.elapsed))

    @property
    def seconds_left(self) -> float | None:
        """At the rate of this run so far; None before the first candidate has ended."""
        if not self.ended:
            return None
        return max(0, self.trials - self.counted) * self.elapsed / self.ended
