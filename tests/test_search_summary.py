"""What a search says at its end."""

from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.search.summary import early_agreement


def complete(*curve: float) -> FrozenTrial:
    return create_trial(value=curve[-1], intermediate_values=dict(enumerate(curve)), user_attrs={"state": "complete"})


def test_the_end_says_how_early_epochs_rank_the_candidates() -> None:
    rising = [complete(n / 10, 1 - n / 10, n / 5) for n in range(8)]
    others = [
        complete(0.1, 0.2),  # trained for less long
        create_trial(state=TrialState.PRUNED, intermediate_values={0: 0.9}, user_attrs={"state": "pruned"}),
    ]
    said = early_agreement([*rising, *others])
    assert said.startswith("how early epochs rank complete candidates against epoch 3: epoch 1: Kendall 1.00")
    assert "epoch 2: Kendall -1.00" in said
    assert said.count("n 8") == 2


def test_too_few_candidates_or_epochs_say_nothing() -> None:
    assert early_agreement([complete(0.1, 0.2, 0.3)] * 7) == ""
    assert early_agreement([complete(0.1, 0.2)] * 9) == ""
    assert early_agreement([]) == ""
