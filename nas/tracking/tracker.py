"""What a search tells about its candidates while it runs, whoever listens."""

from collections.abc import Mapping
from typing import Protocol


class Tracker(Protocol):
    """Hears of every candidate. A tracker mirrors the study: it never raises and never keeps the search waiting.

    What is told of a candidate that was not started is ignored.
    """

    def start(self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object]) -> None:
        """Candidate `number` begins, or goes on after an interruption.

        `parameters` are its sampled values by their path names, `facts` what follows from them (its digest,
        parameter count, multiply-adds).
        """

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """One epoch's metrics; an epoch that was reported before an interruption may come again."""

    def finish(self, number: int, state: str, summary: Mapping[str, object]) -> None:
        """The candidate has ended as `state`: complete, pruned, failed, infeasible or twin."""

    def close(self) -> None:
        """The search ends; candidates still in flight were interrupted. Closing twice is harmless."""

    def where(self) -> str | None:
        """A line for the terminal: where to look, or how to upload what was kept on disk. Complete after `close`."""


class NoTracker:
    """Listens to nothing (``tracking=none``)."""

    def start(self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object]) -> None:
        pass

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        pass

    def finish(self, number: int, state: str, summary: Mapping[str, object]) -> None:
        pass

    def close(self) -> None:
        pass

    def where(self) -> str | None:
        return None
