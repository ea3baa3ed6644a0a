"""Samplers that repeat themselves across processes, and never after a restart."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import pytest
import search_parts
from optuna.samplers import BaseSampler, RandomSampler
from search_parts import tiny_space

from nas.compose import configuration
from nas.search.proposal import Candidate, TrialSuggest, propose
from nas.search.samplers import SeededSampler
from nas.space.holes import Hole
from nas.space.space import Space
from nas.space.suggest import first
from nas.study.study import open_study

CONDITIONAL = {
    "op": "chain",
    "name": "body",
    "chain": {
        "choice": {
            "plain": [{"op": "conv", "name": "one", "width": {"int": [1, 64]}, "kernel": {"choice": [1, 3]}}],
            "deep": [
                {"op": "conv", "name": "two", "width": {"int": [1, 64]}, "kernel": 3},
                {"op": "conv", "name": "three", "width": {"int": [1, 64]}, "kernel": {"choice": [1, 3, 5]}},
            ],
        }
    },
}

SPACE = tiny_space(network=CONDITIONAL, lr={"float": [0.001, 0.1], "log": True})


@cache
def shipped() -> Callable[..., BaseSampler]:
    return configuration(["sampler=tpe", "sampler.n_startup_trials=4"]).sampler


def tpe(seed: int) -> BaseSampler:
    """The sampler that `conf` chooses."""
    return shipped()(seed=seed)


def searched(study: optuna.Study, count: int, space: Space = SPACE) -> list[dict[str, Any]]:
    """The parameters of the next trials; wider networks are better."""
    found = []
    for _ in range(count):
        trial = study.ask()
        candidate = propose(space, TrialSuggest(trial))
        assert isinstance(candidate, Candidate)
        study.tell(trial, float(candidate.cost.parameters))
        found.append(trial.params)
    return found


def study(sampler: Any, seed: int = 0) -> optuna.Study:
    return optuna.create_study(sampler=SeededSampler(sampler, seed), direction="maximize")


@pytest.mark.parametrize("sampler", [RandomSampler, tpe])
def test_seed_and_number_decide_what_is_proposed(sampler: Any) -> None:
    assert searched(study(sampler), 10) == searched(study(sampler), 10)
    assert searched(study(sampler), 3) != searched(study(sampler, seed=1), 3)


def test_another_process_proposes_the_same() -> None:
    code = (
        "import test_search_samplers as t; "
        "print([t.searched(t.study(sampler), 7) for sampler in (t.RandomSampler, t.tpe)])"
    )
    tests = Path(search_parts.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=tests, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([searched(study(sampler), 7) for sampler in (RandomSampler, tpe)])


@pytest.mark.parametrize("sampler", [RandomSampler, tpe])
def test_a_restarted_search_goes_on_as_if_it_had_not_ended(sampler: Any, tmp_path: Path) -> None:
    parts = []
    for _ in range(3):
        opened = open_study(tmp_path, "study", {}, SeededSampler(sampler, 0), optuna.pruners.NopPruner())
        parts += searched(opened, 4)
    assert parts == searched(study(sampler), 12)
    assert len({str(parameters) for parameters in parts}) == 12


@pytest.mark.parametrize("sampler", [RandomSampler, tpe])
@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_a_trial_interrupted_between_two_parameters_goes_on_as_it_would_have(sampler: Any, chosen: int) -> None:
    whole, broken = study(sampler), study(sampler)
    expected = searched(whole, 7)[-1]
    searched(broken, 6)
    trial = broken.ask()
    propose(SPACE, FirstOnly(TrialSuggest(trial), chosen))
    broken.sampler.before_trial(broken, broken.trials[-1])
    again = optuna.trial.Trial(broken, trial._trial_id)
    propose(SPACE, TrialSuggest(again))
    assert again.params == expected


def test_every_option_of_a_conditional_space_is_tried_and_the_better_one_more_often() -> None:
    found = searched(study(tpe), 40)
    kinds = [parameters["network.body.chain"] for parameters in found]
    assert set(kinds) == {"plain", "deep"}
    assert kinds[20:].count("deep") > 10  # two convolutions have more parameters than one
    for parameters in found:
        only = f"network.body.chain.{parameters['network.body.chain']}."
        assert all(name.startswith(only) for name in parameters if name.startswith("network.body.chain."))


class FirstOnly:
    """Fills the first `count` holes as `suggest` does, and the others without asking it."""

    def __init__(self, suggest: TrialSuggest, count: int) -> None:
        self._suggest, self._left = suggest, count

    def __call__(self, name: str, hole: Hole) -> Any:
        self._left -= 1
        return self._suggest(name, hole) if self._left >= 0 else first(name, hole)
