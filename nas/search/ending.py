"""What follows a search that has reached its budget: a control at random, its finals, and the winner's document."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from optuna.samplers import RandomSampler

from nas.data.images import ImageData
from nas.errors import InputError
from nas.search import mirror
from nas.search.baselines import Baseline
from nas.search.driver import Driver, Stop
from nas.search.final_report import write_finals
from nas.search.finals import Finals
from nas.search.samplers import SeededSampler
from nas.search.summary import write_found
from nas.search.trainings import FINALS
from nas.study import files
from nas.study.ledger import open_ledger
from nas.study.study import held, open_study, pinned
from nas.tracking import open_tracker


def end(driver: Driver, written: Mapping[str, Any], data: ImageData, baselines: Sequence[Baseline]) -> Finals | None:
    """Runs what the options ask for; the finals if there are any and they have come to their end.

    `written` is the configuration. What is interrupted goes on with the next call.
    """
    if not driver.done or driver.has_failed or driver.found.best is None or driver.stopping() > Stop.NO:
        return None
    control = _run_control(driver, written, data) if driver.search.control else None
    if not driver.search.finals.top or driver.stopping() > Stop.NO:
        return None
    with ExitStack() as stack:
        try:
            stack.enter_context(held(driver.folder / FINALS))
        except InputError as error:  # of drivers that share a study, one trains its finals
            driver.display.say(f"finals: {error}")
            return None
        finals = Finals(driver, control, baselines)
        if not finals.run():
            return None
        write_finals(finals, data)
        return finals


def _run_control(driver: Driver, written: Mapping[str, Any], data: ImageData) -> Driver:
    """Searches without a method, for as many candidates as `driver` has trained; gives back the driver that did, or has
    begun.

    Space, budget, recipe, pruner and the seed of the trainings are the same; its draws are its own, so that it does not
    repeat the random trials that samplers begin with. It starts from nothing that is known, and screens nothing.
    """
    name = files.control_name(driver.study.study_name)
    folder = driver.folder.with_name(files.control_name(driver.folder.name))
    options = replace(driver.options, name=name, trials=max(1, driver.progress.counted), time=None)
    shared = options.storage is not None
    pin = {**pinned(driver.study), "sampler": {"control of": driver.study.study_name}}
    pin.pop("screen", None)
    own = {**written, "study": {**written["study"], "name": name, "trials": options.trials}, "sampler": "random"}
    with held(folder, shared=shared):
        sampler = SeededSampler(RandomSampler, -1 - driver.seed)
        study = open_study(folder, name, pin, sampler, driver.study.pruner, options.storage, driver.objectives)
        files.write_atomically(folder / files.CONFIG, files.yaml_text(own))
        driver.display.say(f"control: study {name!r}, {options.trials} candidates at random")
        control = replace(
            driver,
            study=study,
            ledger=open_ledger(study, options.trials),
            options=options,
            search=replace(driver.search, screen=None),
            tracker=open_tracker(
                str(written["tracking"]), mirror.about(study, folder, driver.space, own, shared), driver.display.say
            ),
            folder=folder,
        )
        try:
            control.run()
            write_found(control, data)
            mirror.conclude(control.tracker, driver.space, study, control.found, folder)
        finally:
            for number in control.pool.running:  # it has been stopped at once, and its trials become others' to train
                control.pool.stop(number)
            control.ledger.close()
            control.tracker.close()
    return control
