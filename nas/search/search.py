"""A search from its configuration to its study folder."""

import math
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nas.data.images import ImageData
from nas.errors import InputError, need_one_of
from nas.pool import Pool, find_devices
from nas.samplers.catalogue import for_space
from nas.search import mirror
from nas.search.baselines import Baseline, read_baselines
from nas.search.checks import check_sampler, check_space
from nas.search.display import display, number_of
from nas.search.driver import Driver, Stop
from nas.search.ending import end
from nas.search.final_report import print_finals
from nas.search.finals import Finals, check_skeleton, final_seeds
from nas.search.needs import Needs
from nas.search.options import (
    PoolOptions,
    SearchOptions,
    StudyOptions,
    TrainerOptions,
    checked_name,
    section,
    study_folder,
)
from nas.search.proposal import affordable
from nas.search.samplers import SeededSampler
from nas.search.spaces import candidate_space
from nas.search.start import starting_points
from nas.search.summary import print_summary, sketched, write_found
from nas.study import files
from nas.study.environment import record_environment
from nas.study.ledger import open_ledger
from nas.study.study import held, open_study, shown_url, storage_errors
from nas.tracking import TRACKERS, open_tracker
from nas.training.job import Job
from nas.training.recipe import METRIC

if TYPE_CHECKING:
    from nas.pool.ray_pool import RayPool

TARGET = "nas.training.candidate:run"
"""What children of a pool run."""


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
    need_one_of("tracking", "tracking", options["tracking"], TRACKERS)
    study_options = section(StudyOptions, options["study"], "study")
    trainer = section(TrainerOptions, options["trainer"], "trainer")
    asked = SearchOptions.from_section(options["search"])
    objectives, budget, finals = asked.objectives, asked.budget, asked.finals
    needs = Needs.from_option(options["pool"]["devices_per_candidate"])
    name = checked_name(study_options.name or space_name)
    seed = study_options.seed or 0
    folder = study_folder(study_options, name)
    if asked.control:
        checked_name(files.control_name(name))
    with open_pool(section(PoolOptions, options["pool"], "pool"), needs, trainer, options["imports"]) as pool:
        data = load()
        candidates = candidate_space(space, training, data, seed, trainer.max_epochs)
        sampler = for_space(sampler, candidates, affordable(budget))
        check_space(candidates)
        check_sampler(candidates, sampler, pruner, seed, objectives)
        start = starting_points(candidates, asked.start_from)
        baselines = read_baselines(candidates, finals.baselines, options["imports"])
        if finals.skeleton is not None:
            check_skeleton(finals.skeleton, candidates)
        if finals.test and data.test is None:
            raise InputError(f"search.finals.test: data {data.name!r} has no test split")
        document = {key: candidates.document[key] for key in ("architecture", "training")}
        pin = {
            "search": document,
            "data": {"name": data.name, "fingerprint": data.fingerprint},
            "objective": list(objectives.names) if objectives.several else METRIC,
            "study": {"seed": seed},
            "trainer": {"precision": trainer.precision, "sync_batch_norm": trainer.sync_batch_norm},
            "sampler": options["sampler"],
            "pruner": options["pruner"],
        }
        if asked.screen is not None:
            asked.screen.check(candidates.document["training"]["epochs"], data.size)
            pin["screen"] = options["search"]["screen"]
        storage = study_options.storage
        with held(folder, shared=storage is not None), _interruptions() as stopping:
            study = open_study(folder, name, pin, SeededSampler(sampler, seed), pruner, storage, objectives)
            ledger = open_ledger(study, study_options.trials)
            for point in start:  # those that the study has had already are left out
                study.enqueue_trial(dict(point.parameters), skip_if_exists=True)
            written = {**options, "space": space_name, "search": {**options["search"], **document}}
            if storage is not None:
                written["study"] = {**options["study"], "storage": shown_url(storage)}
            files.write_atomically(folder / files.CONFIG, files.yaml_text(written))
            record_environment(
                folder,
                command,
                {"study": seed, "finals": final_seeds(seed, finals.seeds if finals.top else 0)},
                pool.devices,
                pool.slots,
                pool.threads,
            )
            shown = display(console, partial(sketched, candidates))
            about = mirror.about(study, folder, candidates, written, shared=storage is not None)
            tracker = open_tracker(str(options["tracking"]), about, shown.say)
            shown.say(
                f"study {name!r}: {number_of(study_options.trials, 'candidate')} of {space_name} "
                f"({number_of(len(candidates.holes), 'hole')}) on {data.name}, {pool.slots} at a time with "
                f"{number_of(pool.threads, 'thread')} each"
            )
            for point in start:
                shown.say(f"starts from {point.source}: {point.about}")
            for each in baselines:
                if each.weights is not None:
                    shown.say(f"baseline {each.name}: {each.weights.about}")
            measured = math.inf if "latency" in objectives.names else None
            driver = Driver(
                study=study,
                ledger=ledger,
                space=candidates,
                pool=pool,
                job=partial(
                    Job,
                    data=load,
                    accelerator=pool.devices[0].kind,
                    precision=trainer.precision,
                    sync_batch_norm=trainer.sync_batch_norm,
                    graphs=trainer.graphs,
                    latency_limit=budget.latency or measured,
                    latency_batch=budget.latency_batch,
                ),
                options=study_options,
                search=asked,
                needs=needs,
                seed=seed,
                tracker=tracker,
                display=shown,
                folder=folder,
                stopping=stopping,
                on_best=partial(write_found, data=data, whole=False),
            )
            ended = _run(driver, written, data, baselines)
        winner = None if ended is None else print_finals(console, ended, data)
        print_summary(console, driver, tracker.where(), command, winner)
    return 130 if stopping() else 0 if driver.found.best and driver.done else 1


