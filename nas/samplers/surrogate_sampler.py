"""The default sampler: proposes what a Gaussian process over the structure of architectures expects most of."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.samplers.catalogue import GROUPS, Catalogue, Looked
from nas.samplers.history import Past, history
from nas.samplers.planned import PlannedSampler, keys
from nas.samplers.surrogate import Array, distances, expected, squeezed
from nas.space.holes import Scalar

STARTUP = 6
"""Documents at random before the model is asked."""

FIRST = 50
"""Documents drawn beside each of the first ones, which the model chooses from later."""

UNIT = 100
"""Documents at random that tell how far apart documents are, where none have been drawn."""

MUTATED, DRAWN = 10, 3
"""Documents added beside each later trial: changed from the best so far, and at random."""

PARENTS = 6
WINDOW = 32
"""Trials whose additions are still chosen from."""

OBSERVED = 120
"""Trials that the model is given: the best, and some of the rest."""

OWN = 0.3
"""How much of what a trial did better than expected is believed to be its own; the rest is noise."""

OPTIMISM = 1.0
"""Standard deviations added to what is expected."""


class SurrogateSampler(PlannedSampler):
    """Documents to choose from are drawn at random and changed from the best; the model is in `nas.samplers.surrogate`.

    Trials that run are taken to give what is expected of them, so that workers that ask at once are sent to different
    places; failed and infeasible ones to give the worst that was seen. Several objectives are weighed at random, anew
    for each trial (Knowles 2006, ParEGO). The same history and seed give the same proposal.
    """

    def __init__(self, catalogue: Catalogue, seed: int | None = None, startup: int = STARTUP) -> None:
        super().__init__(catalogue, seed)
        self._startup = startup

    def propose(self, study: Study, trial: FrozenTrial, past: Sequence[Past]) -> Looked | None:
        known = [other for other in past if other.looked is not None]
        if len(past) < self._startup or not any(other.values for other in known):
            if past:
                self._first(len(past), past)  # now rather than all at once when the model is asked first
            return None
        taken = keys(past)
        drawn = [looked for step in range(1, self._startup + 1) for looked in self._first(step, past)]
        pool = {looked.key: looked for looked in (*drawn, *self._added(past)) if looked.key not in taken}
        if not pool:
            return None
        observed, values = _chosen(known, self._scalars(known))
        running = np.isnan(values)
        documents = [*_documents(observed, ~running), *_documents(observed, running), *pool.values()]
        seen, ended = squeezed(values[~running]), int((~running).sum())
        apart = distances(features([*documents, *drawn], len(drawn)), len(observed), len(drawn))
        mean, deviation = expected([each[:, :ended] for each in apart], seen)
        if running.any():
            mean, deviation = expected(apart, np.concatenate([seen, mean[ended : len(observed)]]))
        hopes = (mean + OPTIMISM * deviation)[len(observed) :]
        return list(pool.values())[int(hopes.argmax())]

    def _scalars(self, known: Sequence[Past]) -> Array:
        """A number for each trial, not a number for those that run; what failed is as bad as the worst."""
        sound = np.array([trial.values is not None for trial in known])
        values = np.array([trial.values for trial in known if trial.values is not None])
        scalars = np.where([trial.runs for trial in known], np.nan, 0.0)
        if values.shape[1] == 1:
            scalars[sound] = values[:, 0]
        else:
            low, high = values.min(0), values.max(0)
            weights = np.array([self.random.expovariate(1) for _ in low])
            shares = weights / weights.sum() * (values - low) / np.maximum(high - low, 1e-12)
            scalars[sound] = shares.min(1) + 0.05 * shares.sum(1)
        scalars[~sound & ~np.isnan(scalars)] = scalars[sound].min()
        return scalars

    def _added(self, past: Sequence[Past]) -> Iterator[Looked]:
        """What was added beside the last trials."""
        best: list[Past] = []
        for step, trial in enumerate(past, 1):
            if trial.values is not None and trial.looked is not None:
                best = sorted([*best, trial], key=lambda one: one.values or (), reverse=True)[:PARENTS]
            if step > max(self._startup, len(past) - WINDOW):
                yield from self._later(step, past, best)

    def _first(self, step: int, past: Sequence[Past]) -> Sequence[Looked]:
        return self.catalogue.remembered((_origin(past), step), lambda random: self._drawn(FIRST, random))

    def _later(self, step: int, past: Sequence[Past], best: Sequence[Past]) -> Sequence[Looked]:
        parents = [trial.looked.parameters for trial in best if trial.looked is not None]
        name = (_origin(past), step, str([trial.number for trial in best]))
        return self.catalogue.remembered(
            name, lambda random: [*self._drawn(DRAWN, random), *self._changed(parents, random)]
        )

    def _drawn(self, number: int, random: Random) -> list[Looked]:
        drawn = (self.catalogue.random(random) for _ in range(number))
        return [looked for looked in drawn if looked is not None]

    def _changed(self, parents: Sequence[Mapping[str, Scalar]], random: Random) -> list[Looked]:
        changed = (
            self.catalogue.mutated(random.choice(parents), random, 1 + (random.random() < 0.3)) for _ in range(MUTATED)
        )
        return [looked for looked in changed if looked is not None] if parents else []


def believed(study: Study, catalogue: Catalogue) -> dict[int, float]:
    """What each trial of a study with one objective is believed to be worth, by its number; larger is better.

    Where values are noisy, the best of many is mostly lucky. This is what the model expects of the document, and a
    share of how much better it did, on a scale of its own. Trials that failed or run are left out.
    """
    past = [trial for trial in history(study, None, catalogue) if trial.values is not None and trial.looked is not None]
    if not past:
        return {}
    values = np.array([trial.values[0] for trial in past if trial.values is not None])
    kept, some = _chosen(past, values)
    seen = squeezed(some)
    documents = _documents(kept, np.ones(len(kept), bool))
    drawn = [looked for looked in (catalogue.random(Random(place)) for place in range(UNIT)) if looked is not None]
    groups = features([*documents, *drawn], len(drawn))
    mean, _ = expected(distances(groups, len(kept), len(drawn)), seen)
    return {trial.number: float(worth) for trial, worth in zip(kept, mean + OWN * (seen - mean), strict=True)}


def _documents(trials: Sequence[Past], which: NDArray[np.bool_]) -> list[Looked]:
    return [trial.looked for trial, meant in zip(trials, which, strict=True) if meant and trial.looked is not None]


def _origin(past: Sequence[Past]) -> str:
    """What all chance of a study's additions begins with."""
    return str(sorted(past[0].looked.parameters.items())) if past[0].looked is not None else ""


