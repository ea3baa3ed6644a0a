"""Which parameters set the best candidates apart."""

import warnings
from collections.abc import Sequence

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, create_trial

from nas.study import states
from nas.study.objectives import gains

LEAST = 16
"""Complete candidates below which importance is noise: what sets the best tenth apart would follow from one or two."""


def importances(trials: Sequence[FrozenTrial], objective: int = 0) -> dict[str, float]:
    """The parameters' shares in what sets the best tenth of the complete candidates apart, largest first.

    PED-ANOVA (Watanabe et al. 2023) as Optuna has it, which knows parameters that are not always there. Twins are left
    out, which would count twice. Empty if there are too few candidates. `objective` is the index of one of several.
    """
    complete = [trial for trial in trials if states.word(trial) == states.COMPLETE and trial.values]
    names = list(dict.fromkeys(name for trial in complete for name in trial.params))
    if len(complete) < LEAST or not names:
        return {}
    from optuna.importance import get_param_importances  # it imports scikit-learn where that is installed, in a second

    study = optuna.create_study(direction="maximize")
    for trial in complete:
        value = gains(trial.values)[objective]
        study.add_trial(create_trial(value=value, params=trial.params, distributions=trial.distributions))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        shares = get_param_importances(study, params=names)
    if not sum(shares.values()) > 0:
        return {}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
