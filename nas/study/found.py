"""What a search has found so far: the Pareto front of complete trials, and the best of it."""

from dataclasses import dataclass, field

from optuna.trial import FrozenTrial

from nas.study import states
from nas.study.objectives import ONE, Objectives, joined


@dataclass
class Found:
    """`front` are complete trials that no other beats; with one objective, the best. `architectures` are the digests
    of what has been trained."""

    objectives: Objectives = ONE
    front: list[FrozenTrial] = field(default_factory=list)
    best: FrozenTrial | None = None
    architectures: set[str] = field(default_factory=set)

    @property
    def numbers(self) -> set[int]:
        """Of the front."""
        return {trial.number for trial in self.front}

    def take(self, trial: FrozenTrial) -> bool:
        """Takes in a trial that has ended; whether the front is another than before. Of equals the lowest number is the
        best, whichever ended first."""
        state = states.word(trial)
        if state in states.COUNTED:
            self.architectures.add(trial.user_attrs["digest"])
        if state != states.COMPLETE:
            return False
        self.front = joined(self.front, trial)
        if trial.number not in self.numbers:
            return False
        self.best = self.objectives.chosen(self.front)
        return True