def features(documents: Sequence[Looked], drawn: int) -> list[Array]:
    """A matrix for each group of features, a row for each document; numbers in deviations of the last `drawn`."""
    matrices = []
    for place, group in enumerate(GROUPS):
        own = [looked.groups[place] for looked in documents]
        names, columns = np.unique(np.concatenate([each.names for each in own]), return_inverse=True)
        matrix = np.zeros((len(documents), len(names)))
        matrix[np.repeat(np.arange(len(own)), [len(each.names) for each in own]), columns] = np.concatenate(
            [each.values for each in own]
        )
        if group == "numbers":
            spread = matrix[len(matrix) - drawn :].std(0)
            matrix = (matrix - matrix.mean(0)) / np.where(spread > 1e-9, spread, 1.0)
        matrices.append(matrix)
    return matrices


def _chosen(known: Sequence[Past], values: Array) -> tuple[list[Past], Array]:
    """Of many trials those that run, the best and an even choice of the rest."""
    if len(known) <= OBSERVED:
        return list(known), values
    order = np.argsort(-values, kind="stable")  # not a number comes last
    ended = int((~np.isnan(values)).sum())
    best, rest = order[: OBSERVED // 2], order[OBSERVED // 2 : ended]
    places = np.linspace(0, len(rest) - 1, OBSERVED // 2).astype(int)
    kept = np.sort(np.concatenate([best, rest[places], order[ended:]]))
    return [known[place] for place in kept], values[kept]
