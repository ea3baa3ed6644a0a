"""What follows a search that has reached its budget: its control, its finals, and the winner's document."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from optuna.pruners import BasePruner

from nas.data.images import ImageData
from nas.errors import InputError
from nas.search.baselines import Baseline
from nas.search.control import run_control
from nas.search.display import number_of
from nas.search.driver import Driver, Stop
from nas.search.final_report import write_finals
from nas.search.finals import CONTROL, FINALIST, Finals, finalists
from nas.search.study import held, trials
from nas.search.summary import best_document
from nas.search.trainings import FINALS, Trainings


def end(
    driver: Driver,
    make: Callable[..., Driver],
    pin: Mapping[str, Any],
    written: Mapping[str, Any],
    pruner: BasePruner,
    data: ImageData,
    baselines: Sequence[Baseline],
) -> Finals | None:
    """Runs what the options ask for; the finals if there are any and they have come to their end.

    The arguments are those of `run_control`. What is interrupted goes on with the next call.
    """
    options = driver.search.finals
    if not driver.done or driver.has_failed or driver.progress.best is None or driver.stopping() > Stop.NO:
        return None
    control = run_control(driver, make, pin, written, pruner, data) if driver.search.control else None
    if not options.top or driver.stopping() > Stop.NO:
        return None
    with ExitStack() as stack:
        try:
            stack.enter_context(held(driver.folder / FINALS))
        except InputError as error:  # of drivers that share a study, one trains its finals
            driver.display.say(f"finals: {error}")
            return None
        return _finals(driver, control, pin, data, baselines)


def _finals(
    driver: Driver, control: Driver | None, pin: Mapping[str, Any], data: ImageData, baselines: Sequence[Baseline]
) -> Finals | None:
    finals = Finals(
        driver.search.finals,
        driver.seed,
        driver.space,
        driver.search.budget,
        data.fingerprint,
        (pin["trainer"],),
        finalists(driver, FINALIST),
        [] if control is None else finalists(control, CONTROL),
        baselines,
        Trainings(
            folder=driver.folder,
            name=driver.study.study_name,
            pool=driver.pool,
            job=driver.job,
            needs=driver.needs,
            retries=driver.options.retries,
            halts=driver.options.at_end == "checkpoint",
            display=driver.display,
            stopping=driver.stopping,
        ),
        driver.display.say,
        driver.objectives,
    )
    beside = [number_of(len(baselines), "baseline")]
    beside += [f"the best of {len(finals.control)} of the control"] if finals.control else []
    skeleton = f"; {len(finals.placed)} of them in {finals.options.skeleton}, too" if finals.placed else ""
    driver.display.say(
        f"finals: {number_of(len(finals.finalists) + len(finals.control), 'candidate')} trained anew under "
        f"{number_of(len(finals.seeds), 'seed')}{skeleton}; then the winner beside {' and '.join(beside)}"
    )
    if not finals.run():
        driver.display.say("finals: interrupted; the same command goes on with them")
        return None
    winner = finals.winner(finals.finalists)
    if winner is None or not finals.standings()[0].values:
        driver.display.say("finals: all trainings have failed; best.yaml is what the search found")
        return None
    assert winner.trial is not None, "finalists are trials"
    document = best_document(trials(driver.study)[winner.trial], driver.space, data, driver.study.study_name)
    write_finals(driver.folder, finals, document, data)
    return finals
