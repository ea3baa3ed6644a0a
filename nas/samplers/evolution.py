"""Regularized evolution (Real et al. 2019, algorithm 1), on documents, without repeats."""

from collections.abc import Sequence

from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.samplers.catalogue import Catalogue, Looked
from nas.samplers.history import Past
from nas.samplers.planned import TRIES, PlannedSampler, keys


class EvolutionSampler(PlannedSampler):
    """The best of `tournament` drawn from the last `population` trials gets one of its holes changed.

    With several objectives, the best is one that no other of them beats in all.
    """

    def __init__(
        self, catalogue: Catalogue, seed: int | None = None, population: int = 10, tournament: int = 5
    ) -> None:
        super().__init__(catalogue, seed)
        self._population, self._tournament = population, tournament

    def propose(self, study: Study, trial: FrozenTrial, past: Sequence[Past]) -> Looked | None:
        ended = [other for other in past if other.values is not None and other.looked is not None]
        if len(ended) < self._population:
            return None
        taken = keys(past)
        for _ in range(TRIES):
            drawn = self.random.sample(ended[-self._population :], min(self._tournament, self._population))
            parent = next(one for one in drawn if not any(_beats(other, one) for other in drawn))
            assert parent.looked is not None
            child = self.catalogue.mutated(parent.looked.parameters, self.random)
            if child is not None and child.key not in taken:
                return child
        return None


def _beats(one: Past, other: Past) -> bool:
    assert one.values is not None
    assert other.values is not None
    return one.values != other.values and all(a >= b for a, b in zip(one.values, other.values, strict=True))
