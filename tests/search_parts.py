"""Small parts for the tests of searches: a space, images, and a driver whose pool trains nothing.

`main` makes a program of it that searches until it is done or killed.
"""

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from pool_parts import wait_until
from rich.console import Console
from search_targets import no_images

from nas.pool import AnyPool, Pool, find_devices
from nas.search.display import LineDisplay
from nas.search.driver import Driver, Stop
from nas.search.needs import Needs
from nas.search.options import Budget, SearchOptions, StudyOptions
from nas.search.samplers import SeededSampler
from nas.search.screen import Screen
from nas.space.space import Space
from nas.study.files import trials_csv
from nas.study.ledger import open_ledger
from nas.study.objectives import ONE, Objectives
from nas.study.study import held, open_study, trials
from nas.tracking import Tracker
from nas.training.job import Job

DEFAULTS: dict[str, Any] = {"name": None, "seed": 0, "folder": "studies", "failures": 10}

CHOICE: dict[str, Any] = {"choice": [2, 3, 4, 5, 6, 7, 8, 9]}

TINY_SPACE = """
architecture:
  network:
    - {op: conv, name: body, width: {choice: [2, 3, 4, 5, 6, 7, 8, 9]}, kernel: {choice: [1, 3]}}
    - {op: global_pool}
    - {op: linear, width: classes}
training:
  epochs: 2
  batch_size: 32
  lr: {choice: [0.01, 0.03]}
"""


Finished = tuple[Path, list[dict[str, str]]]
"""The folder and the rows of a study that nothing has disturbed."""

PROGRAM = str(Path(__file__).parent.parent / "train.py")

SLOT = ("pool.slots=1", "pool.threads=1", "trainer.accelerator=cpu")
SEARCH = ("+search=tiny.yaml", "data=npz", "data.path=images.npz", *SLOT)


@dataclass(frozen=True)
class Searched:
    """What a search has left in its folder of studies, and said."""

    home: Path
    output: str
    errors: str

    @property
    def folder(self) -> Path:
        return self.home / "studies" / "tiny"


_searched: list[Searched] = []


def whole_search(folders: pytest.TempPathFactory) -> Searched:
    """Four candidates of the tiny space, one after the other, mirrored in W&B offline; run once for all tests."""
    if not _searched:
        _searched.append(_search(prepared(folders.mktemp("searched"))))
    return _searched[0]


