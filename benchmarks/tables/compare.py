"""Compares samplers on a table: `python benchmarks/tables/compare.py nasbench201 --folder DATA [--noise] [--seeds 50]`.

Prints, for each data set and method, the regret (the table's best value less that of the best so far, in points) after
some numbers of evaluations and after evaluations of some cost (in mean ones), as mean ± standard error over the seeds,
the test accuracy of the best so far, and how many evaluations repeated a network. With noise, the best so far is the
one with the best noisy value; what is reported of it is noise-free. `believed` is the regret of what the method itself
believes to be the best, and the test accuracy is that one's; methods that do not tell believe what they saw.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
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


@dataclass
class Evaluations:
    """What a method asks of a table. Noise is that of the row, the same for all methods with one seed.

    `rows` are in the order in which they were evaluated; `best` is the row of the best so far; `believed` is the row
    that the method believed to be best after as many evaluations.
    """

    table: Table
    seen: Column
    stops: list[int]
    rows: list[int] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    believed: dict[int, int] = field(default_factory=dict)
    asked: int = 0
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
        self.rows.append(row)
        better = not self.best or self.seen[row] > self.seen[self.best[-1]]
        self.best.append(row if better else self.best[-1])
        return float(self.seen[row])

    def believe(self, best: Callable[[], int]) -> None:
        self.ask_best = best


def run(table: Table, method: Method, seed: int, stops: list[int], noisy: bool) -> Evaluations:
    """One search; one that ended early stays where it was."""
    noise = np.random.default_rng(seed).normal(0, table.noise if noisy else 0, len(table.values))
    found = Evaluations(table, table.values + noise, stops)
    with suppress(Done):
        method(table, seed, found)
    missing = stops[-1] - len(found.rows)
    found.rows += found.rows[-1:] * missing
    found.best += found.best[-1:] * missing
    for stop in stops:
        found.believed.setdefault(stop, found.best[stop - 1])
    return found


def reported(values: Column) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1) / len(values) ** 0.5:.3f}"


def summary(table: Table, runs: list[Evaluations], stops: list[int]) -> list[str]:
    """The cells of a row: regrets by evaluations, those of what is believed, by cost, test accuracy, repeats."""
    best = np.array([each.best for each in runs])
    regret = table.values.max() - table.values[best]
    spent = np.cumsum(table.cost[np.array([each.rows for each in runs])], axis=1)
    by_cost = [
        np.array([own[max(sum(costs <= stop) - 1, 0)] for own, costs in zip(regret, spent, strict=True)])
        for stop in stops
    ]
    repeats = [1 - len(set(table.same[each.rows])) / len(each.rows) for each in runs]
    return [
        *(reported(regret[:, stop - 1]) for stop in stops),
        *(reported(table.values.max() - table.values[[each.believed[stop] for each in runs]]) for stop in stops),
        *map(reported, by_cost),
        reported(table.test[[each.believed[stops[-1]] for each in runs]]),
        f"{100 * np.mean(repeats):.0f} %",
    ]


def arguments() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--folder", type=Path, required=True, help="where the archives are")
    parser.add_argument("--data", nargs="+", help="columns of the table; all if not given")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--stops", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--methods", nargs="+", default=["surrogate"], help="samplers of conf/sampler")
    parser.add_argument("--anchors", nargs="*", choices=ANCHORS, default=list(ANCHORS))
    return parser.parse_args()


def main() -> None:
    options = arguments()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    load, columns = TABLES[options.table]
    print(described())
    noise = "on" if options.noise else "off"
    print(f"n = {options.seeds} seeds; regret in points, mean ± standard error; noise {noise}")
    methods = {name: ANCHORS[name] for name in options.anchors}
    methods |= {name: by_sampler(configuration([f"sampler={name}"]).sampler) for name in options.methods}
    for data in options.data or columns:
        table = load(options.folder, data)
        print(f"\n{table.name}: optimum {table.values.max():.3f}, noise {table.noise if options.noise else 0:.2f}")
        heads = [*(f"@{stop}" for stop in options.stops), *(f"believed {stop}" for stop in options.stops)]
        heads += [*(f"cost {stop}" for stop in options.stops)]
        print(" | ".join(["method", *heads, "test", "repeats", "s a search"]))
        for name, method in methods.items():
            start = time.perf_counter()
            runs = [run(table, method, seed, options.stops, options.noise) for seed in range(options.seeds)]
            seconds = (time.perf_counter() - start) / options.seeds
            print(" | ".join([name, *summary(table, runs, options.stops), f"{seconds:.1f}"]), flush=True)


if __name__ == "__main__":
    main()
