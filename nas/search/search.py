"""A search from its configuration to its study folder."""

import shlex
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

from optuna.trial import FrozenTrial
from rich.console import Console

from nas.architecture.sketch import cell_sketches, sketch
from nas.data.images import ImageData
from nas.errors import InputError, unknown
from nas.overrides import quoted
from nas.pool import Pool
from nas.search import files, states
from nas.search.checks import check_sampler, check_space
from nas.search.display import best_table, display, number_of, say
from nas.search.driver import Driver, ended_trials
from nas.search.options import (
    Budget,
    PoolOptions,
    StudyOptions,
    TrainerOptions,
    checked_name,
    cores,
    section,
    study_folder,
)
from nas.search.proposal import Candidate, propose
from nas.search.samplers import SeededSampler
from nas.search.study import JOURNAL, held, open_study, trials
from nas.space.space import Space
from nas.space.suggest import Recorded
from nas.tracking import TRACKERS, open_tracker
from nas.training.job import Job
from nas.training.recipe import METRIC, Training

RETRAINED_WITH = ("data=", "data.", "imports=", "trainer.accelerator=", "trainer.precision=")
"""What of a search's command line repeats a value, beside the document."""


def search(
    space: Mapping[str, Any],
    space_name: str,
    options: Mapping[str, Any],
    training: Mapping[str, Any],
    load: Callable[[], ImageData],
    sampler: Callable[..., Any],
    pruner: Any,
    command: Sequence[str],
    console: Console,
) -> int:
    """Searches, or goes on searching; gives back the exit status.

    `space` holds `architecture` and `training`; `training` overrides the latter; `command` is the command line, which
    is shown to the user as the one to go on with.

    Raises:
        InputError: anything in the configuration, space or data cannot be used; nothing has been written then.
    """
    if options["tracking"] not in TRACKERS:
        raise unknown("tracking", "tracking", options["tracking"], TRACKERS)
    study_options = section(StudyOptions, options["study"], "study")
    trainer = section(TrainerOptions, options["trainer"], "trainer")
    budget = section(Budget, options["search"]["budget"], "search.budget")
    slots, threads = _slots(section(PoolOptions, options["pool"], "pool"), trainer.accelerator, study_options.trials)
    limits = {key: options["pool"][key] for key in ("time_limit", "silence_limit")}
    name = checked_name(study_options.name or space_name)
    seed = study_options.seed or 0
    folder = study_folder(study_options, name)
    with Pool(
        "nas.training.job:run",
        slots=slots,
        threads=threads,
        preload=["nas.training.candidate", *options["imports"]],
        **limits,
    ) as pool:
        data = load()
        candidates = candidate_space(space, training, data, seed, trainer.max_epochs)
        check_space(candidates)
        check_sampler(candidates, sampler, pruner, seed)
        pin = {
            "search": {key: candidates.document[key] for key in ("architecture", "training")},
            "data": {"name": data.name, "fingerprint": data.fingerprint},
            "objective": METRIC,
            "study": {"seed": seed},
            "trainer": {"precision": trainer.precision},
            "sampler": options["sampler"],
            "pruner": options["pruner"],
        }
        with held(folder), _interruptions() as stopping:
            study = open_study(folder, name, pin, SeededSampler(sampler, seed), pruner)
            if "identity" not in study.user_attrs:
                study.set_user_attr("identity", uuid.uuid4().hex[:12])
            files.write_atomically(
                folder / files.CONFIG,
                files.yaml_text(
                    {
                        **options,
                        "space": space_name,
                        "search": {
                            **options["search"],
                            **{k: candidates.document[k] for k in ("architecture", "training")},
                        },
                    }
                ),
            )
            shown = display(console)
            tracker = open_tracker(
                str(options["tracking"]),
                study=name,
                identity=study.user_attrs["identity"],
                folder=folder,
                warn=shown.say,
            )
            shown.say(
                f"study {name!r}: {number_of(study_options.trials, 'candidate')} of {space_name} "
                f"({number_of(len(candidates.holes), 'hole')}) on {data.name}, {slots} at a time with "
                f"{number_of(threads, 'thread')} each"
            )
            driver = Driver(
                study=study,
                space=candidates,
                pool=pool,
                job=partial(_job, load, trainer),
                trials=study_options.trials,
                failures=study_options.failures,
                budget=budget,
                seed=seed,
                tracker=tracker,
                display=shown,
                folder=folder,
                stopping=stopping,
                on_best=lambda trial: _write_best(folder, trial, candidates, data, name),
            )
            try:
                driver.run()
            finally:
                shown.close()
                pool.close()
                tracker.close()
                _write_end(folder, study, candidates, data, name)
        _summary(console, driver, folder, tracker.where(), command)
    done = driver.exhausted or driver.progress.counted >= driver.trials
    return 130 if stopping() else 0 if driver.progress.best and done else 1


