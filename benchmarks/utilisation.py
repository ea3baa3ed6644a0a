"""How busy a search keeps 2 to 4,096 slots: the real driver over simulated candidates of very different durations.

    python benchmarks/utilisation.py [--slots 2 8 64 512] [--candidates 20] [--seeds 3] [--real] [--tiny]
                                     [--journal] [OVERRIDE ...]
    python benchmarks/utilisation.py --slots 4096 --candidates 5 --tiny     20,000 candidates, a few minutes

Candidates are of inception_cell (or, with --tiny, networks that take no time to propose), trained for 8 simulated
epochs whose seconds are log-normal among candidates, tenfold from the 5 % to the 95 % quantile. The driver's own CPU
time passes on the virtual clock, so a slot that waits for it is idle. `busy` is the slots' utilisation until the last
candidates start; `makespan` is over what no scheduler can beat, all the work shared out evenly. A barrier starts the
same candidates in batches and waits for each batch.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial
from rich.console import Console

from environment import described
from nas.compose import Configuration, configuration
from nas.pool import Pool, find_devices
from nas.search.display import LineDisplay
from nas.search.driver import Driver, Stop
from nas.search.needs import Needs
from nas.search.options import Budget, SearchOptions, StudyOptions
from nas.search.samplers import SeededSampler
from nas.search.spaces import candidate_space
from nas.space.space import Space
from nas.study.ledger import open_ledger
from nas.study.study import open_study, trials
from nas.tracking import Tracker
from nas.training.job import Job
from simulation import Drawn, SimulatedPool

EPOCHS = 8
REAL_SECONDS = 1.0
TINY = {
    "architecture": {
        "network": [
            {"op": "conv", "name": "only", "width": {"int": [1, 64]}, "kernel": 3, "stride": 2},
            {"op": "global_pool"},
            {"op": "linear", "width": "classes"},
        ]
    },
    "training": {"lr": {"float": [0.0001, 0.1]}},  # so that there are candidates enough
}


@dataclass(frozen=True)
class Figures:
    busy: float
    busy_barrier: float
    makespan: float
    makespan_barrier: float
    milliseconds: float  # of the driver's CPU time, a candidate
    cpu: float  # seconds of the driver and the simulation together


HEADS = {
    "busy": "busy",
    "busy_barrier": "busy, barrier",
    "makespan": "makespan",
    "makespan_barrier": "makespan, barrier",
    "milliseconds": "driver ms/candidate",
    "cpu": "CPU s in all",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, nargs="+", default=[2, 8, 64, 512])
    parser.add_argument("--candidates", type=int, default=20, help="for each slot")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the median candidate's epoch")
    parser.add_argument("--tiny", action="store_true", help="networks of one convolution, proposed in no time")
    parser.add_argument("--real", action="store_true", help="two real slots too, whose candidates sleep: five minutes")
    parser.add_argument("--journal", action="store_true", help="keep the study in a journal, not in memory")
    options, overrides = parser.parse_known_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    composed = configuration(["+search=inception_cell", "sampler=random", *overrides])
    documents = TINY if options.tiny else composed.space or {}
    space = candidate_space(documents, composed.training, composed.data(), 0, EPOCHS)
    print(described())
    print(
        f"{options.candidates} candidates a slot, {EPOCHS} epochs of {options.seconds:g} s in the median; study in "
        f"{'a journal' if options.journal else 'memory'}; n = {options.seeds} seeds, mean ± standard deviation"
    )
    print(f"{'slots':>5}" + "".join(f"{head:>20}" for head in HEADS.values()))
    for slots in options.slots:
        measured = [
            simulated(composed, space, slots, options.candidates * slots, Drawn(seed, EPOCHS, options.seconds), options)
            for seed in range(options.seeds)
        ]
        cells = (spread([getattr(figures, name) for figures in measured]) for name in HEADS)
        print(f"{slots:>5}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
    if options.real:
        drawn = [Drawn(seed, EPOCHS, REAL_SECONDS) for seed in range(options.seeds)]
        busy = [slept(composed, space, 2, options.candidates, each) for each in drawn]
        print(f"2 real slots, epochs of {REAL_SECONDS:g} s slept in real processes: busy {spread(busy)}")


def simulated(
    composed: Configuration, space: Space, slots: int, count: int, drawn: Drawn, options: argparse.Namespace
) -> Figures:
    """A search for `count` candidates, and what a batch barrier makes of the same ones."""
    pool = SimulatedPool(drawn, devices=slots, driver_cost=True)
    started = time.process_time()
    trained = searched(composed, space, pool, lambda document, number: document, count, drawn.seed, options.journal)
    cpu = time.process_time() - started
    durations = [sum(drawn(None, trial.number).seconds) for trial in trained]
    ideal = sum(durations) / slots
    busy_barrier, makespan_barrier = barrier(durations, slots)
    return Figures(
        busy=pool.last_start.share,
        busy_barrier=busy_barrier,
        makespan=pool.use.seconds / ideal,
        makespan_barrier=makespan_barrier / ideal,
        milliseconds=1000 * pool.driver_seconds / count,
        cpu=cpu,
    )


def slept(composed: Configuration, space: Space, slots: int, count: int, drawn: Drawn) -> float:
    """The utilisation of a real pool, whose candidates sleep in their processes for as long as they would train."""
    needs = Needs.from_option(1)
    devices = find_devices("cpu", slots, needs.usual)
    with Pool("sleeping:train", devices=devices, slots=slots, threads=1, preload=["nas.training.candidate"]) as pool:
        trained = searched(
            composed, space, pool, lambda own, number: {**own, "course": drawn(None, number)}, count, drawn.seed, True
        )
    ends = [trial.datetime_complete.timestamp() for trial in trained if trial.datetime_complete]
    spans = [(end - trial.user_attrs["seconds"], end) for trial, end in zip(trained, ends, strict=True)]
    first, last = (choose(begin for begin, _ in spans) for choose in (min, max))
    return sum(min(end, last) - begin for begin, end in spans) / (slots * (last - first))


def searched(
    composed: Configuration,
    space: Space,
    pool: Pool | SimulatedPool,
    document: Callable[[Mapping[str, Any], int], Mapping[str, Any]],
    count: int,
    seed: int,
    journal: bool,
) -> list[FrozenTrial]:
    """The trials of a search that has trained exactly `count` candidates; jobs get what `document` makes of each
    candidate's document and number."""

    def job(**fields: Any) -> Job:
        own = document(fields.pop("document"), int(fields["checkpoint"].stem))
        return Job(own, composed.data, "cpu", **fields)

    sampler = SeededSampler(composed.sampler, seed)
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w") as nowhere:
        study = (
            open_study(Path(folder), "simulated", {}, sampler, NopPruner())
            if journal
            else optuna.create_study(direction="maximize", sampler=sampler, pruner=NopPruner())
        )
        driver = Driver(
            study=study,
            ledger=open_ledger(study, count),
            space=space,
            pool=pool,
            job=job,
            options=StudyOptions(name=None, trials=count, seed=seed, folder=folder, failures=0),
            search=SearchOptions(Budget(), per_architecture=count),
            needs=Needs.from_option(1),
            seed=seed,
            tracker=Tracker(),
            display=LineDisplay(Console(file=nowhere, width=100)),
            folder=Path(folder),
            stopping=lambda: Stop.NO,
            on_best=lambda driver: None,
        )
        driver.run()
        assert driver.progress.counted == count, f"{driver.progress.counted} candidates in place of {count}"
        return [trial for trial in trials(study) if "seconds" in trial.user_attrs]


def barrier(durations: Sequence[float], slots: int) -> tuple[float, float]:
    """The utilisation until the last batch starts, and when it ends, if every batch waits for its slowest candidate."""
    longest = [max(durations[first : first + slots]) for first in range(0, len(durations), slots)]
    started = sum(longest[:-1])
    return sum(durations[: slots * (len(longest) - 1)]) / (slots * started), sum(longest)


def spread(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {deviation:.3f}"


if __name__ == "__main__":
    main()
