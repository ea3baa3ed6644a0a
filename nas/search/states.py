"""How a trial ends, in five words, and how Optuna is told."""

from typing import Any

from optuna.trial import FrozenTrial, TrialState

COMPLETE, PRUNED, FAILED, INFEASIBLE, TWIN = "complete", "pruned", "failed", "infeasible", "twin"
STATES = (COMPLETE, PRUNED, FAILED, INFEASIBLE, TWIN)
COUNTED = (COMPLETE, PRUNED)
"""What the budget of trials counts."""

STATE = "state"
"""The user attribute of a trial that holds its word."""


def word(trial: FrozenTrial) -> str | None:
    """How the trial ended; None while it runs or waits."""
    if not trial.state.is_finished():
        return None
    default = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED}.get(trial.state, FAILED)
    given: Any = trial.user_attrs.get(STATE, default)
    return str(given)
