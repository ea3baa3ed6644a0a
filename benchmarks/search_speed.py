"""A whole search against a bare loop, and against the searches that people write by hand.

    python benchmarks/search_speed.py [--quick] [--candidates 12] [--epochs 5] [--repeats 2] [--small]
                                      [--against NAME ...]

1. CPU seconds of all processes of `train.py +search=inception_cell`, W&B offline included, on two slots and on one,
   over those of one process that trains the same candidates for as many epochs in a plain loop of PyTorch
   (`plain_loop.py`). The search on one slot tells what two slots cost each other from what the search costs.
2. Candidates an hour of the command on two slots of one thread, over those of scripts by hand that train the same
   candidates (`by_hand.py`): Optuna's optimize with Lightning, one training after another with torch's own threads;
   the same with n_jobs=2; Hydra's Optuna sweeper, where hydra-optuna-sweeper is installed.
3. Candidates an hour on two slots of one thread over one, while all slots are busy.

Everything is measured in turns, and wants a machine that does nothing else. A candidate of five epochs takes about ten
seconds; one of an epoch, two, or with --small one.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from optuna.trial import FrozenTrial
from processes import HERE, Spent, adopt_orphans, spent, spread
from searches import SMALL, counted, documents_of, search

from environment import described

BY_HAND = {
    "optuna": "Optuna's optimize",
    "threads": "Optuna's optimize, n_jobs=2",
    "sweeper": "Hydra's Optuna sweeper",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="see that it works; the figures mean nothing")
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--against", nargs="*", choices=[*BY_HAND], default=[*BY_HAND], metavar="NAME")
    parser.add_argument("--small", action="store_true", help="candidates whose epoch takes one second, not two")
    options = parser.parse_args()
    if options.quick:
        options.candidates, options.epochs, options.repeats = 3, 1, 1
    adopt_orphans()
    print(described())
    against = options.against
    if "sweeper" in against and not find_spec("hydra_plugins.hydra_optuna_sweeper"):
        print("hydra-optuna-sweeper is not installed (its pins exclude optuna 5: pip install --no-deps), so left out")
        against = [each for each in against if each != "sweeper"]
    with tempfile.TemporaryDirectory() as folder:
        measured = [
            turn(Path(folder), repeat, options.candidates, options.epochs, against, SMALL if options.small else ())
            for repeat in range(options.repeats)
        ]
    for name in measured[0]:
        print(f"{name}: {spread([each[name] for each in measured])}")


def turn(
    folder: Path, repeat: int, candidates: int, epochs: int, against: Sequence[str], overrides: Sequence[str]
) -> dict[str, float]:
    """The ratios of one turn, by what they are."""
    two = search(folder, f"two_{repeat}", candidates, epochs, 2, *overrides)
    trained = counted(folder / f"two_{repeat}")
    documents = folder / f"documents_{repeat}.json"
    documents.write_text(json.dumps(documents_of(trained, epochs, *overrides)))
    bare = spent([sys.executable, str(HERE / "plain_loop.py"), str(documents)], folder)
    others = {name: by_hand(name, documents) for name in against}
    one = search(folder, f"one_{repeat}", candidates, epochs, 1, *overrides)
    alone = counted(folder / f"one_{repeat}")
    seconds = {trial.user_attrs["digest"]: trial.user_attrs["seconds"] for trial in alone}
    every = {"two slots": two, "one slot": one, "bare loop": bare} | {BY_HAND[name]: others[name] for name in against}
    print(f"{len(trained)} candidates of {statistics.mean(seconds.values()):.1f} s; CPU and wall seconds: ", end="")
    print("; ".join(f"{name} {each.cpu:.1f}, {each.wall:.1f}" for name, each in every.items()), flush=True)
    ratios = {
        "CPU seconds of a search on two slots over a bare loop": two.cpu / bare.cpu,
        "CPU seconds of a search on one slot over a bare loop": one.cpu / bare.cpu,
    }
    for name in against:
        ratios[f"candidates an hour, two slots over {BY_HAND[name]}"] = others[name].wall / two.wall
        ratios[f"CPU seconds of {BY_HAND[name]} over a search on two slots"] = others[name].cpu / two.cpu
    ratios["candidates an hour on two slots over one, all slots busy"] = speed(trained, seconds) / speed(alone, seconds)
    ratios["the whole command on one slot over two, start and end included"] = one.wall / two.wall
    return ratios


def by_hand(kind: str, documents: Path) -> Spent:
    return spent([sys.executable, str(HERE / "by_hand.py"), kind, str(documents)], documents.parent)


def speed(trained: Sequence[FrozenTrial], alone: Mapping[str, float]) -> float:
    """Work a second from the first candidate's start to the last one's, while every slot has one.

    The work of a candidate is its seconds in the search on one slot, `alone` by digest.
    """
    ends = {trial.user_attrs["digest"]: _end(trial) for trial in trained}
    begins = {trial.user_attrs["digest"]: _end(trial) - trial.user_attrs["seconds"] for trial in trained}
    first, last = min(begins.values()), max(begins.values())
    shares = {key: (min(ends[key], last) - begin) / (ends[key] - begin) for key, begin in begins.items()}
    return sum(alone[key] * share for key, share in shares.items()) / (last - first)


def _end(trial: FrozenTrial) -> float:
    assert trial.datetime_complete is not None, "the trial has ended"
    return trial.datetime_complete.timestamp()


if __name__ == "__main__":
    main()