def candidate_space(
    space: Mapping[str, Any], training: Mapping[str, Any], data: ImageData, seed: int, max_epochs: int | None
) -> Space:
    """The space of candidate documents for this data: its input and classes, and the recipe with all overrides."""
    recipe = {**Training().to_document(), **(space.get("training") or {}), **training}
    if max_epochs is not None:
        recipe["epochs"] = max_epochs
    own = space["architecture"]
    for key in ("input", "classes"):
        if own.get(key) is not None:
            raise InputError(f"search.architecture.{key}: comes from the data, so a space leaves it out")
    document = {
        "architecture": {
            "input": {"channels": data.channels, "size": list(data.size)},
            "classes": data.classes,
            **own,
        },
        "training": recipe,
        "seed": seed,
    }
    return Space.from_document(document, "search")


def _slots(options: PoolOptions, accelerator: str, most: int) -> tuple[int, int]:
    """How many candidates at once, and with how many threads each."""
    gpus = 0 if accelerator == "cpu" else _gpus()
    slots = options.slots or (1 if gpus else min(cores(), most))
    return slots, options.threads or max(1, cores() // slots)


def _gpus() -> int:
    if which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _job(load: Callable[[], ImageData], trainer: TrainerOptions, document: Mapping[str, Any], checkpoint: Path) -> Job:
    return Job(document, load, trainer.accelerator, trainer.precision, checkpoint)


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Lets Ctrl-C and SIGTERM ask for an end that loses nothing; gives a function that says whether one came."""
    came: list[int] = []

    def take(number: int, frame: object) -> None:
        came.append(number)

    before = {number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def best_document(trial: FrozenTrial, space: Space, data: ImageData, study: str) -> dict[str, Any]:
    """A candidate document of a complete trial, made from what the study holds of it."""
    candidate = propose(space, Recorded(trial.params))
    assert isinstance(candidate, Candidate), "a complete trial was a candidate"
    attrs = trial.user_attrs
    return {
        "architecture": candidate.architecture.to_document(),
        "training": Training.from_document(candidate.document["training"]).to_document(),
        "seed": candidate.document["seed"],
        "record": {
            "study": study,
            "trial": trial.number,
            METRIC: trial.value,
            "digest": candidate.digest,
            "parameters": candidate.cost.parameters,
            "macs": candidate.cost.macs,
            **attrs["trained"],
            "seconds": attrs["seconds"],
            "versions": attrs["versions"],
            "data": {"name": data.name, "fingerprint": data.fingerprint, "class_names": list(data.class_names)},
            "preprocessing": {
                "size": list(data.size),
                "channels": data.channels,
                "mean": list(data.mean),
                "std": list(data.std),
            },
            "sampled": dict(trial.params),
        },
    }


def _write_best(folder: Path, trial: FrozenTrial, space: Space, data: ImageData, study: str) -> None:
    text = files.yaml_text(best_document(trial, space, data, study))
    files.write_atomically(folder / files.BEST, f"# The best candidate of study {study!r}.\n{text}")


def _write_end(folder: Path, study: Any, space: Space, data: ImageData, name: str) -> None:
    ended = trials(study)
    files.write_atomically(folder / files.TRIALS, files.trials_csv(ended, list(space.holes)))
    complete = [trial for trial in ended if states.word(trial) == states.COMPLETE]
    if complete:
        _write_best(folder, max(complete, key=lambda trial: (trial.value, -trial.number)), space, data, name)


def _summary(
    console: Console,
    driver: Driver,
    folder: Path,
    where: str | None,
    command: Sequence[str],
) -> None:
    counts = driver.progress.counts
    best = driver.progress.best
    say(console)
    if best is not None:
        digests = {trial.number: trial.user_attrs.get("digest", "") for trial in trials(driver.study)}
        console.print(best_table(ended_trials(driver.study), digests))
        candidate = propose(driver.space, Recorded(trials(driver.study)[best.number].params))
        assert isinstance(candidate, Candidate), "a complete trial was a candidate"
        sketches = cell_sketches(candidate.architecture) or {"network": sketch(candidate.architecture.plan)}
        say(console, f"\nbest candidate, trial {best.number}:")
        for name, text in sketches.items():
            say(console, f"  {name}: {text}")
    told = ", ".join(f"{counts[state]} {state}" for state in states.STATES if counts[state]) or "nothing trained"
    say(console, f"\n{told}; {driver.progress.counted} of {driver.trials} candidates")
    there = [name for name in (files.BEST, files.TRIALS, files.CONFIG, JOURNAL, "logs") if (folder / name).exists()]
    say(console, f"everything is in {folder}/: {', '.join(there)}")
    if where:
        say(console, where)
    if driver.progress.counted < driver.trials and not (driver.exhausted or driver.has_failed):
        say(console, f"to go on:    python train.py {shlex.join(command)}")
    if best is not None:
        kept = [part for part in command if part.lstrip("+").startswith(RETRAINED_WITH)]
        retrain = shlex.join([f"architecture={quoted(str(folder / files.BEST))}", *kept])
        say(console, f"to retrain:  python train.py {retrain}")
        say(console, "             (test=true also reads the test split, once)")
        say(console, f"to draw it:  python -m nas draw {shlex.quote(str(folder / files.BEST))}")
