"""Trains all networks of the table: `python benchmarks/inception_table/generate.py DATA.npz RESULTS.jsonl`.

    [--seeds 1] [--rows 1260] [--slots N] [--minutes M]

DATA.npz is what `benchmarks/images.py` makes. Each training adds a line to RESULTS.jsonl: row, seed, validation
accuracy and loss after each epoch, seconds, device. The same command goes on where it was ended, so more `--seeds`, for
the first `--rows` of a shuffled order, can be added later. With a GPU, `--slots` networks share it. No training starts
after `--minutes`.
"""

import argparse
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from inception_table.networks import rows

from environment import described
from nas.data.npz import load_npz
from nas.pool import Died, Done, Failed, Need, Pool, Report, find_devices
from nas.search.search import TARGET
from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Answer, Result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--slots", type=int)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    options = parser.parse_args()
    print(described())
    order = list(range(len(rows())))
    Random(0).shuffle(order)
    there = done(options.results)
    left = [(row, seed) for seed in range(options.seeds) for row in order[: options.rows] if (row, seed) not in there]
    print(f"{len(rows())} networks; {len(there)} trainings are there, {len(left)} are left", flush=True)
    started = time.monotonic()
    trained = train(left, options.data, options.results, options.slots, started + 60 * options.minutes)
    seconds = time.monotonic() - started
    print(f"{trained} trainings in {seconds:.0f} s, {seconds / max(trained, 1):.2f} s each")


def done(results: Path) -> set[tuple[int, int]]:
    lines = results.read_text().splitlines() if results.exists() else []
    return {(line["row"], line["seed"]) for line in map(json.loads, lines)}


def train(left: list[tuple[int, int]], data: Path, results: Path, slots: int | None, until: float) -> int:
    """Trains what is left, most until `until`; gives back how many."""
    devices = find_devices("auto", slots)
    need = Need() if devices[0].kind == "cpu" else Need(share=1 / (slots or 1))
    load = partial(load_npz, data)
    trained = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        results.open("a") as out,
        Pool(TARGET, devices=devices, need=need, slots=slots, preload=["nas.training.candidate"]) as pool,
    ):
        waiting = list(reversed(left))
        running: dict[int, tuple[int, int]] = {}
        while running or (waiting and time.monotonic() < until):
            while waiting and pool.room(need) and time.monotonic() < until:
                row, seed = waiting.pop()
                key = len(left) - len(waiting)
                running[key] = row, seed
                job = Job(rows()[row].document(seed), load, devices[0].kind, "32-true", Path(folder, str(key)))
                pool.start(key, job, Path(folder, f"{key}.log"), need)
            for event in pool.wait(1.0):
                match event:
                    case Report(key=key):
                        pool.answer(key, Answer.GO_ON)
                    case Done(key=key, result=result):
                        print(json.dumps(line(*running.pop(key), result)), file=out, flush=True)
                        Path(folder, str(key)).unlink()
                        trained += 1
                    case Failed(key=key) | Died(key=key):
                        print(f"row {running.pop(key)}: {event}", flush=True)
    return trained


def line(row: int, seed: int, result: Result) -> dict[str, Any]:
    return {
        "row": row,
        "seed": seed,
        "accuracy": [round(epoch[METRIC], 5) for epoch in result.history],
        "loss": [round(epoch["val/loss"], 4) for epoch in result.history],
        "seconds": round(result.seconds, 2),
        "device": result.device,
    }


if __name__ == "__main__":
    main()
