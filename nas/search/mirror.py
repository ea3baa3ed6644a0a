"""What a search tells its tracker: the space as parameters, candidates with their pictures, how the study stands."""

import os
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from math import log
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, create_trial

from nas.architecture import Architecture
from nas.drawing import draw, png
from nas.errors import InputError
from nas.search.importance import importances
from nas.search.progress import Progress
from nas.search.proposal import Candidate, propose
from nas.space.holes import Alternatives, Choice, Hole, Integer, Real, Scalar
from nas.space.reading import read_document
from nas.space.space import Space
from nas.space.suggest import Recorded
from nas.study import files, states
from nas.study.found import Found
from nas.study.kept import kept_weights
from nas.study.objectives import ACCURACY, accuracy, hypervolumes_of, joined
from nas.study.study import IDENTITY, trials
from nas.tracking import About, Picture, Table, Tracker
from nas.training.recipe import METRIC

SHOWN = 20
"""Of the best candidates, how many are in the table of cells."""

_COSTS = ("parameters", "macs", "depth", "memory")

UNTRAINED = 2
"""Candidates that are not trained and yet told of, for each that is; a tight budget rejects a hundred in a second."""

LISTED = 100
"""Values of a parameter that a sweep lists one by one."""

GROWTH = 1.1
"""What takes time is told again when there are so many times as many proposals."""


def about(study: optuna.Study, folder: Path, space: Space, written: Mapping[str, Any], shared: bool) -> About:
    """What a tracker is told of the study as such; `written` is its configuration.

    Drivers that share a study have a part each.
    """
    settings = {name: written.get(name) for name in ("space", "data", "trainer", "pool", "sampler", "pruner", "study")}
    return About(
        study.study_name,
        study.user_attrs[IDENTITY],
        folder,
        {name: _described(hole) for name, hole in space.holes.items()},
        METRIC,
        settings,
        f"-{socket.gethostname()}-{os.getpid()}" if shared else "",
    )


def _described(hole: Hole) -> dict[str, object]:
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return {"values": list(options)}
        case Integer(low=low, high=high, step=step) if step > 1:
            values = range(low, high + 1, step)
            return {"values": list(values)} if len(values) <= LISTED else {"min": low, "max": high, "q": step}
        case Integer(low=low, high=high, log=log):
            return {"min": low, "max": high, "distribution": "q_log_uniform_values" if log else "int_uniform"}
        case Real(low=low, high=high, log=log):
            return {"min": low, "max": high, "distribution": "log_uniform_values" if log else "uniform"}


def begins(tracker: Tracker, trial: Any, facts: Mapping[str, object], space: Space, trained: bool = True) -> None:
    """A candidate begins; of one that is not trained, a picture is drawn that takes less time."""
    known = {name: value for name, value in facts.items() if name in ("digest", *_COSTS)}
    tracker.start(trial.number, trial.params, known, partial(_picture, space, dict(trial.params), trained))


def ends(
    tracker: Tracker,
    trial: FrozenTrial,
    trained: bool,
    space: Space,
    study: optuna.Study,
    progress: Progress,
) -> None:
    """A candidate has ended, and the study stands otherwise than before; `trained` says whether it had begun.

    Of those that had not, no more are told than a tracker can take in beside a search; they are counted all the same.
    """
    if not trained:
        if progress.proposed - progress.counted > UNTRAINED * (progress.counted + 5):
            return
        begins(tracker, trial, trial.user_attrs, space, trained=False)
    facts = trial.user_attrs
    summary = {"value": accuracy(trial), "seconds": facts.get("seconds", 0.0), "reason": facts.get("reason", "")}
    if states.SCORE in facts:
        summary[states.SCORE] = facts[states.SCORE]
    tracker.finish(trial.number, states.word(trial) or "", summary, ["retried"] if "attempt" in facts else [])
    numbers = _numbers(progress)
    all_of = list(trials(study)) if _is_due(progress.proposed) else []
    tracker.stand(progress.proposed, lambda: {**numbers, **_measured(all_of, progress.found.objectives.names)})


def best(tracker: Tracker, folder: Path) -> None:
    """The study has another best document; weights go with it if they are kept."""
    path = folder / files.BEST
    if path.exists():
        text = path.read_bytes()
        document = yaml.safe_load(text)
        record = document["record"]
        facts = {name: record.get(name) for name in (METRIC, "digest", "parameters", "macs")}
        tracker.best(record["trial"], partial(_files, text, document, kept_weights(folder, document)), facts)


def conclude(tracker: Tracker, space: Space, study: optuna.Study, found: Found, folder: Path) -> None:
    """The search has ended: tables of its Pareto front and its best cells, and of its finals if it has had any."""
    all_of = list(trials(study))
    finals = read_document(folder / files.FINALS) if (folder / files.FINALS).exists() else None
    tracker.conclude(lambda: _tables(all_of, space, found.objectives.names, finals))
    best(tracker, folder)


