"""What a search has found so far: how its trials ended, the Pareto front of complete ones, and the best of it."""

from dataclasses import dataclass, field

import optuna
from optuna.trial import FrozenTrial

from nas.search import states
from nas.search.objectives import Objectives, accuracy, joined
from nas.search.progress import Ended
from nas.search.study import trials


@dataclass
class Found:
    """`front` are complete trials that no other beats; with one objective, the best. `architectures` are the digests
    of what has been trained."""

    objectives: Objectives
    front: list[FrozenTrial] = field(default_factory=list)
    best: FrozenTrial | None = None
    architectures: set[str] = field(default_factory=set)

    @property
    def numbers(self) -> set[int]:
        """Of the front."""
        return {trial.number for trial in self.front}

    def take(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Takes in a trial that has ended; gives the best so far if the front is another than before. Of equals the
        lowest number is the best, whichever ended first."""
        state = states.word(trial)
        if state in states.COUNTED:
            self.architectures.add(trial.user_attrs["digest"])
        if state != states.COMPLETE:
            return None
        self.front = joined(self.front, trial)
        if trial.number not in self.numbers:
            return None
        self.best = self.objectives.chosen(self.front)
        return self.best


def ended(trial: FrozenTrial) -> Ended:
    """A trial that has ended, as displays show it."""
    attrs = trial.user_attrs
    return Ended(
        number=trial.number,
        state=states.word(trial) or "",
        value=accuracy(trial),
        parameters=attrs.get("parameters", 0),
        macs=attrs.get("macs", 0),
        seconds=attrs.get("seconds", 0.0),
        reason=attrs.get("reason", ""),
        choices=trial.params,
    )


def ended_trials(study: optuna.Study) -> list[Ended]:
    """All trials that have ended, oldest first."""
    return [ended(trial) for trial in trials(study) if states.word(trial) is not None]
