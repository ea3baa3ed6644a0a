"""What pruning saves and costs, on the learning curves of our table: `python benchmarks/pruning.py [--seeds 24]`.

Whole searches of `benchmarks/inception_table`, whose networks have curves of ten annealed epochs: by the default
sampler, and at random, with each pruner. Prints the regret (the table's best last accuracy less that of the best
complete trial, in points, mean ± standard error) after some numbers of trials with the epochs that they took, and after
some numbers of epochs.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import optuna
from inception_table.networks import rows, space
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from environment import described
from nas.architecture.context import context
from nas.compose import configuration
from nas.samplers.catalogue import Catalogue
from nas.search.proposal import TrialSuggest
from nas.search.pruning import MedianPruner
from nas.search.samplers import SeededSampler

TABLE = Path(__file__).parent / "inception_table" / "table.npz"
TRIALS, EPOCHS = (24, 48), (120, 180, 240, 360)

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    **{f"median, warmup {share:g}": partial(MedianPruner, warmup=share) for share in (0.1, 0.3, 0.4, 0.5, 0.6)},
    "halving": partial(SuccessiveHalvingPruner, min_resource=1, reduction_factor=3),
    "hyperband": partial(HyperbandPruner, min_resource=1, reduction_factor=3),
}

Course = list[tuple[int, float]]
"""After each trial: the epochs so far, and the regret."""


class Curves:
    """The table: the accuracies of a document's network by epoch, in points."""

    def __init__(self) -> None:
        held = np.load(TABLE)
        self.values = 100 * held["val_accuracy"].astype(float)
        place = {int(row): index for index, row in enumerate(held["row"])}
        self._places = {
            frozenset(parameters.items()): place[number]
            for number, row in enumerate(rows())
            for parameters in row.parameters
        }

    def place(self, parameters: dict[str, object]) -> int:
        return self._places[frozenset(parameters.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=24)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(described())
    print(f"n = {options.seeds} searches; regret in points, mean ± standard error")
    curves, catalogue = Curves(), Catalogue(space())
    ours = partial(configuration(["sampler=surrogate"]).sampler, catalogue=catalogue)
    for name, make in {"surrogate": partial(SeededSampler, ours), "random": RandomSampler}.items():
        for pruner, prune in PRUNERS.items():
            courses = []
            for seed in range(options.seeds):
                catalogue.ended.clear()
                courses.append(searched(curves, make(seed=seed), prune()))
            print(f"{name}, {pruner}: {said(courses)}", flush=True)


def searched(curves: Curves, sampler: BaseSampler, pruner: BasePruner) -> Course:
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    documents, course, seen = space(), [], set()
    epochs, best, optimum = 0, 0.0, curves.values[:, -1].max()
    while len(course) < TRIALS[-1]:
        trial = study.ask()
        documents.sample(TrialSuggest(trial), context)
        place = curves.place(trial.params)
        if place in seen:  # a twin costs nothing
            study.tell(trial, state=TrialState.FAIL)
            continue
        seen.add(place)
        for epoch, value in enumerate(curves.values[place]):
            trial.report(value, epoch)
            epochs += 1
            if epoch + 1 < curves.values.shape[1] and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)
            best = max(best, value)
        course.append((epochs, optimum - best))
    return course


def said(courses: Sequence[Course]) -> str:
    parts = []
    for number in TRIALS:
        epochs = np.mean([course[number - 1][0] for course in courses])
        parts.append(f"@{number} {spread([course[number - 1][1] for course in courses])} in {epochs:.0f} epochs")
    for limit in EPOCHS:
        if all(course[-1][0] >= limit for course in courses):
            values = [min(regret for epochs, regret in course if epochs <= limit) for course in courses]
            parts.append(f"{limit} epochs {spread(values)}")
    return "; ".join(parts)


def spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.2f}"


if __name__ == "__main__":
    main()
