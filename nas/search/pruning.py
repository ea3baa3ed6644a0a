"""The median rule, for one objective and for several, where Optuna has no pruner."""

from statistics import median

from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.errors import InputError, check_whole
from nas.study.curves import curve
from nas.study.objectives import COSTS_ATTRIBUTE

IN_PLACE_OF = {"latency": "macs"}
"""What is not known while a candidate trains, and what is asked instead."""


class MedianPruner(BasePruner):
    """Prunes a candidate whose best accuracy so far is below the median of its peers' at the same epoch.

    Its peers are the complete trials that are no dearer than it in any cost: a small network is not given up for being
    less accurate than large ones, but one that smaller or equal ones beat is. With accuracy as the only objective, all
    are peers, and this is the median rule (Golovin et al. 2017, Google Vizier).

    A part of the training is let pass, as long as the learning rate is high: on the table in `benchmarks/` the ranks of
    the first third of the epochs are so far from the last ones' that pruning by them loses more than it saves.
    """

    def __init__(self, n_startup_trials: int = 6, warmup: float = 0.5) -> None:
        """`n_startup_trials` peers are needed for a verdict; `warmup` is the share of their epochs that is let pass."""
        check_whole("pruner.n_startup_trials", n_startup_trials, 1, 10**6)
        if isinstance(warmup, bool) or not isinstance(warmup, int | float) or not 0 <= warmup <= 1:
            raise InputError(f"pruner.warmup: expected a share from 0 to 1; got {warmup!r}")
        self._startup, self._warmup = n_startup_trials, warmup

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        own = curve(trial)
        if not own:
            return False
        epoch = max(own)
        costs = [IN_PLACE_OF.get(name, name) for name in study.user_attrs.get(COSTS_ATTRIBUTE, [])]
        peers = [
            there[epoch]
            for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if epoch in (there := curve(other))
            and epoch >= self._warmup * len(there)
            and all(other.user_attrs[name] <= trial.user_attrs[name] for name in costs)
        ]
        return len(peers) >= self._startup and max(own.values()) < median(peers)
