"""What a training gives back, and how it fails; plain values that a process without torch can read."""

from dataclasses import dataclass, field

from nas.training.recipe import METRIC

Metrics = dict[str, float]


class NotFinite(Exception):
    """The training loss became infinite or not a number: the candidate has failed."""


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

    @property
    def epochs(self) -> int:
        return len(self.history)

    @property
    def metrics(self) -> Metrics:
        return self.history[-1]

    @property
    def value(self) -> float:
        """What a search maximises."""
        return self.metrics[METRIC]
