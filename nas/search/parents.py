"""The weights of trained candidates that others may begin with: those of the most accurate."""

from dataclasses import dataclass
from pathlib import Path

import optuna

from nas.search import states
from nas.search.kept import WEIGHTS, trial_weights
from nas.search.objectives import accuracy
from nas.search.study import trials

KEPT = 8
"""Candidates."""


@dataclass(frozen=True)
class Parents:
    study: optuna.Study
    folder: Path
    """The study's."""

    def before(self, group: int) -> tuple[Path, ...]:
        """The files of trials from before a group began, the most accurate first: the same for all of the group,
        unless one is thinned out meanwhile."""
        return tuple(trial_weights(self.folder, number) for number in self._ranked() if number < group)

    def others(self) -> set[int]:
        """Trials whose weights are there, and which are not among the most accurate."""
        return set(self._ranked()[KEPT:])

    def _ranked(self) -> list[int]:
        numbers = [int(path.stem) for path in (self.folder / WEIGHTS).glob("*.pt") if path.stem.isdecimal()]
        there = trials(self.study)
        complete = [n for n in numbers if n < len(there) and states.word(there[n]) == states.COMPLETE]
        return sorted(complete, key=lambda number: (-(accuracy(there[number]) or 0.0), number))
