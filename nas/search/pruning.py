"""A pruner for one objective and for several, where Optuna has none."""

from statistics import median

from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search.curves import curve

COSTS = "costs"
"""The user attribute of a study of several objectives: the costs, by which peers are told."""

IN_PLACE_OF = {"latency": "macs"}
"""What is not known while a candidate trains, and what is asked instead."""


class PeerPruner(BasePruner):
    """Prunes a candidate whose best accuracy so far is below the median of its peers' at the same epoch.

    Its peers are the complete trials that are no dearer than it in any cost: a small network is not given up for being
    less accurate than large ones, but one that smaller or equal ones beat is. With accuracy as the only objective, all
    are peers, and this is the median rule (Golovin et al. 2017, Google Vizier).
    """

    def __init__(self, n_startup_trials: int = 6, n_warmup_steps: int = 1) -> None:
        """`n_startup_trials` peers are needed for a verdict, and so many epochs are let pass."""
        self._startup, self._warmup = n_startup_trials, n_warmup_steps

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        own = curve(trial)
        if not own or max(own) < self._warmup:
            return False
        epoch = max(own)
        costs = [IN_PLACE_OF.get(name, name) for name in study.user_attrs.get(COSTS, [])]
        peers = [
            there[epoch]
            for other in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if epoch in (there := curve(other))
            and all(other.user_attrs[name] <= trial.user_attrs[name] for name in costs)
        ]
        return len(peers) >= self._startup and max(own.values()) < median(peers)
