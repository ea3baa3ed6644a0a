"""A study as its folder (or database) shows it, read while it is searched or afterwards; nothing is written or held."""

import json
import os
import re
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial

from nas.architecture.context import context
from nas.errors import InputError, unknown
from nas.search.proposal import Candidate, propose
from nas.space.space import Space
from nas.space.suggest import Recorded
from nas.study import files, states
from nas.study.found import Found
from nas.study.objectives import ACCURACY, COSTS_ATTRIBUTE, Objectives, accuracy
from nas.study.study import JOURNAL, PIN, load_study, trials

STUDIES = Path("studies")
"""Where searches put their studies unless they are told otherwise."""

HIDDEN = ":***@"
"""In an address, where a password was; it is in ~/.pgpass or PGPASSWORD too, or nobody could know it."""


@dataclass(frozen=True)
class StudyRecord:
    """What was found. `config`, `runs` and `finals` are config.yaml, environment.yaml and, if it is there, finals.yaml.

    `trials` are all, oldest first; they are Optuna's own and are left as they are.
    """

    folder: Path
    study: optuna.Study
    trials: Sequence[FrozenTrial]
    config: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    finals: Mapping[str, Any] | None
    running: bool
    """Whether a driver has it in hand."""

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @cached_property
    def objectives(self) -> Objectives:
        best = self.config.get("search", {}).get("best", Objectives.best)
        return Objectives((ACCURACY, *self.study.user_attrs.get(COSTS_ATTRIBUTE, ())), best)

    @cached_property
    def found(self) -> Found:
        found = Found(self.objectives)
        for trial in self.trials:
            found.take(trial)
        return found

    @cached_property
    def complete(self) -> list[FrozenTrial]:
        """Complete trials, the most accurate first."""
        those = [trial for trial in self.trials if states.word(trial) == states.COMPLETE]
        return sorted(those, key=lambda trial: (-(accuracy(trial) or 0.0), trial.number))

    @cached_property
    def counts(self) -> Counter[str]:
        """Trials that have ended, by their word."""
        return Counter(word for trial in self.trials if (word := states.word(trial)) is not None)

    @property
    def counted(self) -> int:
        return sum(self.counts[word] for word in states.COUNTED)

    @property
    def budget(self) -> int:
        """The trials asked for; those there are if that is not known."""
        return int(self.config.get("study", {}).get("trials", self.counted))

    @property
    def in_flight(self) -> list[FrozenTrial]:
        """Candidates in training, or interrupted in it."""
        return [trial for trial in self.trials if trial.state == optuna.trial.TrialState.RUNNING]

    @property
    def state(self) -> str:
        """Where it stands: running; ended, with the trials that were asked for; or stopped before that."""
        if self.running:
            return "running"
        return "ended" if self.counted >= self.budget and not self.in_flight else "stopped"

    @property
    def slots(self) -> int:
        return int(self.runs[-1]["slots"]) if self.runs else 1

    @property
    def rungs(self) -> list[int]:
        """The epochs at which successive halving decided; none for other pruners."""
        match self.config.get("pruner"):
            case {"min_resource": int(first), "reduction_factor": int(factor), "min_early_stopping_rate": int(rate)}:
                longest = max((len(trial.intermediate_values) for trial in self.trials), default=0)
                rungs = (first * factor ** (rate + index) for index in range(longest if factor > 1 else 1))
                return [rung for rung in rungs if rung < longest]
            case _:
                return []

    @cached_property
    def pin(self) -> Mapping[str, Any]:
        pinned: Mapping[str, Any] = json.loads(self.study.user_attrs.get(PIN, "{}"))
        return pinned

    @cached_property
    def space(self) -> Space:
        """Raises `InputError` if the study does not say what it searched, or ops of its user's own are missing."""
        if "search" not in self.pin:
            raise InputError(f"{self.folder}: the study does not say which space it searched")
        for module in self.config.get("imports", []):
            if module not in sys.modules:
                raise InputError(f"{self.folder}: its space may have ops of {module!r}; add --imports {module}")
        return Space.from_document({**self.pin["search"], "seed": self.pin["study"]["seed"]}, "search")

    def candidate(self, trial: FrozenTrial) -> Candidate | None:
        """None if what was proposed fits nothing, or has not been proposed in full yet."""
        space = self.space
        try:
            proposed = propose(space, Recorded(trial.params))
        except InputError:
            return None
        return proposed if isinstance(proposed, Candidate) else None

    def epochs(self, trial: FrozenTrial) -> int:
        """That a training of it has; 0 if that has not been proposed yet."""
        space = self.space
        try:
            return int(space.sample(Recorded(trial.params), context)["training"]["epochs"])
        except InputError:
            return 0

    @property
    def best_trial(self) -> FrozenTrial:
        """Raises `InputError` if none is complete."""
        if self.found.best is None:
            raise InputError(f"{self.folder}: no candidate is complete yet; name a trial by its number")
        return self.found.best

    def trial(self, number: int) -> FrozenTrial:
        """Raises `InputError` if there is none of that number."""
        if not 0 <= number < len(self.trials):
            last = f"its trials are 0 to {len(self.trials) - 1}" if self.trials else "it has none yet"
            raise InputError(f"{self.folder}: no trial {number}; {last}")
        return self.trials[number]


def read_study(given: str | Path) -> StudyRecord:
    """The study in a folder, or of a name in the folder `studies`.

    Raises:
        InputError: there is none there, or it cannot be read.
    """
    folder = study_folder(given)
    config = _mapping(folder / files.CONFIG)
    study = _load(folder, config)
    return StudyRecord(
        folder,
        study,
        trials(study),
        config,
        _mapping(folder / files.ENVIRONMENT).get("runs", []),
        _mapping(folder / files.FINALS) or None,
        is_running(folder),
    )


def study_folder(given: str | Path) -> Path:
    """Where the study is that `given` means. Raises `InputError` if there is none."""
    for folder in (Path(given).expanduser(), STUDIES / given):
        if is_study(folder):
            return folder
    there = [path.name for path in sorted(STUDIES.iterdir()) if is_study(path)] if STUDIES.is_dir() else []
    raise unknown("study", "study", str(given), there)


def is_study(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (JOURNAL, files.CONFIG))


def is_running(folder: Path) -> bool:
    """Whether a driver holds the folder; one on another machine is not seen."""
    lock, table = folder / "lock", Path("/proc/locks")
    if not lock.is_file():
        return False
    if table.is_file():  # of Linux: it says who holds what, whereas a process number may have become another's
        return f":{lock.stat().st_ino} " in table.read_text(encoding="ascii")
    holders = re.findall(r"process (\d+) on (.+)", lock.read_text(encoding="utf-8"))
    return any(host == socket.gethostname() and _lives(int(process)) for process, host in holders)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is another user's
        pass
    return True


def _load(folder: Path, config: Mapping[str, Any]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = config.get("study", {}).get("storage")
    if storage is None or (folder / JOURNAL).is_file():
        return load_study(folder)
    from nas.study.database import connected, storage_errors  # what it needs takes time to import

    name, url = folder.resolve().name, storage.replace(HIDDEN, "@")
    with storage_errors(url):
        try:
            return optuna.load_study(study_name=name, storage=connected(url))
        except KeyError:
            raise InputError(f"{folder}: no study {name!r} in {storage}") from None


def _mapping(path: Path) -> dict[str, Any]:
    """What a YAML file holds; nothing if it is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split()):.200}") from None
    if not isinstance(read, dict):
        raise InputError(f"{path}: expected keys with values; got {read!r:.80}")
    return read
