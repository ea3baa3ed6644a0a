"""The default sampler: proposes what a Gaussian process over the structure of architectures expects most of."""

from collections.abc import Sequence

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.samplers.catalogue import Looked
from nas.samplers.expectation import OPTIMISM, Expectation, expectation, feasibility
from nas.samplers.history import Past
from nas.samplers.planned import PlannedSampler, keys
from nas.samplers.surrogate import Array

STARTUP = 6
"""Documents at random before the model is asked."""

FIRST, DRAWN = 50, 3
"""Documents drawn beside each of the first trials, and beside each later one."""

WINDOW = 32
"""Trials whose documents are still chosen from."""

ROUNDS, CHANGED = 2, 5
"""Rounds in which those that most is hoped of are changed, and how many."""

INFEASIBLE = 60
"""Infeasible trials that the model is given: the last."""

RARE = 0.3
"""Chance of being feasible below which less is hoped of a document."""


class SurrogateSampler(PlannedSampler):
    """Documents are drawn at random, and those that the model hopes most of are changed, tried or not; the model is in
    `nas.samplers.expectation`.

    Trials that run are taken to give what is expected of them, so that workers that ask at once are sent to different
    places, and so are infeasible ones, of whose accuracy nothing is known; failed ones to give the worst. How
    likely a document is to be feasible is a model of its own, and less is hoped of what hardly ever is. Several
    objectives are weighed at random, anew for each trial (Knowles 2006, ParEGO). The same history and seed give the
    same proposal.
    """

    def propose(self, study: Study, trial: FrozenTrial, past: Sequence[Past]) -> Looked | None:
        old = {other.number for other in [other for other in past if other.infeasible][:-INFEASIBLE]}
        known = [other for other in past if other.looked is not None and other.number not in old]
        if len(past) < STARTUP or not any(other.values for other in known):
            if past:
                self._drawn(len(past), past)  # now rather than all at once when the model is asked first
            return None
        drawn = [looked for step in range(1, STARTUP + 1) for looked in self._drawn(step, past)]
        model, fits = expectation(known, self._scalars(known), drawn), feasibility(past, drawn)
        steps = range(max(1, len(past) - WINDOW), len(past) + 1)
        found = {looked.key: looked for step in steps for looked in self._drawn(step, past)}
        found |= {looked.key: looked for looked in model.seen}
        hopes = _hopes(model, fits, list(found.values()))
        for _ in range(ROUNDS):
            parents = sorted(hopes, key=lambda key: -hopes[key])[:CHANGED]
            changed = self._changed([found[key] for key in parents])
            new = {looked.key: looked for looked in changed if looked.key not in found}
            found |= new
            hopes |= _hopes(model, fits, list(new.values()))
        untried = hopes.keys() - keys(past)
        return found[max(sorted(untried), key=lambda key: hopes[key])] if untried else None

    def _scalars(self, known: Sequence[Past]) -> Array:
        """A number for each trial, not a number where it runs, was screened or is infeasible; what failed is as bad as
        the worst."""
        sound = np.array([trial.values is not None for trial in known])
        values = np.array([trial.values for trial in known if trial.values is not None])
        untold = [trial.runs or trial.screened or trial.infeasible for trial in known]
        scalars = np.where(untold, np.nan, 0.0)
        if values.shape[1] == 1:
            scalars[sound] = values[:, 0]
        else:
            low, high = values.min(0), values.max(0)
            weights = np.array([self.random.expovariate(1) for _ in low])
            shares = weights / weights.sum() * (values - low) / np.maximum(high - low, 1e-12)
            scalars[sound] = shares.min(1) + 0.05 * shares.sum(1)
        scalars[~sound & ~np.isnan(scalars)] = scalars[sound].min()
        return scalars

    def _drawn(self, step: int, past: Sequence[Past]) -> Sequence[Looked]:
        """Documents at random, the same for each of the study's trials."""
        first = past[0].looked
        name = str(sorted(first.parameters.items())) if first else ""
        number = FIRST if step <= STARTUP else DRAWN
        return self.catalogue.remembered(
            (name, step), lambda random: [one for one in map(self.catalogue.random, [random] * number) if one]
        )

    def _changed(self, parents: Sequence[Looked]) -> list[Looked]:
        changed = (self.catalogue.mutated(parent.parameters, self.random) for parent in parents)
        return [looked for looked in changed if looked is not None]


def _hopes(model: Expectation, fits: Expectation | None, documents: Sequence[Looked]) -> dict[str, float]:
    if not documents:
        return {}
    mean, deviation = model.expected(documents)
    hopes = mean + OPTIMISM * deviation
    if fits is not None:
        hopes += np.log(fits.expected(documents)[0].clip(0.05, RARE) / RARE)
    return {looked.key: float(hope) for looked, hope in zip(documents, hopes, strict=True)}
