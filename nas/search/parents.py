"""The weights of trained candidates that others may begin with: those of the most accurate, in the study's folder."""

from dataclasses import dataclass
from pathlib import Path

import optuna

from nas.search import states
from nas.search.objectives import accuracy
from nas.search.study import trials

PARENTS = "parents"
KEPT = 8
"""Files that stay."""


@dataclass(frozen=True)
class Parents:
    study: optuna.Study
    folder: Path
    """The study's."""

    def path(self, number: int) -> Path:
        return self.folder / PARENTS / f"{number:04d}.pt"

    def before(self, group: int) -> tuple[Path, ...]:
        """The files of trials from before a group began, the most accurate first: the same for all of the group,
        unless one is thinned out meanwhile."""
        return tuple(self.path(number) for number in self._ranked() if number < group)

    def thin(self) -> None:
        """Removes those of all but the most accurate trials."""
        for number in self._ranked()[KEPT:]:
            self.path(number).unlink(missing_ok=True)

    def _ranked(self) -> list[int]:
        numbers = [int(path.stem) for path in (self.folder / PARENTS).glob("*.pt") if path.stem.isdecimal()]
        there = trials(self.study)
        complete = [n for n in numbers if n < len(there) and states.word(there[n]) == states.COMPLETE]
        return sorted(complete, key=lambda number: (-(accuracy(there[number]) or 0.0), number))
