"""The main job from outside: how long it takes, and how good its best cell is when it is trained again.

    python benchmarks/main_job.py [--searches 3] [--retrainings 3] [OVERRIDE ...]

Runs `train.py +search=inception_cell` once for each search seed, trains each best.yaml again as README says (which must
repeat the search's figure), and the first search's best under further training seeds; prints validation and test.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from environment import described

ROOT = Path(__file__).parent.parent
METRIC = "val/accuracy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=3)
    parser.add_argument("--retrainings", type=int, default=3)
    options, overrides = parser.parse_known_args()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        walls, again = [], []
        for seed in range(options.searches):
            started = time.monotonic()
            name = f"seed_{seed}"
            run(
                f"study.folder={folder}",
                "+search=inception_cell",
                f"study.name={name}",
                f"study.seed={seed}",
                *overrides,
            )
            walls.append(time.monotonic() - started)
            best = Path(folder) / name / "best.yaml"
            again.append(retrained(best, folder, *overrides_of_data(overrides)))
            found = yaml.safe_load(best.read_text())["record"]
            print(
                f"search seed {seed}: {walls[-1]:.0f} s, best {METRIC} {found[METRIC]:.4f}, retrained "
                f"{again[-1][0]:.4f}, test {again[-1][1]:.4f}; {found['parameters']} parameters, {found['macs']} MACs",
                flush=True,
            )
            assert again[-1][0] == found[METRIC], "the retraining must repeat the search's figure"
        print(f"whole search: {spread(walls)} s")
        print(f"best cells of {options.searches} searches, test accuracy: {spread([test for _, test in again])}")
        best = Path(folder) / "seed_0" / "best.yaml"
        seeds = [
            retrained(best, folder, f"study.seed={100 + i}", *overrides_of_data(overrides))
            for i in range(options.retrainings)
        ]
        print(f"search seed 0's best under other training seeds, {METRIC}: {spread([val for val, _ in seeds])}")
        print(f"search seed 0's best under other training seeds, test accuracy: {spread([test for _, test in seeds])}")


def retrained(best: Path, folder: str, *overrides: str) -> tuple[float, float]:
    """Validation and test accuracy."""
    run(f"architecture={best}", f"study.folder={folder}", "test=true", *overrides)
    latest = max(best.parent.glob("train-*"))
    result = yaml.safe_load((latest / "result.yaml").read_text())
    return result[METRIC], next(value for key, value in result["test"].items() if "accuracy" in key)


def run(*arguments: str) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "tracking=none", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}\n{done.stderr}")


def overrides_of_data(overrides: list[str]) -> list[str]:
    return [override for override in overrides if override.startswith(("data=", "data."))]


def spread(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ± {deviation:.4f} (n = {len(values)}, mean ± standard deviation)"


if __name__ == "__main__":
    main()
