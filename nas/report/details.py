"""What the report shows of single candidates: facts of all, pictures and documents of those one would look at."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from nas.architecture.sketch import WHOLE, sketches
from nas.drawing import draw
from nas.report.reading import StudyRecord
from nas.report.trade_off import trade_offs
from nas.study import files, states
from nas.study.objectives import accuracy

BEST, MOST = 40, 160
"""How many of the most accurate candidates, and how many in all, have their picture and document in the report."""

SHOWN = 12
"""Cells in the gallery."""

FACTS = ("parameters", "macs", "depth", "memory", "seconds", "digest", "reason")


def pictured(record: StudyRecord) -> list[int]:
    """The most accurate complete trials, each architecture once; then members of the Pareto fronts."""
    chosen: dict[str, int] = {}
    for trial in record.complete:
        if len(chosen) < BEST:
            chosen.setdefault(str(trial.user_attrs.get("digest", trial.number)), trial.number)
    fronts = [number for _, numbers in trade_offs(record).values() for number in numbers]
    return list(dict.fromkeys([*chosen.values(), *(trial.number for trial in record.found.front), *fronts]))[:MOST]


def trial_facts(record: StudyRecord, numbers: Sequence[int]) -> dict[str, Any]:
    """Plain data: `trials` in their order; `cells` by number, those in `gallery` with a picture of one cell beside that
    of the network; `choices` are by the index of their name in `parameters`."""
    names = list(dict.fromkeys(name for trial in record.trials for name in trial.params))
    cells: dict[str, dict[str, Any]] = {}
    gallery: list[int] = []
    for number in numbers:
        candidate = record.candidate(record.trials[number])
        if candidate is not None:
            lines = sketches(candidate.architecture)
            cells[str(number)] = {
                "picture": draw(candidate.architecture),
                "document": files.yaml_text(candidate.document),
                "sketch": [f"{name}: {line}" for name, line in lines.items()],
            }
            if len(gallery) < SHOWN:
                gallery.append(number)
                cell = next((name for name in lines if name != WHOLE), None)
                cells[str(number)]["cell"] = draw(candidate.architecture, cell=cell)
    return {
        "study": record.name,
        "parameters": names,
        "trials": [_facts(trial, names) for trial in record.trials],
        "cells": cells,
        "gallery": gallery,
    }


def _facts(trial: FrozenTrial, names: Sequence[str]) -> Mapping[str, Any]:
    own = {name: trial.user_attrs[name] for name in FACTS if trial.user_attrs.get(name) not in (None, "")}
    choices = {str(index): trial.params[name] for index, name in enumerate(names) if name in trial.params}
    return {
        "state": states.word(trial) or trial.state.name.lower(),
        "value": accuracy(trial),
        **own,
        "choices": choices,
    }
