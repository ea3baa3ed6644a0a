"""What is proposed to be trained, and how all else ends at once."""

from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState
from search_parts import CHOICE, tiny_space

from nas.search import proposer
from nas.search.options import Budget, SearchOptions
from nas.search.proposal import Candidate
from nas.search.proposer import AT_ONCE, PATIENCE, Proposer
from nas.search.samplers import SeededSampler
from nas.space.space import Space
from nas.study import states
from nas.study.claims import Alone
from nas.study.ledger import TWIN_OF, Ledger
from nas.study.study import trials

SMALLEST = {"network.body.width": 2, "network.body.kernel": 1}
LARGER = {"network.body.width": 3, "network.body.kernel": 1}


class Stubborn(BaseSampler):
    """Proposes the first of all that there is, again and again."""

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        match param_distribution:
            case CategoricalDistribution(choices=choices):
                return choices[0]
            case _:
                return param_distribution.low


def made(
    space: Space | None = None,
    *,
    budget: Budget = Budget(),  # noqa: B008  (frozen)
    sampler: BaseSampler | None = None,
    per_architecture: int = 1,
    claims: Alone | None = None,
) -> Proposer:
    """A proposer for a study in memory, whose trials end as the driver ends them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler or SeededSampler(RandomSampler, 0))
    ledger = Ledger(study, 999, claims or Alone())

    def end(trial: Trial, state: str, reason: str = "", **how: Any) -> None:
        trial.set_user_attr("reason", reason)
        ledger.end(trial, state, **how)

    options = SearchOptions(budget, per_architecture=per_architecture)
    return Proposer(study, ledger, space or tiny_space(), options, 0, end)


def proposed(it: Proposer, parameters: dict[str, Any] | None = None) -> tuple[Trial, Candidate]:
    """What is proposed next, of these parameters if there are any."""
    if parameters is not None:
        it.study.enqueue_trial(parameters)
    found = it.next()
    assert found is not None
    return found


def refused(it: Proposer, parameters: dict[str, Any]) -> FrozenTrial:
    """The trial of these parameters, which is not to be trained."""
    it.study.enqueue_trial(parameters)
    trial = it.ledger.ask()
    assert trial is not None
    assert it.candidate(trial) is None
    return trials(it.study)[trial.number]


def complete(it: Proposer, trial: Trial, value: float) -> None:
    trial.report(value / 2, 0)
    trial.report(value, 1)
    it.end(trial, states.COMPLETE, values=[value])
    it.has_ended(trial.number)


def ended(trial: FrozenTrial) -> tuple[str | None, str]:
    return states.word(trial), trial.user_attrs["reason"]


def test_a_candidate_is_recorded_with_its_price_and_key_before_it_is_trained() -> None:
    it = made()
    trial, candidate = proposed(it, SMALLEST)
    assert it.known.equals(candidate, number=99) == [trial.number]
    frozen = trials(it.study)[trial.number]
    assert frozen.state == TrialState.RUNNING
    assert frozen.user_attrs == candidate.facts


def test_a_trial_that_is_taken_up_again_has_its_own_candidate() -> None:
    it = made()
    trial, candidate = proposed(it, SMALLEST)
    assert it.candidate(trial) == candidate


def test_a_trial_gets_into_the_group_that_is_asked_for() -> None:
    it = made()
    first, _ = proposed(it)
    found = it.next(group=first.number)
    assert found is not None
    assert found[0].user_attrs["group"] == first.number


def test_what_is_over_the_budget_ends_with_by_how_much_for_each_limit() -> None:
    over = refused(made(budget=Budget(parameters=10, depth=1)), SMALLEST)
    assert over.user_attrs["parameters"] == 15  # 2·1 + 4 of the norm, 2·3 + 3 of the head
    assert over.constraints == {"parameters": 0.5, "depth": 1.0}
    assert ended(over) == (states.INFEASIBLE, "50% over the limit of parameters, 100% over the limit of depth")


def test_what_does_not_fit_the_images_ends_with_its_reason() -> None:
    space = tiny_space(network={"op": "conv", "width": 2, "kernel": 9, "padding": "valid"})
    misfit = refused(made(space), {})
    assert misfit.constraints == {"fits": 1.0}
    assert ended(misfit) == (states.INFEASIBLE, "conv: a kernel of 9×9 does not fit the grid of 8×8")


def test_what_is_wrong_in_itself_has_failed_with_its_reason() -> None:
    space = tiny_space(network={"op": "chain", "name": "body", "chain": {"choice": {"wrong": [{"op": "what"}]}}})
    word, reason = ended(refused(made(space), {}))
    assert word == states.FAILED
    assert "no op 'what'" in reason


def test_a_twin_of_what_has_ended_ends_with_all_that_is_known_of_it() -> None:
    it = made()
    trial, _ = proposed(it, SMALLEST)
    trial.set_constraint("latency", 0.0)
    complete(it, trial, 0.75)
    twin, first = refused(it, SMALLEST), trials(it.study)[trial.number]
    assert (twin.state, twin.value, twin.user_attrs[TWIN_OF]) == (TrialState.COMPLETE, 0.75, trial.number)
    assert twin.intermediate_values == first.intermediate_values == {0: 0.375, 1: 0.75}
    assert twin.constraints == first.constraints == {"latency": 0.0}
    assert ended(twin) == (states.TWIN, f"trains like trial {trial.number}")


def test_twins_of_what_is_in_training_wait_until_that_has_ended() -> None:
    it = made()
    trial, _ = proposed(it, SMALLEST)
    waiting = [refused(it, SMALLEST) for _ in range(2)]
    assert [twin.state for twin in waiting] == [TrialState.RUNNING] * 2
    other, _ = proposed(it, LARGER)
    complete(it, other, 0.9)
    assert [trials(it.study)[twin.number].state for twin in waiting] == [TrialState.RUNNING] * 2
    complete(it, trial, 0.5)
    assert [trials(it.study)[twin.number].value for twin in waiting] == [0.5, 0.5]
    it.has_ended(trial.number)  # there is nothing more to end


def test_a_twin_that_another_driver_has_left_waiting_is_ended_like_any_other() -> None:
    it = made()
    trial, _ = proposed(it, SMALLEST)
    waiting = refused(it, SMALLEST)
    it._waiting.clear()
    complete(it, trial, 0.5)
    left = Trial(it.study, waiting._trial_id)
    assert it.candidate(left) is None
    assert ended(trials(it.study)[waiting.number]) == (states.TWIN, f"trains like trial {trial.number}")


def test_beyond_its_settings_an_architecture_has_the_best_value_of_them() -> None:
    it = made(tiny_space(lr={"choice": [0.01, 0.02, 0.03, 0.04]}), per_architecture=3)
    settings = [SMALLEST | {"training.lr": lr} for lr in (0.01, 0.02, 0.03, 0.04)]
    for parameters, value in zip(settings[:3], (0.5, 0.75, 0.75), strict=True):
        complete(it, proposed(it, parameters)[0], value)
    twin = refused(it, settings[3])
    assert ended(twin) == (states.TWIN, "has the architecture of trial 1")
    assert twin.value == 0.75


def test_settings_without_a_value_are_the_worst_of_an_architecture() -> None:
    it = made(tiny_space(lr={"choice": [0.01, 0.02, 0.03]}), per_architecture=2)
    pruned, _ = proposed(it, SMALLEST | {"training.lr": 0.01})
    it.end(pruned, states.PRUNED)
    complete(it, proposed(it, SMALLEST | {"training.lr": 0.02})[0], 0.0)
    assert refused(it, SMALLEST | {"training.lr": 0.03}).user_attrs[TWIN_OF] == 1


def test_a_candidate_that_another_driver_was_first_to_claim_is_its_twin() -> None:
    claims = Alone()
    it = made(claims=claims)
    first, candidate = proposed(it, LARGER)
    complete(it, first, 0.5)
    claims.take(f"key/{_key(SMALLEST)}", str(first.number))
    twin = refused(it, SMALLEST)
    assert twin.user_attrs[TWIN_OF] == first.number
    assert it.known.equals(_candidate(SMALLEST), number=99) == [first.number]
    assert candidate.key != _key(SMALLEST)


def _candidate(parameters: dict[str, Any], space: Space | None = None) -> Candidate:
    return proposed(made(space), parameters)[1]


def _key(parameters: dict[str, Any]) -> str:
    return _candidate(parameters).key


def test_a_sampler_that_repeats_itself_is_helped_out_until_each_document_has_been_proposed() -> None:
    it = made(sampler=Stubborn())
    found = set()
    for _ in range(99):
        if (new := it.next()) is not None:
            found.add(new[1].key)
    assert len(found) == 16
    assert it.exhausted == "every document of the space has been looked at: nothing else is new and fits"
    assert it.next() is None
    twins = [trial for trial in trials(it.study) if TWIN_OF in trial.user_attrs]
    # patience is halved each time: 20, 10, 5, 2, and then 1
    assert len(twins) == PATIENCE + 10 + 5 + 2 + 12


def test_what_is_left_comes_in_an_order_of_the_seed() -> None:
    one, other = made(sampler=Stubborn()), made(sampler=Stubborn())
    orders = [[new[1].key for _ in range(30) if (new := it.next()) is not None] for it in (one, other)]
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])


def test_of_what_is_left_only_what_is_within_the_budget_is_proposed() -> None:
    it = made(sampler=Stubborn(), budget=Budget(parameters=20))
    found = [new[1] for _ in range(99) if (new := it.next()) is not None]
    assert {candidate.cost.parameters for candidate in found} == {15}
    over = [trial for trial in trials(it.study) if states.word(trial) == states.INFEASIBLE]
    assert over == [], "the sampler has not proposed any, and of the list none is made"


UNDER_A_CONDITION = {"if": {"context": "grid", "at_least": 4}, "then": 1, "else": 3}


@pytest.mark.parametrize("kernel", [1, UNDER_A_CONDITION])
def test_a_space_too_large_to_be_listed_is_drawn_from_at_random_and_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch, kernel: Any
) -> None:
    monkeypatch.setattr(proposer, "GIVE_UP_AFTER", PATIENCE + 5)
    body = {"op": "conv", "name": "body", "width": CHOICE, "kernel": kernel}
    space = tiny_space(lr={"float": [0.01, 0.02]}, network=body)
    it = made(space, sampler=Stubborn(), budget=Budget(macs=1))
    while not it.exhausted:
        assert it.next() is None
    assert it.exhausted == f"no new candidate in {PATIENCE + 5} proposals: nothing else is new and fits"
    widths = [trial.params["network.body.width"] for trial in trials(it.study)]
    assert set(widths[:PATIENCE]) == {2}
    assert len(widths) == PATIENCE + 5
    assert len(set(widths[PATIENCE:])) > 1


def test_of_what_is_left_nothing_is_proposed_that_is_known() -> None:
    it = made(tiny_space(width=4), sampler=Stubborn())
    for kernel in (1, 3):
        proposed(it, {"network.body.kernel": kernel})
    while not it.exhausted:
        assert it.next() is None
    assert [trial.number for trial in trials(it.study) if trial.params["network.body.kernel"] == 3] == [1]


def test_what_was_trained_before_is_known_as_it_ended() -> None:
    space = tiny_space(lr={"choice": [0.01, 0.02]})
    before = made(space)
    for width, state in ((2, states.COMPLETE), (3, states.PRUNED), (4, None), (5, states.FAILED), (6, states.SCREENED)):
        trial, _ = proposed(before, {"network.body.width": width, "network.body.kernel": 1, "training.lr": 0.01})
        if state is not None:
            before.end(trial, state, values=[0.5] if state == states.COMPLETE else None)
    waiting = refused(before, {"network.body.width": 4, "network.body.kernel": 1, "training.lr": 0.02})
    assert waiting.state == TrialState.RUNNING
    unfit = before.study.ask()
    before.study.tell(unfit, state=TrialState.FAIL)
    after = made(space)
    for trial in trials(before.study):
        after.learn(trial)
    known: dict[int, list[list[int]]] = {}
    for width in (2, 3, 4, 5, 6):
        settings = [SMALLEST | {"network.body.width": width, "training.lr": lr} for lr in (0.01, 0.02)]
        known[width] = [after.known.equals(_candidate(each, space), number=99) for each in settings]
    only_itself, nothing = [[3], []], [[], []]
    assert known == {2: [[0], [0]], 3: [[1], [1]], 4: [[2], [2]], 5: only_itself, 6: nothing}


def test_what_another_driver_has_screened_out_may_be_proposed_here() -> None:
    there, here = made(), made()
    trial, candidate = proposed(there, SMALLEST)
    here.learn(trials(there.study)[0])
    here.exhausted = "nothing left"
    there.end(trial, states.SCREENED)
    here.learn(trials(there.study)[0])
    assert here.known.equals(candidate, number=99) == []
    assert not here.exhausted


def test_after_some_proposals_in_vain_other_work_comes_first() -> None:
    it = made(tiny_space(lr={"float": [0.01, 0.02]}), budget=Budget(macs=1))
    assert it.next() is None
    assert len(trials(it.study)) == AT_ONCE
    assert not it.exhausted


def test_what_has_been_screened_out_may_be_proposed_again() -> None:
    it = made(tiny_space(width=4), sampler=Stubborn())
    numbers = {}
    for _ in range(9):
        if (new := it.next()) is not None:
            numbers[new[1].key] = new[0].number
    assert len(numbers) == 2
    assert it.exhausted
    key, number = next(iter(numbers.items()))
    trial = Trial(it.study, trials(it.study)[number]._trial_id)
    it.end(trial, states.SCREENED)
    it.forget(key, number)
    assert not it.exhausted
    again = [new for _ in range(9) if (new := it.next()) is not None]
    assert [candidate.key for _, candidate in again] == [key]
    assert it.exhausted
