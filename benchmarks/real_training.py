"""Searches by ours and at random, at equal cost, on real training: which finds the better network.

    python benchmarks/real_training.py DATA.npz FOLDER [--searches 5] [--trials 24] [--tune 3] [--share S] [--report]
                                       [OVERRIDE ...]

Each search is `train.py +search=inception_cell` with `search.control=random` and finals of the best of each: three
training seeds, then the test split. The searches run at once, each with two candidates at a time (`--share` of a GPU
each). The first one also holds its winner against a ResNet-18-style network and a published cell of equal
multiply-adds, all tuned in `--tune` settings of learning rate and weight decay. DATA.npz is what `benchmarks/images.py`
makes; the stem keeps the grid, because such images are small. FOLDER keeps the studies: the same command goes on where
it was ended, and `--report` only reads it.
"""

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from environment import described
from nas.search.statistics import paired_bootstrap, spread
from nas.study.files import FINALS_TABLE, TRIALS

ROOT = Path(__file__).parent.parent
BASELINES = "resnet18,inception_v3.a"
SEARCHED = {"finalist": "seed_{}", "control": "seed_{}-control"}
"""The studies that networks of these kinds come from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--searches", type=int, default=5)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--tune", type=int, default=3)
    parser.add_argument("--share", type=float, help="of a GPU, for each candidate")
    parser.add_argument("--report", action="store_true", help="runs nothing")
    options, overrides = parser.parse_known_args()
    print(described())
    if not options.report:
        started = time.monotonic()
        running = [start(options, overrides, seed) for seed in range(options.searches)]
        failed = [seed for seed, process in enumerate(running) if process.wait()]
        print(f"{options.searches} searches and controls in {time.monotonic() - started:.0f} s; failed: {failed}")
    report(options.folder, options.searches)


def start(options: argparse.Namespace, overrides: list[str], seed: int) -> subprocess.Popen[bytes]:
    arguments = [
        "+search=inception_cell",
        "search.architecture.cells.stem={op: conv, width: $width, kernel: 3}",
        "data=npz",
        f"data.path={options.data.resolve()}",
        f"study.folder={options.folder}",
        f"study.name=seed_{seed}",
        f"study.seed={seed}",
        f"study.trials={options.trials}",
        "tracking=none",
        "pruner=none",
        f"pool.devices_per_candidate={options.share}" if options.share else "pool.threads=1",
        "pool.slots=2",
        "search.control=random",
        "search.finals.top=1",
        "search.finals.test=true",
        *([f"search.finals.baselines=[{BASELINES}]", "search.finals.equal=macs"] if seed == 0 else []),
        *([f"search.finals.tune={options.tune}"] if seed == 0 else []),
        *overrides,
    ]
    options.folder.mkdir(parents=True, exist_ok=True)
    with (options.folder / f"seed_{seed}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "train.py", *arguments], cwd=ROOT, stdout=log, stderr=log)


def report(folder: Path, searches: int) -> None:
    """Prints what the finished searches say."""
    finals: dict[int, Mapping[str, Any]] = {}
    for seed in range(searches):
        file = folder / f"seed_{seed}" / "finals.yaml"
        if file.exists():
            finals[seed] = yaml.safe_load(file.read_text())
    if not finals:
        print(f"{folder}: no search has ended")
        return
    for seed, found in finals.items():
        for network in found["networks"]:
            validation, test = network["validation"], network["test"]
            cost = seconds(folder / f"seed_{seed}" / FINALS_TABLE, network["name"])
            cost += (
                seconds(folder / SEARCHED[network["kind"]].format(seed) / TRIALS) if network["kind"] in SEARCHED else 0
            )
            print(
                f"search {seed}: {network['name']:<18} validation {validation['mean']:.4f} ± {validation['std']:.4f}, "
                f"test {test['mean']:.4f} ± {test['std']:.4f}, {network['parameters']} parameters, "
                f"{network['macs']} MACs, {cost:.0f} s of training in all"
            )
    ours, control = ([tests(found, kind) for found in finals.values()] for kind in ("finalist", "control"))
    for name, values in (("ours", ours), ("random", control)):
        print(f"{name}: test accuracy of {len(values)} searches, {spread([sum(v) / len(v) for v in values])}")
    found = paired_bootstrap(ours, control)
    print(
        f"ours less random: {100 * found.mean:+.2f} points, 95 % interval {100 * found.low:+.2f} "
        f"to {100 * found.high:+.2f} (hierarchical bootstrap, {len(ours)} searches, {len(ours[0])} training seeds); "
        f"ahead in {found.ahead:.0%} of resamples"
    )
    for kind, name in SEARCHED.items():
        costs = [seconds(folder / name.format(seed) / TRIALS) for seed in finals]
        print(f"{kind}: {spread(costs)} s of training a search")


def tests(found: Mapping[str, Any], kind: str) -> list[float]:
    """Test accuracies of the best of this kind, by training seed."""
    (network,) = (each for each in found["networks"] if each["kind"] == kind)
    return [network["test"]["values"][str(seed)] for seed in found["seeds"]]


def seconds(table: Path, network: str | None = None) -> float:
    """Of all trainings in a table, or of those of one network: its settings that were tried, and the final ones."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if network is None or row["network"] == network]
        return sum(float(row["seconds"] or 0) for row in rows)


if __name__ == "__main__":
    main()