def _numbers(progress: Progress) -> dict[str, object]:
    counts, proposed = progress.counts, max(1, progress.proposed)
    numbers: dict[str, object] = {f"states/{state}": counts[state] for state in states.STATES}
    numbers |= {f"rate/{state}": counts[state] / proposed for state in states.STATES if state not in states.COUNTED}
    numbers |= {"architectures": len(progress.found.architectures), "retried": progress.retried}
    if progress.utilisation is not None:
        numbers["utilisation"] = progress.utilisation
    if (best := progress.found.best) is not None:
        numbers |= {"best/value": accuracy(best), "best/trial": best.number}
        numbers |= {f"best/{name}": best.user_attrs[name] for name in ("parameters", "macs")}
    return numbers


def _is_due(proposed: int) -> bool:
    """Often at first, and then each time there is a tenth more."""
    return proposed < 2 or int(log(proposed) / log(GROWTH)) > int(log(proposed - 1) / log(GROWTH))


def _measured(all_of: Sequence[FrozenTrial], names: Sequence[str]) -> dict[str, object]:
    """The front, its hypervolume and the importance of parameters; nothing if there is no candidate yet."""
    front, volume = _front(all_of, names)
    if not front:
        return {}
    shares = {f"importance/{name}": share for name, share in importances(all_of).items()}
    return {"front/size": len(front), "front/hypervolume": volume, "front/trials": [t.number for t in front], **shares}


def _front(all_of: Sequence[FrozenTrial], names: Sequence[str]) -> tuple[list[FrozenTrial], float]:
    """The Pareto front and its hypervolume; where accuracy is the one objective, against parameters."""
    points: list[FrozenTrial] = []
    front: list[FrozenTrial] = []
    for trial in all_of:
        if states.word(trial) == states.COMPLETE:
            point = create_trial(values=[trial.values[0], *(trial.values[1:] or [trial.user_attrs["parameters"]])])
            point.number, point.datetime_complete = trial.number, trial.datetime_complete
            points.append(point)
            front = joined(front, point)
    steps = hypervolumes_of(points, (ACCURACY, *(names[1:] or ["parameters"]))).steps
    return sorted(front, key=lambda trial: trial.values[1]), steps[-1][1] if steps else 0.0


def _tables(
    all_of: Sequence[FrozenTrial], space: Space, names: Sequence[str], finals: Mapping[str, Any] | None
) -> dict[str, object]:
    complete = [trial for trial in all_of if states.word(trial) == states.COMPLETE]
    top = sorted(complete, key=lambda trial: (-(accuracy(trial) or 0.0), trial.number))[:SHOWN]
    by_number = {trial.number: trial for trial in complete}
    columns = ["trial", METRIC, "parameters", "macs", "digest", "cell"]
    front = [by_number[point.number] for point in _front(all_of, names)[0]]
    tables: dict[str, object] = {
        name: Table(columns, [_row(trial, columns, space) for trial in some])
        for name, some in (("cells", top), ("front/table", front))
        if some
    }
    if finals is not None:
        rows = [[each[name] for name in _STANDING] + _mean(each) for each in finals["networks"]]
        tables["finals"] = Table([*_STANDING, "validation", "std", "n", "test"], rows)
        tables["finals/conclusion"] = finals["conclusion"]
    return {**_measured(all_of, names), **tables}


_STANDING = ("name", "kind", "digest", "parameters", "macs", "search_value")


def _mean(standing: Mapping[str, Any]) -> list[object]:
    validation, test = standing["validation"] or {}, standing["test"] or {}
    return [validation.get("mean"), validation.get("std"), validation.get("n"), test.get("mean")]


def _row(trial: FrozenTrial, columns: Sequence[str], space: Space) -> list[object]:
    facts = {**trial.user_attrs, "trial": trial.number, METRIC: accuracy(trial)}
    return [*(facts[name] for name in columns[:-1]), _picture(space, trial.params, trained=False)]


def _picture(space: Space, values: Mapping[str, Scalar], trained: bool) -> Picture | None:
    """The candidate's cells; None if its ops do not fit together."""
    try:
        candidate = propose(space, Recorded(values))
    except InputError:  # it had not been asked for all of its parameters
        return None
    if not isinstance(candidate, Candidate):
        return None
    picture = draw(candidate.architecture)
    return Picture(png(picture, 1.0) if trained and find_spec("resvg_py") else picture)


def _files(text: bytes, document: Mapping[str, Any], weights: Path) -> dict[str, bytes | Path]:
    picture = draw(Architecture.from_document(document["architecture"]))
    made: dict[str, bytes | Path] = {files.BEST: text, "cell.svg": picture.encode()}
    return {**made, "weights.pt": weights} if weights.exists() else made
