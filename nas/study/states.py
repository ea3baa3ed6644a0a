"""How a trial ends, in six words, and how Optuna is told."""

from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nas.samplers import SCREEN

COMPLETE, PRUNED, FAILED, INFEASIBLE, TWIN = "complete", "pruned", "failed", "infeasible", "twin"
SCREENED = "screened"
"""It was scored, and another of its group has been trained (see `nas.search.screening`)."""

STATES = (COMPLETE, PRUNED, FAILED, INFEASIBLE, TWIN, SCREENED)
COUNTED = (COMPLETE, PRUNED)
"""What the budget of trials counts."""

STATE = "state"
"""The user attribute of a trial that holds its word."""

SCORE = SCREEN
"""The user attribute of a trial that has been screened: its score, of which more is better; samplers look there."""

SURPLUS = "surplus"
"""There instead of a word: the trial came after the budget was reached, and never began (see `Ledger`)."""

TOLD = {
    COMPLETE: TrialState.COMPLETE,
    PRUNED: TrialState.PRUNED,
    FAILED: TrialState.FAIL,
    INFEASIBLE: TrialState.PRUNED,
    SCREENED: TrialState.PRUNED,
    SURPLUS: TrialState.FAIL,
}
"""How Optuna is told; a twin as its equal was. Samplers learn from pruned trials, with a constraint that is broken or
not, and never look at failed ones."""


def word(trial: FrozenTrial) -> str | None:
    """How the trial ended; None while it runs or waits, or if it never began."""
    if not trial.state.is_finished() or trial.user_attrs.get(STATE) == SURPLUS:
        return None
    default = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED}.get(trial.state, FAILED)
    given: Any = trial.user_attrs.get(STATE, default)
    return str(given)
