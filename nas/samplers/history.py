"""A study's trials as samplers read them: documents with what came of them, larger always better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.errors import InputError
from nas.samplers import SCREEN
from nas.samplers.catalogue import Catalogue, Looked
from nas.space.holes import Scalar


@dataclass(frozen=True, eq=False)
class Past:
    """A trial whose document is known. `values` are None while it runs, and if it failed or broke a constraint."""

    number: int
    looked: Looked | None
    """None if the document does not fit together, or is not allowed."""
    values: tuple[float, ...] | None
    runs: bool
    brief: float | None = None
    """What a brief training gave, unless the trial failed after it."""
    infeasible: bool = False
    """It broke a constraint."""

    @property
    def screened(self) -> bool:
        """Whether it was trained briefly and no further."""
        return self.brief is not None and self.values is None and not self.runs


def history(
    study: Study,
    catalogue: Catalogue,
    trial: FrozenTrial | None = None,
    plans: Mapping[int, Mapping[str, Scalar]] | None = None,
) -> list[Past]:
    """The trials before and beside `trial` (None: all), oldest first.

    Those whose document is not (yet) one of the space are left out. A pruned trial has the value it was pruned with.
    `plans` are the documents of trials that run, by number, as far as they are known before all holes are filled.
    """
    past, name = [], study.study_name
    for other in study.get_trials(deepcopy=False):
        if trial is not None and other.number == trial.number:
            continue
        key, ended = (name, other.number), other.state.is_finished()
        parameters = other.params if ended or not plans else {**plans.get(other.number, {}), **other.params}
        if not parameters:
            continue
        read = catalogue.ended[key] if key in catalogue.ended else _read(study, other, parameters, catalogue)
        if ended:
            catalogue.ended[key] = read
        if read is not None:
            past.append(read)
    return past


def _read(study: Study, trial: FrozenTrial, parameters: Mapping[str, Scalar], catalogue: Catalogue) -> Past | None:
    try:
        looked = catalogue.look(parameters)
    except InputError:
        return None
    runs = not trial.state.is_finished()
    return Past(trial.number, looked, _values(study, trial), runs, _brief(study, trial), _infeasible(trial))


def _brief(study: Study, trial: FrozenTrial) -> float | None:
    value = trial.user_attrs.get(SCREEN)
    if value is None or trial.state == TrialState.FAIL or _infeasible(trial):
        return None
    return _upwards([float(value)], study.directions[:1])[0]


def _values(study: Study, trial: FrozenTrial) -> tuple[float, ...] | None:
    if _infeasible(trial):
        return None
    match trial.state:
        case TrialState.COMPLETE:
            return _upwards(trial.values, study.directions)
        case TrialState.PRUNED if trial.intermediate_values and len(study.directions) == 1:
            return _upwards([trial.intermediate_values[max(trial.intermediate_values)]], study.directions)
        case _:
            return None


def _infeasible(trial: FrozenTrial) -> bool:
    return any(share > 0 for share in trial.constraints.values())


def _upwards(values: Sequence[float], directions: Sequence[StudyDirection]) -> tuple[float, ...]:
    signs = (1 if direction == StudyDirection.MAXIMIZE else -1 for direction in directions)
    return tuple(sign * value for sign, value in zip(signs, values, strict=True))
