"""What a search leaves at its end: the best candidate as a document, the table of trials, and what to do next."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial
from rich.console import Console

from nas.architecture.sketch import sketches
from nas.data.images import ImageData
from nas.overrides import quoted
from nas.program import program
from nas.search.agreement import LEAST, agreement
from nas.search.display import best_table, count, number_of, say
from nas.search.driver import Driver
from nas.search.progress import Progress
from nas.search.proposal import trained_candidate
from nas.space.holes import Scalar
from nas.space.space import Space
from nas.study import files, states
from nas.study.curves import curve
from nas.study.environment import without_password
from nas.study.found import Found
from nas.study.kept import WEIGHTS
from nas.study.objectives import BEST, accuracy, hypervolumes
from nas.study.study import JOURNAL, trials
from nas.training.recipe import METRIC, Training

RETRAINED_WITH = ("data=", "data.", "imports=", "trainer.accelerator=", "trainer.precision=")
"""What of a search's command line repeats a value, beside the document."""

MOST = 200
"""Curves that the agreement is taken from, evenly spread over the study."""

LEFT = (
    files.BEST,
    files.FRONT,
    files.TRIALS,
    files.FINALS,
    files.TEST_READS,
    files.CONFIG,
    files.ENVIRONMENT,
    JOURNAL,
    files.LOGS,
    WEIGHTS,
)
"""What a user may want to look at."""


def sketched(space: Space, parameters: Mapping[str, Scalar]) -> str:
    """The cells that the parameters of a complete trial give, in one line."""
    lines = sketches(trained_candidate(space, parameters).architecture)
    return "; ".join(f"{name}: {line}" for name, line in lines.items())


def best_document(trial: FrozenTrial, space: Space, about: Mapping[str, Any], study: str) -> dict[str, Any]:
    """A candidate document of a complete trial, made from what the study holds of it; `about` is its data's record."""
    candidate = trained_candidate(space, trial.params)
    attrs = trial.user_attrs
    return {
        "architecture": candidate.architecture.to_document(),
        "training": Training.from_document(candidate.document["training"]).to_document(),
        "seed": candidate.document["seed"],
        "record": {
            "study": study,
            "trial": trial.number,
            METRIC: accuracy(trial),
            "digest": candidate.digest,
            "parameters": candidate.cost.parameters,
            "macs": candidate.cost.macs,
            **attrs["trained"],
            "seconds": attrs["seconds"],
            "versions": attrs["versions"],
            **about,
            "sampled": dict(trial.params),
        },
    }


def write_found(driver: Driver, data: ImageData, whole: bool = True) -> None:
    """trials.csv, best.yaml and, of several objectives, a document for each member of the Pareto front.

    While the search goes on (not `whole`), members whose documents are there are not written again.
    """
    folder, study, space, objectives = driver.folder, driver.study, driver.space, driver.objectives
    files.write_atomically(folder / files.TRIALS, files.trials_csv(trials(study), list(space.holes)))
    found = Found(objectives)
    for trial in trials(study):
        found.take(trial)
    if found.best is None:
        return
    document = best_document(found.best, space, data.record, study.study_name)
    if objectives.several:
        document["record"]["chosen"] = {"by": f"{BEST[objectives.best]} of {len(found.front)} on the Pareto front"}
        _write_front(folder / files.FRONT, found.front, space, data, study.study_name, whole)
    text = files.yaml_text(document)
    files.write_atomically(folder / files.BEST, f"# The best candidate of study {study.study_name!r}.\n{text}")


def _write_front(
    folder: Path, front: Sequence[FrozenTrial], space: Space, data: ImageData, name: str, whole: bool
) -> None:
    paths = {folder / f"{trial.number:04d}.yaml": trial for trial in front}
    for path, trial in paths.items():
        if whole or not path.exists():
            text = files.yaml_text(best_document(trial, space, data.record, name))
            files.write_atomically(path, f"# A candidate on the Pareto front of study {name!r}.\n{text}")
    for path in folder.glob("*.yaml"):
        if path not in paths:
            path.unlink()


