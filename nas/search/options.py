"""The options of a search or training, as checked values; each class is one section of the configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from nas.errors import InputError, unknown

T = TypeVar("T")


MOST = 2**32 - 1
"""The largest seed and the largest count; samplers take no larger seed."""


def _within(place: str, value: object, low: int, high: int = MOST) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{place}: expected a whole number from {low} to {high}; got {value!r:.80}")


def _limit(place: str, value: object) -> None:
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value > 0):
        raise InputError(f"{place}: expected a number above 0, or null for no limit; got {value!r}")


@dataclass(frozen=True)
class StudyOptions:
    """`trials` counts complete and pruned candidates; the search gives up after `failures` failed ones."""

    name: str | None
    trials: int
    seed: int | None
    folder: str
    failures: int

    def __post_init__(self) -> None:
        _within("study.trials", self.trials, 1)
        if self.seed is not None:
            _within("study.seed", self.seed, 0)
        _within("study.failures", self.failures, 0)
        if self.name is not None:
            object.__setattr__(self, "name", checked_name(self.name))
        if not isinstance(self.folder, str) or not self.folder:
            raise InputError(f"study.folder: expected the path of a folder; got {self.folder!r:.80}")


def checked_name(name: object) -> str:
    """A study's name, which is the name of its folder too; whole numbers are taken as they are written."""
    text = str(name) if isinstance(name, int) and not isinstance(name, bool) else name
    if not isinstance(text, str) or not text.isprintable() or not text.strip(" .") or "/" in text or "\\" in text:
        raise InputError(f"study.name: {name!r:.80} cannot name a folder; take letters, digits, - and _")
    if len(text.encode()) > 200:
        raise InputError(f"study.name: {text[:60]!r}... is longer than 200 bytes")
    return text


@dataclass(frozen=True)
class Budget:
    """A candidate above a limit is infeasible; None is no limit."""

    parameters: float | None = None
    macs: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            _limit(f"search.budget.{field.name}", getattr(self, field.name))


@dataclass(frozen=True)
class PoolOptions:
    """None lets the machine decide; limits are in seconds."""

    slots: int | None = None
    threads: int | None = None
    time_limit: float | None = None
    silence_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("slots", "threads"):
            if getattr(self, name) is not None:
                _within(f"pool.{name}", getattr(self, name), 1, 1024)
        for name in ("time_limit", "silence_limit"):
            _limit(f"pool.{name}", getattr(self, name))


@dataclass(frozen=True)
class TrainerOptions:
    """`max_epochs` None is what the document's training section says."""

    accelerator: str = "auto"
    precision: str = "32-true"
    max_epochs: int | None = None

    def __post_init__(self) -> None:
        accelerators = ("auto", "cpu", "gpu", "cuda", "mps")
        if self.accelerator not in accelerators:
            raise unknown("trainer.accelerator", "accelerator", self.accelerator, accelerators)
        precisions = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")
        if self.precision not in precisions:
            raise unknown("trainer.precision", "precision", self.precision, precisions)
        if self.max_epochs is not None:
            _within("trainer.max_epochs", self.max_epochs, 1)


def section(kind: type[T], options: Mapping[str, Any], place: str) -> T:
    """The section of the configuration that `kind` describes. Raises `InputError` for a key it does not have."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(options, Mapping):
        raise InputError(f"{place}: expected the keys {', '.join(known)}; got {options!r:.80}")
    for key in options:
        if key not in known:
            raise unknown(place, "key", key, known)
    return kind(**options)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def study_folder(options: StudyOptions, name: str) -> Path:
    return Path(options.folder).expanduser() / name
