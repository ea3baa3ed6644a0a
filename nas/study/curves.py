"""A trial's learning curve: as Optuna keeps it, or, with several objectives, where it keeps none, as an attribute."""

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

CURVE = "curve"
"""The user attribute of a trial in a study of several objectives: its accuracy by epoch."""


def curve(trial: FrozenTrial) -> dict[int, float]:
    """Accuracy by epoch, from 0, as far as it has been reported."""
    kept: dict[str, float] = trial.user_attrs.get(CURVE, {})
    return dict(trial.intermediate_values) or {int(epoch): value for epoch, value in kept.items()}


def report(study: Study, trial: Trial, known: dict[int, float], more: dict[int, float]) -> None:
    """Adds to the curve what is new in `more`; `known` is the curve so far, and is brought up to date."""
    new = {epoch: value for epoch, value in more.items() if epoch not in known}
    known |= new
    if len(study.directions) > 1:
        if new:
            trial.set_user_attr(CURVE, {str(epoch): value for epoch, value in known.items()})
    else:
        for epoch, value in new.items():
            trial.report(value, epoch)
