"""The methods that are compared: samplers through Optuna as a search uses them, and textbook methods as anchors.

A method is called with a table, a seed and `evaluate`, which gives a document's value, or None if it is infeasible, and
raises `Done` when all evaluations are used up. Before that, it may be asked which evaluation it believes to be best.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from inspect import signature
from random import Random
from typing import Protocol

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState
from table import Parameters, Table

from nas.architecture.context import context
from nas.samplers import SCREEN
from nas.samplers.catalogue import Catalogue, Features, Looked
from nas.samplers.distances import Distances
from nas.samplers.expectation import believed, hoped
from nas.search.proposal import TrialSuggest
from nas.search.samplers import SeededSampler
from nas.space.operators import mutate, neighbours, random_parameters
from nas.space.space import Space


class Evaluate(Protocol):
    """`brief` gives the value after a brief training; `believe` takes a function that gives the number of the
    evaluation that is believed to be best."""

    def __call__(self, parameters: Parameters) -> float | None: ...

    def brief(self, parameters: Parameters) -> float | None: ...

    def believe(self, best: Callable[[], int]) -> None: ...


Method = Callable[[Table, int, Evaluate], None]
Hope = Callable[[Sequence[int]], Mapping[int, float]]


class Done(Exception):
    """All evaluations are used up."""


@cache
def known(space: Space) -> Catalogue:
    """One for all searches of a space, in which documents are looked at once."""
    return Catalogue(space)


def by_sampler(make: Callable[..., BaseSampler], rung: int = 0) -> Method:
    """A sampler, made for each trial as in a search.

    With a `rung`, so many proposals are trained briefly at a time, and the best of them is evaluated.
    """
    ours = "catalogue" in signature(make).parameters

    def method(table: Table, seed: int, evaluate: Evaluate) -> None:
        catalogue = known(table.space)
        make_here = partial(make, catalogue=catalogue) if ours else make
        study = optuna.create_study(direction="maximize", sampler=SeededSampler(make_here, seed))
        numbers: list[int] = []
        if ours:
            evaluate.believe(lambda: _best(believed(study, catalogue), numbers))
        while True:
            hope = partial(hoped, study, catalogue) if ours else None
            trial = _screened(study, table, evaluate, rung, hope) if rung else _asked(study, table)
            value = evaluate(trial.params)
            if value is None:
                _unfit(study, trial)
            else:
                numbers.append(trial.number)
                study.tell(trial, value)

    return method


def _asked(study: optuna.Study, table: Table) -> optuna.Trial:
    trial = study.ask()
    table.space.sample(TrialSuggest(trial), context)
    return trial


def _unfit(study: optuna.Study, trial: optuna.Trial) -> None:
    trial.set_constraint("fits", 1.0)
    study.tell(trial, state=TrialState.PRUNED)


def _screened(study: optuna.Study, table: Table, evaluate: Evaluate, rung: int, hope: Hope | None) -> optuna.Trial:
    """Of some proposals, after a brief training, the one that most is hoped of; or that did best, if nobody hopes."""
    trials: dict[optuna.Trial, float] = {}
    while len(trials) < rung:
        trial = _asked(study, table)
        value = evaluate.brief(trial.params)
        if value is None:
            _unfit(study, trial)
        else:
            trial.set_user_attr(SCREEN, value)
            trials[trial] = value
    hopes = hope([trial.number for trial in trials]) if hope else {}
    best = max(trials, key=lambda trial: (hopes.get(trial.number, 0.0), trials[trial]))
    for trial in trials:
        if trial is not best:
            study.tell(trial, state=TrialState.PRUNED)
    return best


def _best(worth: Mapping[int, float], numbers: list[int]) -> int:
    return numbers.index(max(worth, key=lambda number: worth[number]))


def at_random(table: Table, seed: int, evaluate: Evaluate) -> None:
    random = Random(seed)
    while True:
        evaluate(random_parameters(table.space, random))


def evolution(table: Table, seed: int, evaluate: Evaluate, population: int = 10, tournament: int = 5) -> None:
    """Regularized evolution (Real et al. 2019), with repeats, as published."""
    random = Random(seed)
    alive: list[tuple[float, Parameters]] = []
    while True:
        if len(alive) < population:
            child = random_parameters(table.space, random)
        else:
            _, parent = max(random.sample(alive, tournament), key=lambda one: one[0])
            child = mutate(table.space, parent, random)
        value = evaluate(child)
        if value is not None:
            alive = [*alive, (value, child)][-population:]


def local_search(table: Table, seed: int, evaluate: Evaluate) -> None:
    """To the first better neighbour, with random restarts; no network twice."""
    random = Random(seed)
    seen: set[int] = set()

    def fresh(parameters: Parameters) -> float | None:
        row = table.row(parameters)
        if row is not None and int(table.same[row]) in seen:
            return None
        seen.update([] if row is None else [int(table.same[row])])
        return evaluate(parameters)

    while True:
        centre = random_parameters(table.space, random)
        best = fresh(centre)
        moved = best is not None
        while moved and best is not None:
            moved = False
            near = list(neighbours(table.space, centre))
            random.shuffle(near)
            for parameters in near:
                value = fresh(parameters)
                if value is not None and value > best:
                    centre, best, moved = parameters, value, True
                    break


def _one_hot(looked: Looked) -> Features:
    """Choices and ways."""
    choices, ways, *_ = looked.groups
    return Features(np.concatenate([choices.names, ways.names]), np.concatenate([choices.values, ways.values]))


def plain_gp(table: Table, seed: int, evaluate: Evaluate, drawn: int = 1000) -> None:
    """A Gaussian process with upper confidence bound, untuned: one-hot and path features in one squared exponential of
    median length, noise 0.01, two standard deviations; 10 at random first. No network twice.

    Chosen from `drawn` documents at random and all neighbours of the three best.
    """
    random = Random(seed)
    catalogue = known(table.space)
    pool = {}
    for _ in range(drawn):
        looked = catalogue.random(random)
        if looked is not None:
            pool[looked.key] = looked
    first = list(pool.values())[:200]
    tried, values, opened = [], [], set()
    taken: set[str] = set()
    while True:
        if len(tried) >= 10:
            for place in np.argsort(values)[-3:]:
                if tried[place].key not in opened:
                    opened.add(tried[place].key)
                    near = map(catalogue.look, neighbours(table.space, tried[place].parameters))
                    pool.update({looked.key: looked for looked in near if looked is not None})
        left = [looked for looked in pool.values() if looked.key not in taken]
        if not left:
            return
        chosen = random.choice(left)
        if len(tried) >= 10:
            apart = Distances.of(list(map(_one_hot, tried)), list(map(_one_hot, first)))
            kernel = np.exp(-apart.to(list(map(_one_hot, [*tried, *left]))))
            inverse = np.linalg.inv(kernel[: len(tried)] + 0.01 * np.eye(len(tried)))
            own = (np.array(values) - np.mean(values)) / (np.std(values) + 1e-9)
            mean = kernel @ inverse @ own
            deviation = np.sqrt(np.maximum(1 - ((kernel @ inverse) * kernel).sum(1), 0))
            chosen = left[int((mean + 2 * deviation)[len(tried) :].argmax())]
        taken.add(chosen.key)
        value = evaluate(chosen.parameters)
        if value is not None:
            tried.append(chosen)
            values.append(value)


ANCHORS: dict[str, Method] = {
    "random": at_random,
    "evolution": evolution,
    "local_search": local_search,
    "plain_gp": plain_gp,
    "optuna_tpe": by_sampler(lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True)),
}
"""The methods that ours is held against."""
