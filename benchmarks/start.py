"""How soon a search trains: `python benchmarks/start.py [--n 5]`.

Seconds from the start of the command to the end of the first training step, over those of a script that imports the
same libraries and loads the same data; both measured in turns. Then how long the commands without torch take.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from first_step import FILE
from processes import HERE, PROGRAM, adopt_orphans, spent, spread
from searches import search

from environment import described

TRAINING = "import torch, pytorch_lightning, nas.training.candidate"
SEARCHING = "import hydra, optuna, rich, wandb, yaml, nas.search.search"
LOADED = """
import time
from nas.data.builtin import load_fashion_mnist_mini
load_fashion_mnist_mini()
print(time.monotonic())
"""
LIGHT = (
    [str(PROGRAM), "--help"],
    ["-m", "nas", "--help"],
    ["-m", "nas", "describe", "googlenet"],
    ["-m", "nas", "draw", "googlenet"],
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=5)
    n = parser.parse_args().n
    adopt_orphans()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        measure_searches(Path(folder), n)
        for command in LIGHT:
            cpu = [spent([sys.executable, *command], Path(folder)).cpu for _ in range(n)]
            print(f"{' '.join(command)}: {statistics.median(cpu):.2f} CPU seconds, median of n = {n}")


def measure_searches(folder: Path, repeats: int) -> None:
    ratios: dict[str, list[float]] = {"all that a search imports": [], "what training alone imports": []}
    scripts = dict(zip(ratios, (f"{TRAINING}\n{SEARCHING}{LOADED}", f"{TRAINING}{LOADED}"), strict=True))
    for repeat in range(-1, repeats):
        note = folder / f"first_step_{repeat}"
        started = time.monotonic()
        search(folder, f"start_{repeat}", 1, 1, 1, "imports=[first_step]", environment={FILE: str(note)})
        first = float(note.read_text()) - started
        for name, script in scripts.items():
            started = time.monotonic()
            said = subprocess.run([sys.executable, "-c", script], cwd=HERE.parent, capture_output=True, check=True)
            ratios[name].append(first / (float(said.stdout.split()[-1]) - started))
        bare = {name: first / values[-1] for name, values in ratios.items()}
        if repeat < 0:  # the first reads everything from disk, and compiles it
            ratios = {name: [] for name in ratios}
            continue
        print(
            f"first training step after {first:.2f} s; "
            + ", ".join(f"{name}, and the data: {seconds:.2f} s" for name, seconds in bare.items()),
            flush=True,
        )
    for name, values in ratios.items():
        print(f"start to first training step over importing {name}, and loading the data: {spread(values)}")


if __name__ == "__main__":
    main()
