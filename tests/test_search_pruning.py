"""The median rule: when a candidate is ended in training."""

import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.errors import InputError
from nas.search.pruning import MedianPruner

accuracy = st.integers(0, 9).map(lambda tenths: tenths / 10)


def trained(accuracies: list[float]) -> FrozenTrial:
    return create_trial(value=accuracies[-1], intermediate_values=dict(enumerate(accuracies)))


def in_training(accuracies: list[float]) -> FrozenTrial:
    return create_trial(state=TrialState.RUNNING, intermediate_values=dict(enumerate(accuracies)))


@given(st.data(), st.integers(1, 6), st.integers(1, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_for_one_objective_it_is_the_rule_of_optuna(
    data: st.DataObject, epochs: int, peers: int, warmup: float
) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    whole = st.lists(accuracy, min_size=epochs, max_size=epochs)
    study.add_trials(list(map(trained, data.draw(st.lists(whole, max_size=5)))))
    trial = in_training(data.draw(st.lists(accuracy, min_size=1, max_size=epochs)))
    theirs = optuna.pruners.MedianPruner(n_startup_trials=peers, n_warmup_steps=math.ceil(warmup * epochs))
    assert MedianPruner(peers, warmup).prune(study, trial) == theirs.prune(study, trial)


def test_as_it_is_by_default_nothing_ends_in_the_first_half_of_a_training() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials([trained([0.5] * 6)] * 6)
    assert [MedianPruner().prune(study, in_training([0.1] * epochs)) for epochs in range(1, 7)] == [False] * 3 + [
        True
    ] * 3


@pytest.mark.parametrize("warmup", [-0.1, 1.5, True, "half", float("nan")])
def test_a_warmup_that_is_no_share_is_refused(warmup: object) -> None:
    with pytest.raises(InputError, match=r"pruner\.warmup: expected a share from 0 to 1"):
        MedianPruner(warmup=warmup)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [0, -1, 2.5])
def test_a_number_of_first_trials_that_is_none_is_refused(number: object) -> None:
    with pytest.raises(InputError, match=r"pruner\.n_startup_trials: expected a whole number"):
        MedianPruner(n_startup_trials=number)  # type: ignore[arg-type]
