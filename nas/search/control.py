"""A search without a method beside one with it: as many candidates at random, in a study of its own."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler

from nas.data.images import ImageData
from nas.search import files, mirror
from nas.search.driver import Driver
from nas.search.ledger import open_ledger
from nas.search.pruning import COSTS
from nas.search.samplers import SeededSampler
from nas.search.study import held, open_study, storage_errors
from nas.search.summary import write_found
from nas.tracking import open_tracker


def control_name(name: str) -> str:
    return f"{name}-control"


def run_control(
    driver: Driver,
    make: Callable[..., Driver],
    pin: Mapping[str, Any],
    written: Mapping[str, Any],
    pruner: BasePruner,
    data: ImageData,
) -> Driver:
    """Searches at random for as many candidates as `driver` has trained; gives back the driver that did, or has begun.

    Space, budget, recipe, pruner and the seed of the trainings are the same; its draws are its own, so that it does not
    repeat the random trials that samplers begin with. It starts from nothing that is known, and screens nothing. `make`
    makes a driver of what is its own; `pin` and `written` are what makes the other study's values comparable and its
    configuration.
    """
    name = control_name(driver.study.study_name)
    folder = driver.folder.with_name(control_name(driver.folder.name))
    options = replace(driver.options, name=name, trials=max(1, driver.progress.counted), time=None)
    shared = options.storage is not None
    with held(folder, shared=shared):
        sampler = SeededSampler(RandomSampler, -1 - driver.seed)
        own_pin = {key: value for key, value in pin.items() if key != "screen"}
        own_pin["sampler"] = {"control of": driver.study.study_name}
        study = open_study(folder, name, own_pin, sampler, pruner, options.storage, driver.study.directions)
        if driver.objectives.several:
            study.set_user_attr(COSTS, list(driver.objectives.names[1:]))
        ledger = open_ledger(study, options.trials)
        own = {**written, "study": {**written["study"], "name": name, "trials": options.trials}, "sampler": "random"}
        files.write_atomically(folder / files.CONFIG, files.yaml_text(own))
        about = mirror.about(study, folder, driver.space, own, shared)
        tracker = open_tracker(str(written["tracking"]), about, driver.display.say)
        driver.display.say(f"control: study {name!r}, {options.trials} candidates at random")
        control = make(
            study=study,
            ledger=ledger,
            options=options,
            tracker=tracker,
            folder=folder,
            search=replace(driver.search, screen=None),
            on_best=lambda _: write_found(folder, study, driver.space, data, driver.objectives, whole=False),
        )
        try:
            with storage_errors(options.storage):
                control.run()
            write_found(folder, study, driver.space, data, driver.objectives)
            mirror.conclude(tracker, driver.space, study, control.found, folder)
        finally:
            ledger.close()
            tracker.close()
    return control
