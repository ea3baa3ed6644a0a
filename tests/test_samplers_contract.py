"""What every sampler of `conf/sampler` must do, and what those must that decide on a whole document at once."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from search_parts import tiny_space

import conf
from nas.compose import configuration
from nas.samplers.catalogue import for_space
from nas.search.proposal import Candidate, TrialSuggest, propose
from nas.search.samplers import SeededSampler
from nas.space.space import Space

PLANNED = ("surrogate", "evolution", "local_search")
ALL = sorted(path.stem for path in (Path(conf.__file__).parent / "sampler").glob("*.yaml"))

BODY = {
    "op": "chain",
    "name": "body",
    "chain": {
        "choice": {
            "plain": [{"op": "conv", "name": "one", "width": {"int": [1, 64]}, "kernel": {"choice": [1, 3, 5]}}],
            "deep": [
                {"op": "conv", "name": "two", "width": {"int": [1, 64], "log": True}, "kernel": 3},
                {"op": "conv", "name": "three", "width": {"int": [8, 64], "step": 8}, "kernel": {"choice": [1, 3, 5]}},
            ],
        }
    },
}
CONDITIONAL = tiny_space(network=BODY, lr={"float": [0.001, 0.1], "log": True})
SMALL = tiny_space(network={"op": "conv", "name": "body", "width": {"choice": [2, 4, 8]}, "kernel": {"choice": [1, 3]}})


@cache
def shipped(name: str) -> Callable[..., Any]:
    return configuration([f"sampler={name}"]).sampler


def opened(name: str, space: Space = CONDITIONAL, seed: int = 0, **options: Any) -> optuna.Study:
    sampler = SeededSampler(for_space(shipped(name), space), seed)
    return optuna.create_study(sampler=sampler, **({"direction": "maximize"} | options))


def asked(study: optuna.Study, space: Space = CONDITIONAL) -> tuple[optuna.trial.Trial, Candidate]:
    trial = study.ask()
    candidate = propose(space, TrialSuggest(trial))
    assert isinstance(candidate, Candidate)
    return trial, candidate


def value(candidate: Candidate) -> float:
    """Better the nearer to 20,000 parameters."""
    return -abs(candidate.cost.parameters - 20_000) / 20_000


def searched(study: optuna.Study, count: int, space: Space = CONDITIONAL) -> list[Candidate]:
    found = []
    for _ in range(count):
        trial, candidate = asked(study, space)
        study.tell(trial, value(candidate))
        found.append(candidate)
    return found


def parameters(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("name", ALL)
def test_every_sampler_fills_a_conditional_space(name: str) -> None:
    study = opened(name)
    searched(study, 14)
    assert len({str(one) for one in parameters(study)}) == 14


@pytest.mark.parametrize("name", ALL)
def test_every_sampler_goes_on_after_pruned_failed_and_infeasible_trials(name: str) -> None:
    study = opened(name)
    for number in range(14):
        trial, candidate = asked(study)
        match number % 4:
            case 0:
                study.tell(trial, value(candidate))
            case 1:
                study.tell(trial, state=TrialState.FAIL)
            case 2:
                trial.set_constraint("parameters", 0.5)
                study.tell(trial, state=TrialState.PRUNED)
            case _:
                trial.report(value(candidate), 0)
                study.tell(trial, state=TrialState.PRUNED)


@pytest.mark.parametrize("name", PLANNED)
def test_no_network_is_proposed_twice(name: str) -> None:
    digests = [candidate.digest for candidate in searched(opened(name), 40)]
    assert len(set(digests)) == 40


@pytest.mark.parametrize("name", PLANNED)
def test_workers_that_ask_at_once_get_different_networks(name: str) -> None:
    study = opened(name)
    searched(study, 12)
    digests = [asked(study)[1].digest for _ in range(8)]
    assert len({*digests, *(trial.user_attrs.get("digest") for trial in study.trials)} - {None}) == 8


@pytest.mark.parametrize("name", PLANNED)
def test_a_small_space_is_seen_whole_before_anything_is_repeated(name: str) -> None:
    study = opened(name, SMALL)
    digests = [candidate.digest for candidate in searched(study, 6, SMALL)]
    assert len(set(digests)) == 6
    searched(study, 2, SMALL)


@pytest.mark.parametrize("name", PLANNED)
def test_the_same_history_and_seed_give_the_same_proposals(name: str) -> None:
    whole = opened(name)
    searched(whole, 24)
    broken = opened(name)
    searched(broken, 17)
    continued = opened(name)  # another process: nothing is remembered but the trials
    for trial in broken.trials:
        continued.add_trial(trial)
    assert [trial.system_attrs for trial in continued.trials] == [trial.system_attrs for trial in broken.trials]
    searched(continued, 7)
    assert parameters(continued) == parameters(whole)


@pytest.mark.parametrize("name", PLANNED)
def test_seeds_differ(name: str) -> None:
    one, other = opened(name), opened(name, seed=1)
    searched(one, 3)
    searched(other, 3)
    assert parameters(one) != parameters(other)


@pytest.mark.parametrize("name", ALL)
def test_holes_that_are_given_stay_as_they_are(name: str) -> None:
    study = opened(name)
    searched(study, 12)
    given = {"network.body.chain": "deep", "network.body.chain.deep.two.width": 7}
    study.enqueue_trial(given)
    trial, _ = asked(study)
    assert given.items() <= trial.params.items()
    assert len(trial.params) == 5


@pytest.mark.parametrize("name", PLANNED)
def test_a_trial_interrupted_between_two_holes_goes_on_as_it_would_have(name: str) -> None:
    whole, broken = opened(name), opened(name)
    searched(whole, 13)
    expected = asked(whole)[0].params
    searched(broken, 13)
    trial = broken.ask()
    first = next(iter(expected))
    trial.suggest_categorical(first, list(CONDITIONAL.holes[first].options))  # type: ignore[union-attr]
    again = optuna.trial.Trial(broken, trial._trial_id)
    propose(CONDITIONAL, TrialSuggest(again))
    assert again.params == expected


@pytest.mark.parametrize("name", ["surrogate", "evolution", "nsga2", "random", "tpe"])
def test_several_objectives_are_searched_for(name: str) -> None:
    study = opened(name, direction=None, directions=["maximize", "minimize"])
    for _ in range(16):
        trial, candidate = asked(study)
        study.tell(trial, (value(candidate), float(candidate.cost.macs)))
    assert len(study.best_trials) > 1


@pytest.mark.parametrize("name", PLANNED)
def test_less_is_better_where_the_study_says_so(name: str) -> None:
    up, down = opened(name), opened(name, direction="minimize")
    for study, sign in ((up, 1), (down, -1)):
        for _ in range(16):
            trial, candidate = asked(study)
            study.tell(trial, sign * value(candidate))
    assert parameters(up) == parameters(down)


def test_nothing_over_the_budget_is_proposed_where_it_is_known() -> None:
    make = for_space(shipped("surrogate"), CONDITIONAL, lambda architecture, price: price.parameters < 3_000)
    study = optuna.create_study(sampler=SeededSampler(make, 0), direction="maximize")
    assert all(candidate.cost.parameters < 3_000 for candidate in searched(study, 16))


def test_surrogate_finds_what_random_search_does_not() -> None:
    """The mean of the last ten values: it knows by then where the good ones are."""
    means = {name: sum(map(value, searched(opened(name), 30)[-10:])) / 10 for name in ("surrogate", "random")}
    assert means["surrogate"] > means["random"] + 0.2


STORAGES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: InMemoryStorage(),
    "sqlite": lambda folder: f"sqlite:///{folder / 'study.db'}",
    "journal": lambda folder: JournalStorage(JournalFileBackend(str(folder / "study.log"))),
}


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("name", PLANNED)
def test_an_ordinary_study_can_use_it_from_several_threads(name: str, storage: str, tmp_path: Path) -> None:
    """A new study object for the second half: nothing is remembered but the storage."""
    digests = []

    def objective(trial: optuna.Trial) -> float:
        candidate = propose(CONDITIONAL, TrialSuggest(trial))
        assert isinstance(candidate, Candidate)
        digests.append(candidate.digest)
        if trial.number % 5 == 3:
            raise ValueError("failed")
        return value(candidate)

    opened = STORAGES[storage](tmp_path)
    for _ in range(2):
        sampler = for_space(shipped(name), CONDITIONAL)(seed=None)
        study = optuna.create_study(
            storage=opened, study_name="study", load_if_exists=True, sampler=sampler, direction="maximize"
        )
        study.optimize(objective, n_trials=8, n_jobs=3, catch=ValueError)
    assert len(study.trials) == 16
    assert len(set(digests)) == 16


def test_the_study_in_the_documentation_runs() -> None:
    page = Path(__file__).parent.parent / "docs" / "samplers.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    assert len(names["study"].trials) == 10
