"""What the default sampler's model expects: of documents seen and unseen, with noise, and with brief trainings."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from search_parts import tiny_space

from nas.architecture.context import context
from nas.samplers import SCREEN
from nas.samplers.catalogue import Catalogue, Looked
from nas.samplers.distances import Distances
from nas.samplers.expectation import OBSERVED, believed, expectation, feasibility, hoped, looked
from nas.samplers.history import Past, history
from nas.samplers.planned import distribution
from nas.samplers.surrogate import Array, squeezed
from nas.samplers.surrogate_sampler import SurrogateSampler
from nas.search.proposal import TrialSuggest

CONV = {"op": "conv", "kernel": 3, "width": 8}
BRANCH = {"choice": {"absent": None, "small": [{"op": "conv", "kernel": 1, "width": 4}], "large": [CONV]}}
SPACE = tiny_space(
    network={
        "op": "branches",
        "name": "body",
        "branches": {"always": [CONV], **dict.fromkeys(("one", "two", "three", "four"), BRANCH)},
    }
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(SPACE)


def documents(catalogue: Catalogue, count: int, seed: int = 0) -> list[Looked]:
    """Different ones, at random."""
    random, found = Random(seed), {}
    while len(found) < count:
        one = catalogue.random(random)
        if one is not None:
            found[one.key] = one
    return list(found.values())


def worth(one: Looked) -> float:
    """Better the more branches are large, worse the more are absent."""
    values = list(one.parameters.values())
    return values.count("large") - 0.5 * values.count("absent")


def past(some: list[Looked], value: Callable[[Looked], float] = worth) -> tuple[list[Past], Array]:
    trials = [Past(number, one, (value(one),), False) for number, one in enumerate(some)]
    return trials, np.array([value(one) for one in some])


def agreement(expected: Array, some: list[Looked]) -> float:
    return float(np.corrcoef(expected, [worth(one) for one in some])[0, 1])


def test_documents_that_none_has_tried_are_ordered_as_they_turn_out(catalogue: Catalogue) -> None:
    some = documents(catalogue, 15)
    mean, deviation = expectation(*past(some[:10]), documents(catalogue, 15, 1)).expected(some[10:])
    assert agreement(mean, some[10:]) > 0.8
    assert (deviation > 0).all()


def test_the_model_is_surer_of_what_has_been_tried(catalogue: Catalogue) -> None:
    some = documents(catalogue, 15)
    _, deviation = expectation(*past(some[:10]), documents(catalogue, 15, 1)).expected(some)
    assert deviation[:10].mean() < deviation[10:].mean()


def test_what_is_in_training_makes_the_model_sure_of_itself_and_moves_nothing_else(catalogue: Catalogue) -> None:
    some = documents(catalogue, 15)
    trials, values = past(some[:10])
    running = Past(10, some[10], None, runs=True)
    drawn = documents(catalogue, 15, 1)
    alone = expectation(trials, values, drawn).expected(some[10:])
    beside = expectation([*trials, running], np.append(values, np.nan), drawn).expected(some[10:])
    assert beside[1][0] < alone[1][0]
    assert agreement(beside[0], some[10:]) == pytest.approx(agreement(alone[0], some[10:]), abs=0.1)


def test_brief_trainings_tell_of_full_ones(catalogue: Catalogue) -> None:
    """Chance decides the values, so that only the brief trainings know of them."""
    some, chance = documents(catalogue, 15), Random(5)
    values = {one.key: chance.random() for one in some}
    full, seen = past(some[:8], lambda one: values[one.key])
    drawn = documents(catalogue, 15, 1)
    screened = [Past(10 + place, one, None, False, 0.5 * values[one.key]) for place, one in enumerate(some[8:])]
    brief = [replace(trial, brief=0.5 * trial.values[0]) for trial in full if trial.values]
    unknown = np.append(seen, np.full(len(screened), np.nan))
    told, _ = expectation([*brief, *screened], unknown, drawn).expected(looked(screened))
    alone, _ = expectation(full, seen, drawn).expected(looked(screened))
    real = [values[one.key] for one in some[8:]]
    assert np.corrcoef(told, real)[0, 1] > 0.8 > np.corrcoef(alone, real)[0, 1]


def test_many_trials_are_thinned_out_and_the_best_stay(catalogue: Catalogue) -> None:
    some = documents(catalogue, 15)
    trials = [Past(number, some[number % 15], (float(number),), False) for number in range(3 * OBSERVED)]
    values = np.arange(3.0 * OBSERVED)
    given = expectation(trials, values, documents(catalogue, 15, 1)).given
    assert len(given) == OBSERVED
    assert given[-OBSERVED // 2 :] == looked(trials[-OBSERVED // 2 :])


def add(study: optuna.Study, one: Looked, **told: Any) -> None:
    """A trial of this document."""
    holes = {name: distribution(SPACE.holes[name]) for name in one.parameters}
    study.add_trial(create_trial(params=dict(one.parameters), distributions=holes, **told))


def test_a_lucky_value_is_not_believed(catalogue: Catalogue) -> None:
    some = sorted(documents(catalogue, 15), key=worth)
    values = [worth(one) for one in some]
    values[3] = values[-1] + 0.2
    study = optuna.create_study(direction="maximize")
    for one, value in zip(some, values, strict=True):
        add(study, one, value=value)
    worths = believed(study, catalogue)
    assert max(worths, key=lambda number: worths[number]) == 14


def test_screened_failed_and_infeasible_trials_are_told_apart(catalogue: Catalogue) -> None:
    some = documents(catalogue, 4)
    study = optuna.create_study(direction="minimize")
    ends = [
        (TrialState.PRUNED, {}),
        (TrialState.FAIL, {}),
        (TrialState.PRUNED, {"fits": 1.0}),
        (TrialState.RUNNING, {}),
    ]
    for one, (state, broken) in zip(some, ends, strict=True):
        add(study, one, state=state, user_attrs={SCREEN: 0.25}, constraints=broken)
    found = history(study, catalogue)
    assert [trial.brief for trial in found] == [-0.25, None, None, -0.25]
    assert [trial.screened for trial in found] == [True, False, False, False]


def test_most_is_hoped_of_the_candidate_that_did_best_briefly(catalogue: Catalogue) -> None:
    some = documents(catalogue, 15)
    study = optuna.create_study(direction="maximize")
    for place, one in enumerate(some):
        told = {"state": TrialState.RUNNING} if place >= 12 else {"value": worth(one)}
        add(study, one, user_attrs={SCREEN: 0.1 * worth(one)}, **told)
    hopes = hoped(study, catalogue, (12, 13, 14))
    assert hopes.keys() == {12, 13, 14}
    assert max(hopes, key=lambda number: hopes[number]) == max(hopes, key=lambda number: worth(some[number]))
    assert hoped(optuna.create_study(), catalogue, (1,)) == {}


def test_distances_are_1_in_the_median_of_those_drawn_and_do_not_need_a_column_for_all(catalogue: Catalogue) -> None:
    ways = [one.groups[1] for one in documents(catalogue, 15)]
    apart = Distances.of(ways, ways).to(ways)
    assert np.diag(apart) == pytest.approx(0, abs=1e-9)
    assert apart == pytest.approx(apart.T)
    assert Distances.of(ways[:1], ways[:1]).to(ways)[:, 0] == pytest.approx(apart[:, 0] * Distances.of(ways, ways).unit)


def test_bad_failures_say_little_of_the_good_ones() -> None:
    good = np.linspace(0.8, 0.9, 20)
    mild, severe = (squeezed(np.append(good, low)) for low in (0.6, 0.1))
    assert severe[-2] - severe[-3] > 0.5 * (mild[-2] - mild[-3])


def test_infeasible_trials_say_where_others_will_be_infeasible_and_nothing_of_accuracy() -> None:
    space = tiny_space(width={"int": [1, 16]})
    catalogue = Catalogue(space)
    study = optuna.create_study(direction="maximize", sampler=SurrogateSampler(catalogue, seed=0))
    for _ in range(20):  # wide networks are better, and those wider than 8 are not feasible
        trial = study.ask()
        space.sample(TrialSuggest(trial), context)
        width = trial.params["network.body.width"]
        if width > 8:
            trial.set_constraint("memory", 1.0)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, width)
    drawn = [one for one in (catalogue.random(Random(seed)) for seed in range(50)) if one is not None]
    past = history(study, catalogue)
    model = feasibility(past, drawn)
    assert model is not None
    wide = np.array([one.parameters["network.body.width"] > 8 for one in drawn])
    likely = model.expected(drawn)[0]
    assert likely[wide].mean() < 0.4 < 0.6 < likely[~wide].mean()
    assert feasibility([trial for trial in past if not trial.infeasible], drawn) is None