def _search(home: Path) -> Searched:
    command = [sys.executable, PROGRAM, *SEARCH, "study.trials=4"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Searched(home, done.stdout, done.stderr)


def prepared(home: Path, space: str = TINY_SPACE) -> Path:
    """The folder with the space tiny.yaml and images.npz in it."""
    write_space(home / "tiny.yaml", space)
    write_images(home / "images.npz")
    return home


def write_space(path: Path, text: str = TINY_SPACE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_images(path: Path) -> Path:
    """60 images of 8×8 for training and 30 each to validate and test, of three classes that differ in brightness."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 60), ("val", 30), ("test", 30)):
        labels = np.arange(n) % 3
        arrays[f"x_{split}"] = (labels[:, None, None] * 60 + rng.integers(0, 120, (n, 8, 8))).astype(np.uint8)
        arrays[f"y_{split}"] = labels
    np.savez(path, **arrays)
    return path


def tiny_space(lr: Any = 0.01, width: Any = CHOICE, network: Any = None, epochs: int = 2) -> Space:
    """A space of candidate documents, `width` and `lr` with or without holes."""
    body = network or {"op": "conv", "name": "body", "width": width, "kernel": {"choice": [1, 3]}}
    return Space.from_document(
        {
            "architecture": {
                "input": {"channels": 1, "size": [8, 8]},
                "classes": 3,
                "network": [body, {"op": "global_pool"}, {"op": "linear", "width": "classes"}],
            },
            "training": {"epochs": epochs, "lr": lr},
            "seed": 0,
        }
    )


@contextmanager
def driver(
    folder: Path,
    count: int = 4,
    space: Space | None = None,
    *,
    budget: Budget | None = None,
    per_architecture: int = 1,
    sampler: Callable[..., BaseSampler] = RandomSampler,
    pruner: BasePruner | None = None,
    seed: int = 0,
    slots: int = 1,
    devices_per_candidate: Any = 1,
    pool: AnyPool | None = None,
    study: optuna.Study | None = None,
    tracker: Tracker | None = None,
    stopping: Callable[[], Stop] = lambda: Stop.NO,
    on_best: Callable[[Driver], None] = lambda driver: None,
    said: StringIO | None = None,
    storage: str | None = None,
    objectives: Objectives = ONE,
    screen: Any = None,
    **options: Any,
) -> Iterator[Driver]:
    """A driver over the study in `folder`, with a real pool that runs `search_targets.train`, unless others are given;
    `said` gets what it says, and `options` are the study's."""
    needs = Needs.from_option(devices_per_candidate)
    search = SearchOptions(
        budget or Budget(),
        per_architecture=per_architecture,
        objectives=objectives,
        screen=Screen.from_option(screen),
    )
    if pool is None:
        devices = find_devices("cpu", slots, needs.usual)
        pool = Pool("search_targets:train", devices=devices, need=needs.usual, slots=slots, threads=1)
    with pool, held(folder, shared=storage is not None):
        if study is None:
            seeded = SeededSampler(sampler, seed)
            study = open_study(folder, "tiny", {}, seeded, pruner or NopPruner(), storage, objectives)
        yield Driver(
            study=study,
            ledger=open_ledger(study, count),
            space=space or tiny_space(),
            pool=pool,
            job=partial(
                Job,
                data=no_images,
                accelerator="cpu",
                precision="32-true",
                latency_limit=search.budget.latency,
            ),
            options=StudyOptions(**{**DEFAULTS, "trials": count, **options}),
            search=search,
            needs=needs,
            seed=seed,
            tracker=tracker or Tracker(),
            display=LineDisplay(Console(quiet=True) if said is None else Console(file=said, width=200)),
            folder=folder,
            stopping=stopping,
            on_best=on_best,
        )


def ran(*arguments: Any, **options: Any) -> Driver:
    """A driver as `driver` makes it, after its run."""
    with driver(*arguments, **options) as running:
        running.run()
    return running


def quick_pool(function: str, *, preload: Sequence[str], **settings: Any) -> Pool:
    """In place of `nas.search.search.Pool`: trains nothing and so needs no torch."""
    assert (function, preload) == ("nas.training.candidate:run", ["nas.training.candidate"])
    return Pool("search_targets:train", **settings)


def rows(driver: Driver) -> list[dict[str, str]]:
    """The rows of trials.csv as it would be written now."""
    return list(csv.DictReader(trials_csv(trials(driver.study), list(driver.space.holes)).splitlines()))


def without_time(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rows of trials.csv without what differs from run to run."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def searching(folder: Path, trials: int, slots: int, *storage: str, call: str = "main()") -> "subprocess.Popen[bytes]":
    """`main` with these arguments, in a process of its own, as soon as that has taken hold of the folder."""
    command = [sys.executable, "-c", f"from search_parts import *; {call}", str(folder), str(trials), str(slots)]
    program = subprocess.Popen([*command, *storage], cwd=Path(__file__).parent)
    lock = folder / "lock"
    wait_until(lambda: lock.exists() and f"process {program.pid} " in lock.read_text())
    return program


def main(screen: Any = None, space: Space | None = None) -> None:
    """Searches in the folder, for as many trials and with as many slots as the command line says, perhaps in a
    database."""
    folder, count, slots, *storage = sys.argv[1:]
    if storage and space is None:
        space = tiny_space(lr={"choice": [0.01, 0.03]}, epochs=6)
    options: Any = {"slots": int(slots), "retries": 20, "storage": next(iter(storage), None), "screen": screen}
    with driver(Path(folder), int(count), space, **options) as it:
        it.run()
        it.ledger.close()
