"""Compares samplers on a table: `python benchmarks/tables/compare.py nasbench201 --folder DATA [--noise] [--jobs 2]`.

Prints, for each data set and method, the regret (the table's best value less that of the best so far, in points) after
some numbers of evaluations and after evaluations of some cost (in mean ones), as mean ± standard error over the seeds,
the test accuracy of the best so far, and how many evaluations repeated a network. With noise, the best so far is the
one with the best noisy value; what is reported of it is noise-free. `believed` is the regret of what the method itself
believes to be the best, and the test accuracy is that one's; methods that do not tell believe what they saw.

With `--rung K`, ours is run a second time with a brief training (see `Table.brief`) of K proposals before each
evaluation, which the best of them gets. Costs count all brief trainings.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna

sys.path.insert(0, str(Path(__file__).parent.parent))

from methods import ANCHORS, Done, Method, by_sampler
from sources import TABLES
from table import Column, Parameters, Table

from environment import described
from nas.compose import configuration

INFEASIBLE = 20
"""Proposals in vain, per evaluation, after which a method is stopped: it finds nothing new."""


@dataclass(frozen=True)
class Task:
    """One search, told to the process that runs it."""

    table: str
    data: str
    folder: Path
    method: str
    rung: int
    seed: int
    stops: tuple[int, ...]
    noisy: bool


@dataclass(frozen=True)
class Course:
    """A search that has ended: rows in the order in which they were evaluated, and what had been spent by then.

    `best` are the rows of the best so far; `believed` those that the method believed to be best at the stops.
    """

    rows: list[int]
    spent: list[float]
    best: list[int]
    believed: list[int]
    seconds: float


@dataclass
class Evaluations:
    """What a method asks of a table. Noise is that of the row, the same for all methods with one seed."""

    table: Table
    seen: Column
    stops: Sequence[int]
    rows: list[int] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    believed: dict[int, int] = field(default_factory=dict)
    asked: int = 0
    now: float = 0.0
    ask_best: Callable[[], int] | None = None

    def __call__(self, parameters: Parameters) -> float | None:
        if self.ask_best and len(self.rows) in self.stops and len(self.rows) not in self.believed:
            self.believed[len(self.rows)] = self.rows[self.ask_best()]
        self.asked += 1
        if len(self.rows) == self.stops[-1] or self.asked > INFEASIBLE * self.stops[-1]:
            raise Done
        row = self.table.row(parameters)
        if row is None:
            return None
        self.now += self.table.cost[row]
        self.rows.append(row)
        self.spent.append(self.now)
        better = not self.best or self.seen[row] > self.seen[self.best[-1]]
        self.best.append(row if better else self.best[-1])
        return float(self.seen[row])

    def brief(self, parameters: Parameters) -> float | None:
        row = self.table.row(parameters)
        if row is None or self.table.brief is None:
            return None
        self.now += self.table.brief_share * self.table.cost[row]
        return float(self.table.brief[row])

    def believe(self, best: Callable[[], int]) -> None:
        self.ask_best = best


@cache
def loaded(table: str, folder: Path, data: str) -> Table:
    return TABLES[table][0](folder, data)


@cache
def method_of(name: str, rung: int) -> Method:
    return ANCHORS[name] if name in ANCHORS else by_sampler(configuration([f"sampler={name}"]).sampler, rung)


def run(task: Task) -> Course:
    """One search; one that ended early stays where it was."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table, start = loaded(task.table, task.folder, task.data), time.perf_counter()
    noise = np.random.default_rng(task.seed).normal(0, table.noise if task.noisy else 0, len(table.values))
    found = Evaluations(table, table.values + noise, task.stops)
    with suppress(Done):
        method_of(task.method, task.rung)(table, task.seed, found)
    missing = task.stops[-1] - len(found.rows)
    rows, spent, best = (part + part[-1:] * missing for part in (found.rows, found.spent, found.best))
    believed = [found.believed.get(stop, best[stop - 1]) for stop in task.stops]
    return Course(rows, spent, best, believed, time.perf_counter() - start)


def reported(values: Column) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}"


def summary(table: Table, runs: Sequence[Course], stops: Sequence[int]) -> list[str]:
    """The cells of a row: regrets by evaluations, those of what is believed, by cost, test accuracy, repeats, time."""
    regret = table.values.max() - table.values[np.array([each.best for each in runs])]
    believed = np.array([each.believed for each in runs])
    ended = [[int((np.array(each.spent) <= stop).sum()) for each in runs] for stop in stops]
    by_cost = [np.array([own[max(end - 1, 0)] for own, end in zip(regret, ends, strict=True)]) for ends in ended]
    repeats = [1 - len(set(table.same[each.rows])) / len(each.rows) for each in runs]
    return [
        *(reported(regret[:, stop - 1]) for stop in stops),
        *(reported(table.values.max() - table.values[believed[:, place]]) for place in range(len(stops))),
        *map(reported, by_cost),
        reported(table.test[believed[:, -1]]),
        f"{100 * np.mean(repeats):.0f} %",
        f"{np.mean([each.seconds for each in runs]):.1f}",
    ]


def arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--folder", type=Path, required=True, help="where the archives are")
    parser.add_argument("--data", nargs="+", help="columns of the table; all if not given")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--stops", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--rung", type=int, default=0, help="proposals trained briefly before each evaluation")
    parser.add_argument("--methods", nargs="*", default=["surrogate"], help="samplers of conf/sampler")
    parser.add_argument("--anchors", nargs="*", choices=ANCHORS, default=list(ANCHORS))
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    load, columns = TABLES[options.table]
    print(described())
    noise = "on" if options.noise else "off"
    print(f"n = {options.seeds} seeds; regret in points, mean ± standard error; noise {noise}")
    methods = [(name, 0) for name in [*options.anchors, *options.methods]]
    methods += [(name, options.rung) for name in options.methods if options.rung]
    stops = tuple(options.stops)
    with get_context("spawn").Pool(options.jobs) as processes:
        for data in options.data or columns:
            table = load(options.folder, data)
            print(f"\n{table.name}: optimum {table.values.max():.3f}, noise {table.noise if options.noise else 0:.2f}")
            heads = [f"{kind}{stop}" for kind in ("@", "believed ", "cost ") for stop in stops]
            print(" | ".join(["method", *heads, "test", "repeats", "s a search"]))
            for name, rung in methods:
                tasks = [
                    Task(options.table, data, options.folder, name, rung, seed, stops, options.noise)
                    for seed in range(options.seeds)
                ]
                runs = processes.map(run, tasks, chunksize=1)
                said = f"{name}, rung of {rung}" if rung else name
                print(" | ".join([said, *summary(table, runs, stops)]), flush=True)


if __name__ == "__main__":
    main()
