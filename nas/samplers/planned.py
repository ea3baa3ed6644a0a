"""A sampler that decides on a whole document at once, whatever conditions the space has."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from random import Random
from threading import Lock
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.architecture.context import context
from nas.errors import InputError
from nas.samplers.catalogue import Catalogue, Looked
from nas.samplers.history import Past, history
from nas.space.holes import Alternatives, Choice, Hole, Integer, Real, Scalar
from nas.space.operators import completed
from nas.space.suggest import RandomSuggest

TRIES = 40
"""Documents at random before a space is taken to be nearly exhausted."""

PLANNING = Lock()
"""Threads that ask at once plan one after the other, so that each knows what the others will try."""


class PlannedSampler(BaseSampler):
    """Its subclasses say what to propose; the trial's holes are then filled as planned.

    No document is proposed whose key another trial has, finished or not, unless nothing else is found.
    Holes that are filled already (of a trial that was enqueued, or interrupted) stay as they are.
    """

    def __init__(self, catalogue: Catalogue, seed: int | None = None) -> None:
        self.catalogue = catalogue
        self.random = Random(seed)
        self._plans: dict[int, Mapping[str, Scalar]] = {}  # of trials that run, by number

    @abstractmethod
    def propose(self, study: Study, trial: FrozenTrial, past: Sequence[Past]) -> Looked | None:
        """The document to be tried next, given all others; None leaves it to chance."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        with PLANNING:
            plan = self._plans[trial.number] = self._planned(study, trial, given)
        holes = self.catalogue.space.holes
        return {name: distribution(holes[name]) for name in plan if name not in given}

    def _planned(self, study: Study, trial: FrozenTrial, given: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
        if "fixed_params" in trial.system_attrs:
            return self._completed(given)
        plans = dict(self._plans)  # before the trials are read, as one that ends meanwhile takes its plan away
        past = history(study, self.catalogue, trial, plans)
        looked = self.propose(study, trial, past) or self.new(past)
        plan = looked.parameters if looked else self._completed({})
        if any(plan.get(name, value) != value for name, value in given.items()):
            return self._completed({**plan, **given})
        return plan

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {name: self._plans[trial.number][name] for name in search_space}

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._plans.pop(trial.number, None)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        chance = RandomSampler(seed=self.random.getrandbits(32))
        return chance.sample_independent(study, trial, param_name, param_distribution)

    def new(self, past: Sequence[Past]) -> Looked | None:
        """A document at random that no trial has; of a small space that is nearly exhausted, one of what is left."""
        taken = keys(past)
        for _ in range(TRIES):
            looked = self.catalogue.random(self.random)
            if looked is not None and looked.key not in taken:
                return looked
        left = [looked for looked in self.catalogue.all if looked.key not in taken]
        return self.random.choice(left) if left else None

    def _completed(self, given: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
        try:
            return completed(self.catalogue.space, given, RandomSuggest(self.random), context)
        except InputError:  # what is given fits no document, which the trial itself will show
            return {}


def keys(past: Sequence[Past]) -> set[str]:
    """What has been tried, or is being tried. What was only screened may come again, to be trained after all."""
    return {trial.looked.key for trial in past if trial.looked is not None and not trial.screened}


def distribution(hole: Hole) -> BaseDistribution:
    """What Optuna is asked for when a trial fills the hole."""
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return CategoricalDistribution(tuple(options))
        case Integer(low=low, high=high, step=step, log=log):
            return IntDistribution(low, high, log=log, step=step)
        case Real(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
