"""What the trials of a study let expect of documents: brief trainings, running trials and all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from optuna.study import Study

from nas.samplers.catalogue import GROUPS, Catalogue, Looked
from nas.samplers.distances import Distances
from nas.samplers.history import Past, history
from nas.samplers.surrogate import Array, Surrogate, squeezed

UNIT = 100
"""Documents at random that tell how far apart documents are, where none have been drawn."""

OBSERVED = 120
"""Trials that the model is given: the best, and some of the rest."""

BRIEFED = 3
"""Brief trainings from which on they are modelled."""

OPTIMISM = 1.5
"""Standard deviations added to what is expected, where something is hoped."""

OWN = 0.5
"""How much of what a trial did better than expected is believed to be its own; the rest is noise."""


@dataclass(frozen=True, eq=False)
class Expectation:
    """Of documents; `given` have been seen. `brief` is what is expected of a brief training, `told` what came of it, by
    key: one more group of features (after Kennedy and O'Hagan 2000: the full training follows the brief one, as far as
    what has been seen says so)."""

    given: Sequence[Looked]
    distances: Sequence[Distances]
    surrogate: Surrogate
    brief: "Expectation | None"
    told: Mapping[str, float]

    @classmethod
    def of(
        cls,
        given: Sequence[Looked],
        values: Array,
        drawn: Sequence[Looked],
        brief: "Expectation | None" = None,
        told: Mapping[str, float] | None = None,
    ) -> "Expectation":
        """`drawn` are documents at random; `values` have mean 0 and deviation 1."""
        distances = [
            Distances.of([one.groups[place] for one in given], [one.groups[place] for one in drawn], group == "numbers")
            for place, group in enumerate(GROUPS)
        ]
        unfit = cls(given, distances, Surrogate([]), brief, told or {})
        return replace(unfit, surrogate=Surrogate.of(unfit._apart(given), values))

    @property
    def seen(self) -> Sequence[Looked]:
        """What has been given, briefly trained or fully."""
        return [*self.given, *(self.brief.given if self.brief else ())]

    def expected(self, documents: Sequence[Looked]) -> tuple[Array, Array]:
        """Mean and standard deviation of each document."""
        return self.surrogate.expected(self._apart(documents))

    def _apart(self, documents: Sequence[Looked]) -> list[Array]:
        groups = enumerate(self.distances)
        apart = [distances.to([one.groups[place] for one in documents]) for place, distances in groups]
        if self.brief:
            own, given = self._brief(documents), self._brief(self.given)
            apart.append((own[:, None] - given[None]) ** 2 / 2)  # 1 in the mean for two of deviation 1
        return apart

    def _brief(self, documents: Sequence[Looked]) -> Array:
        assert self.brief
        mean, _ = self.brief.expected(documents)
        return np.array([self.told.get(one.key, each) for one, each in zip(documents, mean.tolist(), strict=True)])


def expectation(past: Sequence[Past], values: Array, drawn: Sequence[Looked]) -> Expectation:
    """From the trials whose document is known, and their values; not a number: it runs.

    Trials that run are taken to give what is expected of them.
    """
    brief, told = _briefly(past, drawn)
    full = [place for place, trial in enumerate(past) if not trial.screened]
    kept = _chosen(values[full])
    trials, some = [past[full[place]] for place in kept], values[full][kept]
    runs = np.isnan(some)
    ended = looked([trial for trial, running in zip(trials, runs, strict=True) if not running])
    seen = squeezed(some[~runs])
    found = Expectation.of(ended, seen, drawn, brief, told)
    if not runs.any():
        return found
    running = looked([trial for trial, running in zip(trials, runs, strict=True) if running])
    likely, _ = found.expected(running)
    return Expectation.of([*ended, *running], np.concatenate([seen, likely]), drawn, brief, told)


def _briefly(past: Sequence[Past], drawn: Sequence[Looked]) -> tuple[Expectation | None, Mapping[str, float]]:
    brief = [trial for trial in past if trial.brief is not None]
    if len(brief) < BRIEFED:
        return None, {}
    values = np.array([trial.brief for trial in brief], float)
    kept = _chosen(values)
    documents, seen = looked([brief[place] for place in kept]), squeezed(values[kept])
    told = {one.key: value for one, value in zip(documents, seen.tolist(), strict=True)}
    return Expectation.of(documents, seen, drawn), told


def feasibility(past: Sequence[Past], drawn: Sequence[Looked]) -> Expectation | None:
    """How likely documents are to be feasible by the last trials, from 0 to 1 or a little beyond; None if all were."""
    ended = [trial for trial in past if trial.looked is not None and (trial.infeasible or trial.values is not None)]
    ended = ended[-OBSERVED:]
    if not any(trial.infeasible for trial in ended):
        return None
    return Expectation.of(looked(ended), np.array([float(not trial.infeasible) for trial in ended]), drawn)


def believed(study: Study, catalogue: Catalogue) -> dict[int, float]:
    """What each trial of a study with one objective is believed to be worth, by its number; larger is better.

    Where values are noisy, the best of many is mostly lucky. This lies between what the model expects of the document
    and what came of it, on a scale of its own: the model alone is no judge either, as what it cannot explain is not all
    noise. Trials without a value are left out, and of more than `OBSERVED` those that the model is not given.
    """
    past = [trial for trial in history(study, catalogue) if trial.looked is not None]
    ended = [trial for trial in past if trial.values is not None]
    ended = [ended[place] for place in _chosen(_first(ended))]
    if not ended:
        return {}
    known = [*ended, *(trial for trial in past if trial.screened)]
    mean, _ = expectation(known, _first(known), _unit(catalogue)).expected(looked(ended))
    worth = mean + OWN * (squeezed(_first(ended)) - mean)
    return {trial.number: float(own) for trial, own in zip(ended, worth, strict=True)}


def hoped(study: Study, catalogue: Catalogue, numbers: Collection[int]) -> dict[int, float]:
    """What the model hopes of trials that have been trained briefly, by number: the best is the one to train in full.

    For one objective. Empty as long as no trial has been trained in full.
    """
    past = [trial for trial in history(study, catalogue) if trial.looked is not None]
    past = [replace(trial, runs=trial.runs and trial.number not in numbers) for trial in past]
    known = [trial for trial in past if trial.values is not None or trial.runs or trial.screened]
    values = _first(known)
    group = [trial for trial in known if trial.number in numbers]
    if np.isnan(values).all() or not group:
        return {}
    mean, deviation = expectation(known, values, _unit(catalogue)).expected(looked(group))
    return {trial.number: float(hope) for trial, hope in zip(group, mean + OPTIMISM * deviation, strict=True)}


def _first(trials: Sequence[Past]) -> Array:
    """The first objective of each; not a number where it has no value."""
    return np.array([trial.values[0] if trial.values else np.nan for trial in trials])


def _unit(catalogue: Catalogue) -> list[Looked]:
    return [one for one in (catalogue.random(Random(place)) for place in range(UNIT)) if one is not None]


def looked(trials: Sequence[Past]) -> list[Looked]:
    return [trial.looked for trial in trials if trial.looked is not None]


def _chosen(values: Array) -> list[int]:
    """The places of those that run and, of many values, of the best and of an even choice of the rest."""
    if len(values) <= OBSERVED:
        return list(range(len(values)))
    order = np.argsort(-values, kind="stable")  # not a number comes last
    ended = int((~np.isnan(values)).sum())
    best, rest = order[: OBSERVED // 2], order[OBSERVED // 2 : ended]
    some = rest[np.linspace(0, len(rest) - 1, OBSERVED // 2).astype(int)]
    return sorted({*best.tolist(), *some.tolist(), *order[ended:].tolist()})