def _run(driver: Driver, written: Mapping[str, Any], data: ImageData, baselines: Sequence[Baseline]) -> Finals | None:
    """Searches, does what follows, and closes all: the pool first, since what the ledger gives up others train."""
    try:
        with storage_errors(driver.options.storage):
            driver.run()
            write_found(driver, data)
            finals = end(driver, written, data, baselines)
            mirror.conclude(driver.tracker, driver.space, driver.study, driver.found, driver.folder)
            return finals
    except OSError as error:  # a disk that is full, a database that is gone
        raise InputError(
            f"{driver.folder}: the search has ended: {error.strerror or error}. What it has is kept; the same command "
            "goes on when this is mended"
        ) from None
    finally:
        driver.display.close()
        driver.pool.close()
        driver.ledger.close()
        driver.tracker.close()


def open_pool(options: PoolOptions, needs: Needs, trainer: TrainerOptions, imports: Sequence[str]) -> "Pool | RayPool":
    """A pool on what this machine, or a Ray cluster, has and the options leave of it.

    Raises:
        InputError: there is no such device, or not as many as a candidate needs; no such cluster, or no Ray.
    """
    common: dict[str, Any] = {
        "need": needs.usual,
        "slots": options.slots,
        "threads": options.threads,
        "preload": ["nas.training.candidate", *imports],
        "time_limit": options.time_limit,
        "silence_limit": options.silence_limit,
    }
    pool: Pool | RayPool
    if options.engine == "ray":
        pool = _ray_pool(options, trainer, common)
    else:
        devices = find_devices(trainer.accelerator, options.slots, needs.usual)
        pool = Pool(TARGET, devices=devices, **common)
    try:
        for rule in needs.rules:
            pool.room(rule.need)  # refuses what never fits
    except InputError:
        pool.close()
        raise
    return pool


def _ray_pool(options: PoolOptions, trainer: TrainerOptions, common: Mapping[str, Any]) -> "RayPool":
    if find_spec("ray") is None:
        raise InputError("pool: ray needs the package ray, which is not installed: pip install ray")
    from nas.pool.ray_pool import RayPool  # takes half a second

    return RayPool(TARGET, accelerator=trainer.accelerator, address=options.address, **common)


@contextmanager
def _interruptions() -> Iterator[Callable[[], Stop]]:
    """Lets Ctrl-C and SIGTERM ask for an end that loses nothing, and a second one for an end at once; gives a function
    that says how far it has come."""
    came: list[int] = []

    def take(number: int, frame: object) -> None:
        came.append(number)

    before = {number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: Stop(min(len(came), Stop.NOW))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
