"""What a search tells about itself and its candidates while it runs, whoever listens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class About:
    """A study as a tracker shows it.

    `identity` is unique to it for all time (two studies may share a name); `part` tells the drivers of one study apart
    where there are several. `folder` is the study's folder. `parameters` describes each parameter by its path name as
    W&B's sweeps do (``values``, or ``min``, ``max`` and ``distribution``); `metric` is what is to be large.
    """

    study: str
    identity: str
    folder: Path
    parameters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    metric: str = "val/accuracy"
    settings: Mapping[str, object] = field(default_factory=dict)  # of the search, such as its sampler
    part: str = ""


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG, or the text of an SVG."""

    content: bytes | str


@dataclass(frozen=True)
class Table:
    """Rows of plain values and pictures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


Draw = Callable[[], Picture | None]
"""Makes a picture when it is wanted; None if there is nothing to be drawn."""


class Tracker:
    """Hears of every candidate. This one does nothing with that (``tracking=none``); others do more.

    A tracker mirrors the study: it never raises and never keeps the search waiting. What is told of a candidate that
    was not started is ignored. What takes time to make is given as a function, which may be called at any time, on
    another thread, or never.
    """

    def start(
        self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object], draw: Draw | None = None
    ) -> None:
        """Candidate `number` begins, or goes on after an interruption.

        `parameters` are its sampled values by their path names, `facts` what follows from them (its digest, parameter
        count, MACs).
        """

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """One epoch's metrics; an epoch that was reported before an interruption may come again."""

    def finish(self, number: int, state: str, summary: Mapping[str, object], marks: Sequence[str] = ()) -> None:
        """The candidate has ended as `state` (a word of `nas.study.states`); `marks` say more, such as "retried"."""

    def stand(self, ended: int, values: Callable[[], Mapping[str, object]]) -> None:
        """How the study stands after `ended` proposals: numbers, plain values, pictures and tables by name."""

    def best(self, number: int, files: Callable[[], Mapping[str, bytes | Path]], facts: Mapping[str, object]) -> None:
        """Candidate `number` is the best so far; `files` describe it (document, picture, weights) by their names."""

    def conclude(self, values: Callable[[], Mapping[str, object]]) -> None:
        """What the study has come to: as for `stand`, but only the last of these counts."""

    def close(self) -> None:
        """The search ends; candidates still in flight were interrupted. Closing twice is harmless."""

    def hurry(self) -> None:
        """Nobody is to be waited for any more. May be called on another thread, while another call is at work."""

    def where(self) -> str | None:
        """For the terminal: where to look, or how to upload what was kept on disk. Complete after `close`."""
        return None
