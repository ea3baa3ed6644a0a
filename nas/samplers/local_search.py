"""Local search on documents: to the first neighbour that is better, and on from there; again from elsewhere at its end.

White et al. 2021, "Exploring the loss landscape in neural architecture search", with the first improvement instead of
the best, and without repeats.
"""

from collections.abc import Mapping, Sequence

from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.samplers.catalogue import Looked
from nas.samplers.history import Past
from nas.samplers.planned import PlannedSampler, keys
from nas.space.holes import Scalar
from nas.space.operators import neighbours

START = "local_search:start"
"""The attribute of a trial that a search starts from."""


class LocalSearchSampler(PlannedSampler):
    """Compares trials by the first objective."""

    def propose(self, study: Study, trial: FrozenTrial, past: Sequence[Past]) -> Looked | None:
        centre, taken = self._centre(study, past), keys(past)
        for parameters in self._around(centre) if centre else ():
            looked = self.catalogue.look(parameters)
            if looked is not None and looked.key not in taken:
                return looked
        study._storage.set_trial_system_attr(trial._trial_id, START, True)
        return None

    def _around(self, centre: Looked) -> Sequence[Mapping[str, Scalar]]:
        """Its neighbours in a random order."""
        around = neighbours(self.catalogue.space, centre.parameters, context, adjacent=True, random=self.random)
        try:
            near = list(around)
        except ShapeError:
            return ()
        self.random.shuffle(near)
        return near

    def _centre(self, study: Study, past: Sequence[Past]) -> Looked | None:
        """Where the search has come to since it last started."""
        trials = study.get_trials(deepcopy=False)
        centre: Past | None = None
        for other in past:
            if other.values is None or other.looked is None:
                continue
            starts = centre is None or START in trials[other.number].system_attrs
            if starts or (centre is not None and centre.values is not None and other.values[0] > centre.values[0]):
                centre = other
        return centre.looked if centre else None
