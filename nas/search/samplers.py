"""Makes any Optuna sampler repeatable: its random state follows from the study's seed and the trial's number."""

import warnings
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


class SeededSampler(BaseSampler):
    """Has `make(seed=...)` build a fresh sampler for every trial, so that a search continued in another process does
    not repeat itself, and proposes what it would have proposed without the interruption."""

    def __init__(self, make: Callable[..., BaseSampler], seed: int) -> None:
        self._make = make
        self._seed = seed
        self._sampler = self._made()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._sampler = self._made(trial.number)
        self._sampler.before_trial(study, trial)

    def _made(self, *purpose: int | str) -> BaseSampler:
        derived = sha256(":".join(map(str, (self._seed, *purpose))).encode()).digest()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of TPE's groups, which conf chooses knowingly
            return self._make(seed=int.from_bytes(derived[:4], "big"))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        # seeded by name, so that a trial interrupted between two of them goes on as it would have
        sampler = self._made(trial.number, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Nothing to do: every trial has a seed of its own."""
