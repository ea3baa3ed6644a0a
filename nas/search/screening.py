"""Screens candidates in groups: of each group the one that most is hoped of is trained, the others end as screened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, Trial

from nas.architecture import Architecture
from nas.architecture.plan import ShapeError
from nas.samplers.catalogue import Catalogue
from nas.samplers.expectation import hoped
from nas.search.proposal import Candidate
from nas.search.proposer import Proposer
from nas.search.screen import INHERITED, TRAINING, Screen
from nas.study import states
from nas.study.files import brief_checkpoint
from nas.study.kept import kept_trials, trial_weights
from nas.study.ledger import TWIN_OF, Ledger, group_of
from nas.study.objectives import accuracy
from nas.study.study import trials
from nas.training.job import Job
from nas.training.result import Result, Score

SECONDS = "screen_seconds"
"""The user attribute that holds how long that took."""

PARENTS = 8
"""Trained candidates that others may inherit weights from: the most accurate."""


@dataclass
class Screening:
    """A driver's part in it; without a `screen`, every candidate is trained at once.

    A group is the trials that have the number of its first one as their attribute `GROUP` (`nas.study.ledger`). It
    grows until `screen.of` of them have a score, so that one that fails is replaced, or until nothing more can be
    proposed. Then the best is trained: the one with the highest score, or where scores of different groups are of one
    kind, the one that they let a model of all trials hope most of. What stands is read from the study whenever
    something has happened, so that a group which a kill has left half screened goes on, and drivers that share a study
    come to one result; a claim makes sure that no more than one of a group is trained.

    `folder` is the study's; `train` has a trial trained.
    """

    study: optuna.Study
    ledger: Ledger
    screen: Screen | None
    folder: Path
    proposer: Proposer
    train: Callable[[int], None]
    _waiting: dict[int, Trial] = field(default_factory=dict)  # own trials that have a score, before the verdict
    _short: set[int] = field(default_factory=set)  # own groups that are to grow

    @property
    def short(self) -> int | None:
        """The group that the next candidate is for; None: one of its own."""
        return min(self._short, default=None)

    def joins(self, trial: Trial, candidate: Candidate) -> bool:
        """Takes in a candidate, or takes one up again; whether it is to be scored now."""
        if self.screen is None:
            self.train(trial.number)
            return False
        if states.SCORE in trial.user_attrs:
            self._waiting[trial.number] = trial
            self._look(group_of(trial))
            return False
        if self.screen.size is not None:
            try:
                Architecture.from_document(self.screen.brief(candidate.document)["architecture"])
            except ShapeError as error:
                reason = f"cannot be screened with images of {self.screen.size} pixels: {error}"
                self.proposer.end(trial, states.INFEASIBLE, reason)
                return False
        self._look(group_of(trial))
        return True

    def job(self, job: Job, trial: Trial, screening: bool) -> Job:
        """What scores a candidate, made of what trains it; or that."""
        if self.screen is None or not screening:
            return job
        if not self.screen.trains:
            return replace(job, proxy=self.screen.by)
        assert job.checkpoint is not None
        return replace(
            job,
            document=self.screen.brief(job.document),
            checkpoint=brief_checkpoint(job.checkpoint),
            latency_limit=None,  # it is measured before the whole training
            weights=None,
            size=self.screen.size,
            share=self.screen.share,
            parents=self._parents(group_of(trial)) if self._inherits else (),
        )

    def scored(self, trial: Trial, result: Result | Score) -> None:
        trial.set_user_attr(SECONDS, round(result.seconds, 3))
        trial.set_user_attr(states.SCORE, result.value)
        self._waiting[trial.number] = trial
        self._look(group_of(trial))

    def left(self, trial: FrozenTrial) -> None:
        """A candidate that has joined has ended."""
        self._waiting.pop(trial.number, None)
        if self.screen is not None:
            self._look(group_of(trial))

    def spare(self, beaten: set[int], front: set[int]) -> set[int]:
        """The trials whose weights nobody wants any more: those that others have beaten, if they are no parents."""
        return (set(self._most_accurate()[PARENTS:]) if self._inherits else beaten) - front

    def forget(self, number: int) -> None:
        """The trial is another driver's now."""
        self._waiting.pop(number, None)

    def look(self) -> None:
        """Others' trials have moved, or nothing more is proposed."""
        for group in {group_of(trial) for trial in self._waiting.values()} | self._short:
            self._look(group)

    @property
    def _inherits(self) -> bool:
        return self.screen is not None and self.screen.by == INHERITED

    def _parents(self, group: int) -> tuple[Path, ...]:
        """Weights of trials from before a group began, the most accurate first: the same for all of the group, unless
        one is thinned out meanwhile."""
        return tuple(trial_weights(self.folder, number) for number in self._most_accurate() if number < group)

    def _most_accurate(self) -> list[int]:
        """The complete trials whose weights are there, in this order."""
        there = trials(self.study)
        complete = [n for n in kept_trials(self.folder) if n < len(there) and states.word(there[n]) == states.COMPLETE]
        return sorted(complete, key=lambda number: (-(accuracy(there[number]) or 0.0), number))

    def _look(self, group: int) -> None:
        assert self.screen is not None
        there = [trial for trial in trials(self.study)[group:] if group_of(trial) == group]
        scores: dict[int, float] = {t.number: t.user_attrs[states.SCORE] for t in there if states.SCORE in t.user_attrs}
        unfinished = [t for t in there if not t.state.is_finished() and TWIN_OF not in t.user_attrs]
        unscored = [t for t in unfinished if t.number not in scores]
        self._short.discard(group)
        if unfinished and len(scores) + len(unscored) < self.screen.of and not self.proposer.exhausted:
            self._short.add(group)
        elif scores and not unscored:
            self._decide(group, scores)

    def _decide(self, group: int, scores: Mapping[int, float]) -> None:
        own = {number: trial for number, trial in self._waiting.items() if group_of(trial) == group}
        if not own:
            return
        hopes = self._hopes(scores)
        best = self.ledger.claim(f"group/{group}", max(scores, key=lambda number: (hopes[number], -number)))
        for number in own:
            del self._waiting[number]
        for number, trial in own.items():
            if number != best:
                reason = f"scores {scores[number]:.4g}; trial {best}, {scores[best]:.4g}, is trained"
                self.proposer.forget(trial.user_attrs["key"], number)
                self.proposer.end(trial, states.SCREENED, reason)
        if best in own:
            self.train(best)

    def _hopes(self, scores: Mapping[int, float]) -> Mapping[int, float]:
        """Larger for what is rather to be trained; the scores themselves before any trial is complete."""
        assert self.screen is not None
        if self.screen.by != TRAINING or len(self.study.directions) > 1:
            return scores
        hopes = hoped(self.study, self._catalogue, scores.keys())
        return hopes if hopes.keys() == scores.keys() else scores

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue(self.proposer.space)