def growth(study: Study) -> str:
    """What the Pareto front dominates at the end and halfway, and of what."""
    found = hypervolumes(study)
    if not found.steps:
        return ""
    half = found.steps[(len(found.steps) - 1) // 2][1]
    limits = ", ".join(
        f"{count(round(least)) if name != 'latency' else f'{least:.3g} ms'} {name}"
        for name, least in zip(found.names[1:], found.reference[1:], strict=True)
    )
    return (
        f"hypervolume {found.steps[-1][1]:.4f} after {number_of(len(found.steps), 'complete candidate')}, "
        f"{half:.4f} after half of them (reference point: accuracy {found.reference[0]:g}, {limits})"
    )


def proposals(progress: Progress) -> str:
    """How many proposals it took, and how busy the slots were."""
    trained = len(progress.found.architectures)
    line = f"{number_of(trained, 'different architecture')} in {number_of(progress.proposed, 'proposal')}"
    for state in (states.INFEASIBLE, states.TWIN, states.SCREENED):
        if progress.counts[state]:
            line += f", {progress.counts[state] / progress.proposed:.0%} {state}"
    if progress.utilisation:
        line += f"; slots {progress.utilisation:.0%} busy"
    return line + (f", {number_of(progress.retried, 'attempt')} repeated" if progress.retried else "")


def early_agreement(ended: Sequence[FrozenTrial]) -> str:
    """How far the first epoch, and that in the middle, rank the complete candidates as the last does; empty if they
    are too few to tell."""
    curves = [curve(trial) for trial in ended if states.word(trial) == states.COMPLETE]
    last = max((max(each) for each in curves if each), default=0)
    whole = [each for each in curves if len(each) == last + 1]  # those that have been trained for as long
    if len(whole) < LEAST or last < 2:
        return ""
    whole = whole[:: -(-len(whole) // MOST)]  # the time that it takes grows with their square
    final = [each[last] for each in whole]
    lines = [f"epoch {e + 1}: {agreement([each[e] for each in whole], final)}" for e in sorted({0, last // 2})]
    return f"how early epochs rank complete candidates against epoch {last + 1}: {'; '.join(lines)}"


def screen_agreement(ended: Sequence[FrozenTrial]) -> str:
    """How far the scores of a screen rank the complete candidates as their accuracies do; empty if they are too few."""
    complete = [trial for trial in ended if states.word(trial) == states.COMPLETE and states.SCORE in trial.user_attrs]
    if len(complete) < LEAST:
        return ""
    scores = [trial.user_attrs[states.SCORE] for trial in complete]
    found = agreement(scores, [accuracy(trial) or 0.0 for trial in complete])
    return f"how the screen ranks complete candidates, each the best of its group: {found}"


def print_summary(
    console: Console, driver: Driver, where: str | None, command: Sequence[str], winner: int | None = None
) -> None:
    """`winner` is the trial in best.yaml if finals have chosen it; None: the best of the search."""
    folder = driver.folder
    counts = driver.progress.counts
    best = driver.found.best
    rule = ""
    say(console)
    if best is not None:
        if driver.objectives.several:
            front = driver.found.front
            console.print(best_table(front, len(front), "Pareto front"))
            say(console, growth(driver.study))
            rule = f", {BEST[driver.objectives.best]} of {len(front)} on the front" if winner is None else ""
        else:
            console.print(best_table(trials(driver.study)))
        number = best.number if winner is None else winner
        candidate = trained_candidate(driver.space, trials(driver.study)[number].params)
        say(console, f"\nbest candidate, trial {number}{rule}:")
        for name, text in sketches(candidate.architecture).items():
            say(console, f"  {name}: {text}")
    told = ", ".join(f"{counts[state]} {state}" for state in states.STATES if counts[state]) or "nothing trained"
    say(console, f"\n{told}; {driver.progress.counted} of {driver.options.trials} candidates")
    say(console, proposals(driver.progress))
    for line in (early_agreement(trials(driver.study)), screen_agreement(trials(driver.study))):
        if line:
            say(console, line)
    there = [name for name in LEFT if (folder / name).exists()]
    say(console, f"everything is in {folder}/: {', '.join(there)}")
    if where:
        say(console, where)
    goes_on = driver.progress.counted < driver.options.trials and not (driver.proposer.exhausted or driver.has_failed)
    if goes_on:
        longer = " (with a longer study.time)" if driver.time_is_over else ""
        say(console, f"to go on:    {program()} {shlex.join(map(without_password, command))}{longer}")
    if best is not None:
        kept = [part for part in command if part.lstrip("+").startswith(RETRAINED_WITH)]
        retrain = shlex.join([f"architecture={quoted(str(folder / files.BEST))}", *kept])
        say(console, f"to retrain:  {program()} {retrain}")
        say(console, "             (test=true also reads the test split, once)")
        say(console, f"to draw it:  python -m nas draw {shlex.quote(str(folder / files.BEST))}")
        say(console, f"to take it:  python -m nas export {shlex.quote(str(folder))} --out FOLDER")
