"""Studies as searches leave them, made in a moment: nothing is trained, the trials are drawn."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from search_parts import tiny_space

from nas.compose import configuration
from nas.pool import Device
from nas.samplers.planned import distribution
from nas.search.proposal import Candidate, propose
from nas.space.holes import Hole, Scalar
from nas.space.space import Space
from nas.space.suggest import RandomSuggest
from nas.study import files
from nas.study.environment import read_environment, record_environment
from nas.study.ledger import TWIN_OF
from nas.study.objectives import Objectives
from nas.study.study import open_study

BEGIN = datetime(2026, 3, 1, 12, 0, 0)
EPOCHS = 4


@dataclass
class Drawn:
    """Fills holes at random, and keeps what Optuna would."""

    random: RandomSuggest
    distributions: dict[str, Any] = field(default_factory=dict)

    def __call__(self, name: str, hole: Hole) -> Scalar:
        self.distributions[name] = distribution(hole)
        return self.random(name, hole)


STATES = ("complete", "complete", "pruned", "complete", "twin", "infeasible", "complete", "failed")
"""The words of trials 0, 1 and so on, over and over."""


def studied(
    folder: Path,
    number: int = 24,
    *,
    costs: Sequence[str] = (),
    words: Sequence[str] = STATES,
    running: int = 0,
    space: Space | None = None,
    config: Mapping[str, Any] | None = None,
    slots: int = 2,
) -> Path:
    """A study of so many trials, of which the last `running` are in training, in two runs an hour apart."""
    space = space or tiny_space(lr={"choice": [0.01, 0.03]})
    pin = {
        "search": {key: space.document[key] for key in ("architecture", "training")},
        "data": {"name": "drawn", "fingerprint": "0"},
        "study": {"seed": space.document["seed"]},
    }
    sampler, pruner = optuna.samplers.RandomSampler(), optuna.pruners.NopPruner()
    study = open_study(folder, folder.name, pin, sampler, pruner, objectives=Objectives(("accuracy", *costs)))
    random = Random(0)
    trials: list[FrozenTrial] = []
    for index in range(number):
        word = "running" if index >= number - running else words[index % len(words)]
        trials.append(_trial(index, word, space, random, trials, costs, slots))
    study.add_trials(trials)
    options = dict(composed())
    options |= {"space": "tiny", "study": {**options["study"], "trials": number, "name": folder.name}}
    options["search"] = {**options["search"], **pin["search"]}
    options["pruner"] = {"min_resource": 1, "reduction_factor": 3, "min_early_stopping_rate": 0}
    (folder / files.CONFIG).write_text(files.yaml_text({**options, **(config or {})}), encoding="utf-8")
    for _ in range(1 + (number > 8)):
        record_environment(folder, ["+search=tiny"], {"study": 0, "finals": []}, [Device("cpu", "0")], slots, 1)
    runs = read_environment(folder)
    for hours, run in enumerate(runs):
        run["time"] = (BEGIN + timedelta(hours=2 * hours)).astimezone().isoformat()
    (folder / files.ENVIRONMENT).write_text(files.yaml_text({"runs": runs}), encoding="utf-8")
    return folder


@cache
def composed() -> Mapping[str, Any]:
    """The configuration as it is without a word on the command line."""
    return configuration([]).options


def _trial(
    number: int,
    word: str,
    space: Space,
    random: Random,
    before: Sequence[FrozenTrial],
    costs: Sequence[str],
    slots: int,
) -> FrozenTrial:
    """Trials take a minute, in `slots` at a time; from the ninth on they are of the second run."""
    drawn = Drawn(RandomSuggest(random))
    candidate = propose(space, drawn)
    assert isinstance(candidate, Candidate)
    attrs: dict[str, Any] = {"state": word, **candidate.facts}
    begin = BEGIN + timedelta(minutes=number // slots) + (timedelta(hours=2) if number >= 8 else timedelta())
    level = random.uniform(0.5, 0.9)
    curve = {epoch: level * (1 - 0.5 ** (epoch + 1)) for epoch in range(EPOCHS)}
    state, end, reason = TrialState.COMPLETE, begin + timedelta(minutes=1), ""
    match word:
        case "pruned":
            state, curve = TrialState.PRUNED, {0: curve[0]}
        case "failed":
            state, curve, reason = TrialState.FAIL, {}, f"ValueError: no {number} (see logs/{number:04d}.log)"
        case "infeasible":
            state, curve, reason = TrialState.PRUNED, {}, f"{number}% over the limit of parameters"
            end = begin + timedelta(milliseconds=5)
        case "running":
            state, curve = TrialState.RUNNING, {0: curve[0]}
            del attrs["state"]
        case "twin":
            other = next(trial for trial in before if trial.user_attrs.get("state") == "complete")
            curve, reason = {0: other.values[0]}, f"trains like trial {other.number}"
            attrs[TWIN_OF] = other.number
    if reason:
        attrs["reason"] = reason
    values = None
    if state == TrialState.COMPLETE:
        values = [max(curve.values()), *(float(attrs[name]) for name in costs)]
        attrs |= {"seconds": 55.0, "trained": {"epochs": EPOCHS, "threads": 1, "device": "cpu"}, "versions": {}}
    if costs:
        attrs["curve"], curve = {str(epoch): value for epoch, value in curve.items()}, {}
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=None,
        values=values,
        datetime_start=begin,
        datetime_complete=None if state == TrialState.RUNNING else end,
        params=drawn.random.parameters,
        distributions=drawn.distributions,
        user_attrs=json.loads(json.dumps(attrs)),
        system_attrs={},
        intermediate_values=curve,
    )
