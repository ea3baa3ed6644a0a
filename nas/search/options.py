"""The options of a search or training, as checked values; each class is one section of the configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from nas.errors import InputError, check_whole, need_one_of, refuse_unknown, unknown
from nas.search.screen import Screen
from nas.study.objectives import ONE, Objectives

T = TypeVar("T")

MOST = 2**32 - 1
"""The largest seed and the largest count; samplers take no larger seed."""


def _limit(place: str, value: object) -> None:
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value > 0):
        raise InputError(f"{place}: expected a number above 0, or null for no limit; got {value!r}")


def _flag(place: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InputError(f"{place}: expected true or false; got {value!r:.80}")


AT_END = ("checkpoint", "finish")
"""What becomes of running candidates: they end with their epoch, to be continued, or they are trained to their end."""

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def _duration(place: str, value: object) -> float | None:
    """Seconds of a number, or of a text such as 30s, 90m or 1.5h."""
    text = f"{value}s" if isinstance(value, int | float) and not isinstance(value, bool) else value
    if text is None:
        return None
    parts = re.fullmatch(r"([0-9.]+)\s*([a-z]+)", text.strip()) if isinstance(text, str) else None
    try:
        seconds = float(parts[1]) * _UNITS[parts[2]] if parts else 0.0
    except (ValueError, KeyError):
        seconds = 0.0
    if seconds <= 0:
        raise InputError(f"{place}: expected a time such as 90m, 2h or 1.5d, or null for no limit; got {value!r:.80}")
    return seconds


@dataclass(frozen=True)
class StudyOptions:
    """`trials` counts complete and pruned candidates; the search gives up after `failures` failed ones.

    `time` bounds all runs of the study together; a candidate whose process died is tried `retries` times again;
    `at_end` says what becomes of running candidates when the time is over, or after the first Ctrl-C.
    """

    name: str | None
    trials: int
    seed: int | None
    folder: str
    failures: int
    time: float | str | None = None
    retries: int = 1
    at_end: str = "checkpoint"
    storage: str | None = None

    def __post_init__(self) -> None:
        check_whole("study.trials", self.trials, 1, MOST)
        check_whole("study.retries", self.retries, 0, 100)
        _duration("study.time", self.time)
        need_one_of("study.at_end", "choice", self.at_end, AT_END)
        if self.seed is not None:
            check_whole("study.seed", self.seed, 0, MOST)
        check_whole("study.failures", self.failures, 0, MOST)
        if self.name is not None:
            object.__setattr__(self, "name", checked_name(self.name))
        if not isinstance(self.folder, str) or not self.folder:
            raise InputError(f"study.folder: expected the path of a folder; got {self.folder!r:.80}")

    @property
    def seconds(self) -> float | None:
        """`time` in seconds."""
        return _duration("study.time", self.time)


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
    """A candidate above a limit is infeasible; None is no limit.

    `memory` is in bytes, in training on batches of `batch` images (None: of the candidate's own size). `latency` is in
    milliseconds for `latency_batch` images at once; it is measured, all others follow from the document.
    """

    parameters: float | None = None
    macs: float | None = None
    depth: float | None = None
    memory: float | None = None
    batch: int | None = None
    latency: float | None = None
    latency_batch: int = 1

    def __post_init__(self) -> None:
        for name in ("parameters", "macs", "depth", "memory", "latency"):
            _limit(f"search.budget.{name}", getattr(self, name))
        if self.batch is not None:
            check_whole("search.budget.batch", self.batch, 1, MOST)
        check_whole("search.budget.latency_batch", self.latency_batch, 1, MOST)


@dataclass(frozen=True)
class FinalsOptions:
    """After the search, the `top` best candidates are trained again under `seeds` training seeds, for `epochs` (None:
    as many as in the search), and the best of them is compared with `baselines`.

    A baseline is a name or a file, or `{architecture: a name or file, weights: a file}` to be fine-tuned. `equal`
    scales those without weights to the winner's parameters or MACs; `tune` is how many settings of learning rate and
    weight decay each of those compared gets (0: the winner's recipe). `test` reads the test split for them once;
    `final` trains the winner on all but the test split. In `skeleton`, a larger network, the finalists' cells are
    trained too, to see whether they rank alike there.
    """

    top: int = 0
    seeds: int = 3
    epochs: int | None = None
    baselines: Sequence[str | Mapping[str, str]] = ()
    equal: str | None = None
    tune: int = 0
    skeleton: str | None = None
    test: bool = False
    final: bool = False

    def __post_init__(self) -> None:
        place = "search.finals"
        for name, low in (("top", 0), ("seeds", 1), ("tune", 0)):
            check_whole(f"{place}.{name}", getattr(self, name), low, 1000)
        if self.epochs is not None:
            check_whole(f"{place}.epochs", self.epochs, 1, MOST)
        if not isinstance(self.baselines, list | tuple) or not all(map(_is_baseline, self.baselines)):
            raise InputError(
                f"{place}.baselines: expected a list of names and files, and of {{architecture: ..., weights: ...}}; "
                f"got {self.baselines!r:.80}"
            )
        if self.equal not in (None, "parameters", "macs"):
            raise unknown(f"{place}.equal", "measure", self.equal, ("parameters", "macs", "null"))
        for name in ("test", "final"):
            _flag(f"{place}.{name}", getattr(self, name))
        if self.skeleton is not None and not isinstance(self.skeleton, str):
            raise InputError(f"{place}.skeleton: expected a name or a file, or null; got {self.skeleton!r:.80}")
        for name in ("test", "final", "baselines", "skeleton"):
            if getattr(self, name) and not self.top:
                raise InputError(f"{place}.{name}: there is no winner without {place}.top=5, for example")


def _is_baseline(given: object) -> bool:
    if not isinstance(given, Mapping):
        return isinstance(given, str)
    return set(given) == {"architecture", "weights"} and all(isinstance(value, str) for value in given.values())


CONTROLS = ("random",)


@dataclass(frozen=True)
class SearchOptions:
    """`start_from` are documents and cells for the first trials; `per_architecture` is how many settings of the rest,
    such as the learning rate, one architecture may get; `control` has a search without a method run beside it."""

    budget: Budget
    start_from: Sequence[str] = ()
    per_architecture: int = 1
    objectives: Objectives = ONE
    finals: FinalsOptions = FinalsOptions()
    control: str | None = None
    screen: Screen | None = None

    @classmethod
    def from_section(cls, options: Mapping[str, Any]) -> "SearchOptions":
        """Of `search` in the configuration, whose parts are read first; raises `InputError` for what is wrong there."""
        own = {
            **options,
            "budget": section(Budget, options["budget"], "search.budget"),
            "finals": section(FinalsOptions, options["finals"], "search.finals"),
            "objectives": Objectives.from_options(options["objectives"], options["best"]),
            "screen": Screen.from_option(options["screen"]),
        }
        del own["best"]  # it is one of the objectives
        return section(cls, own, "search")

    def __post_init__(self) -> None:
        start = self.start_from
        if not isinstance(start, list | tuple) or not all(isinstance(source, str) for source in start):
            raise InputError(f"search.start_from: expected a list of names and files; got {start!r:.80}")
        if self.control not in (None, *CONTROLS):
            raise unknown("search.control", "control", self.control, (*CONTROLS, "null"))
        check_whole("search.per_architecture", self.per_architecture, 1, MOST)


ENGINES = ("local", "ray")
"""Where candidates are trained: on this machine, or on a Ray cluster."""


@dataclass(frozen=True)
class PoolOptions:
    """None lets the machine decide; limits are in seconds.

    `address` is that of a Ray cluster; None starts one on this machine.
    """

    slots: int | None = None
    threads: int | None = None
    devices_per_candidate: Any = 1
    time_limit: float | None = None
    silence_limit: float | None = None
    engine: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        need_one_of("pool.engine", "engine", self.engine, ENGINES)
        if self.address is not None and (self.engine != "ray" or not isinstance(self.address, str)):
            raise InputError(f"pool.address: expected auto or host:port, with pool=ray; got {self.address!r:.80}")
        for name in ("slots", "threads"):
            if getattr(self, name) is not None:
                check_whole(f"pool.{name}", getattr(self, name), 1, 1024)
        for name in ("time_limit", "silence_limit"):
            _limit(f"pool.{name}", getattr(self, name))


ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true")


@dataclass(frozen=True)
class TrainerOptions:
    """`max_epochs` None is what the document's training section says."""

    accelerator: str = "auto"
    precision: str = "32-true"
    max_epochs: int | None = None
    sync_batch_norm: bool = False
    graphs: bool = True

    def __post_init__(self) -> None:
        for name in ("sync_batch_norm", "graphs"):
            _flag(f"trainer.{name}", getattr(self, name))
        need_one_of("trainer.accelerator", "accelerator", self.accelerator, ACCELERATORS)
        need_one_of("trainer.precision", "precision", self.precision, PRECISIONS)
        if self.max_epochs is not None:
            check_whole("trainer.max_epochs", self.max_epochs, 1, MOST)


def section(kind: type[T], options: Mapping[str, Any], place: str) -> T:
    """The section of the configuration that `kind` describes. Raises `InputError` for a key it does not have."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(options, Mapping):
        raise InputError(f"{place}: expected the keys {', '.join(known)}; got {options!r:.80}")
    refuse_unknown(place, "key", options, known)
    return kind(**options)


def study_folder(options: StudyOptions, name: str) -> Path:
    return Path(options.folder).expanduser() / name
