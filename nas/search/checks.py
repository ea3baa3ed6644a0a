"""What a search is tried with before anything is written: its space, its sampler and its pruner."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler

from nas.architecture.plan import ShapeError
from nas.errors import InputError
from nas.search.proposal import Misfit, TrialSuggest, propose
from nas.search.pruning import MedianPruner
from nas.search.samplers import SeededSampler
from nas.space.holes import Alternatives, Choice, Hole, Integer, Real, Scalar, Suggest
from nas.space.space import Space
from nas.space.suggest import RandomSuggest
from nas.study.objectives import ONE, Objectives

PROBES = 20  # documents at random, and as many again for each option of the hole that has most


@dataclass
class Spread:
    """Fills every hole with what it has had least often, so that few documents show all options and ends of ranges."""

    random: Random
    _used: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __call__(self, name: str, hole: Hole) -> Scalar:
        options = (hole.low, hole.high) if isinstance(hole, Integer | Real) else hole.values
        least = min(self._used[name, repr(option)] for option in options)
        value = self.random.choice([option for option in options if self._used[name, repr(option)] == least])
        self._used[name, repr(value)] += 1
        return value


def check_space(space: Space) -> None:
    """Raises `InputError` for a document that is wrong in itself, or if none fits the images."""
    options = [len(hole.options) for hole in space.holes.values() if isinstance(hole, Choice | Alternatives)]
    spread = Spread(Random(0))
    ways: list[Suggest] = [RandomSuggest(Random(number)) for number in range(PROBES)]
    ways += [spread] * (4 * min(max(options, default=2), PROBES))
    misfits = [found for way in ways if isinstance(found := propose(space, way), Misfit)]
    if len(misfits) == len(ways):
        raise ShapeError(f"none of {len(ways)} candidates of the space fits the images: {misfits[0].reason}")


def check_sampler(
    space: Space, make: Callable[..., BaseSampler], pruner: Any, seed: int, objectives: Objectives = ONE
) -> None:
    """Raises `InputError` if Optuna cannot use the sampler or the pruner; a trial of a study in memory shows it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if objectives.several and not isinstance(pruner, MedianPruner | NopPruner):
        raise InputError(
            f"pruner: {type(pruner).__name__} knows one objective, and there are {', '.join(objectives.names)}; "
            "take pruner=median or pruner=none"
        )
    try:
        study = optuna.create_study(sampler=SeededSampler(make, seed), pruner=pruner, directions=objectives.directions)
        trial = study.ask()
        propose(space, TrialSuggest(trial))
        if not objectives.several:
            trial.report(0.0, 0)
            trial.should_prune()
    except InputError:
        raise
    except Exception as error:  # whatever a sampler makes of its settings
        raise InputError(f"sampler or pruner: cannot be used as set ({type(error).__name__}: {error})") from None
