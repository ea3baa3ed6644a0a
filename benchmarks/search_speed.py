"""A whole search against a bare loop, and against the searches that people write by hand.

    python benchmarks/search_speed.py [--quick] [--candidates 12] [--epochs 5] [--repeats 2] [--small] [--slots 2]
                                      [--against NAME ...] [--device cuda] [OVERRIDE ...]

1. CPU seconds of all processes of `train.py +search=inception_cell`, W&B offline included, on two slots and on one,
   over those of one process that trains the same candidates for as many epochs in a plain loop of PyTorch
   (`plain_loop.py`). The search on one slot tells what two slots cost each other from what the search costs.
2. Candidates an hour of the command on two slots of one thread, over those of the plain loop and of scripts by hand
   that train the same candidates (`by_hand.py`): Optuna's optimize with Lightning, one training after another with
   torch's own threads; the same with n_jobs=2; Hydra's Optuna sweeper, where hydra-optuna-sweeper is installed.
3. Candidates an hour on two slots of one thread over one, while all slots are busy.

Everything is measured in turns, and wants a machine that does nothing else. On a CPU a candidate of five epochs takes
about ten seconds; one of an epoch, two, or with --small one. With --device cuda all of them train on one GPU, which the
slots share, and start and end are most of what is seen unless there are many candidates; CPU seconds say little there.
Overrides are the searches' (`tracking=none`).
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from optuna.trial import FrozenTrial
from processes import HERE, adopt_orphans, spent, spread
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
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE")
    options = parser.parse_args()
    if options.quick:
        options.candidates, options.epochs, options.repeats = 3, 1, 1
    adopt_orphans()
    print(described())
    against = options.against
    if "sweeper" in against and not find_spec("hydra_plugins.hydra_optuna_sweeper"):
        print("hydra-optuna-sweeper is not installed (its pins exclude optuna 5: pip install --no-deps), so left out")
        against = [each for each in against if each != "sweeper"]
    overrides = [*options.overrides, *(SMALL if options.small else ())]
    if options.device == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit("there is no GPU here")
        print(torch.cuda.get_device_name())
        overrides += ["trainer.accelerator=cuda", f"pool.devices_per_candidate={1 / options.slots}"]
    run = partial(turn, options.candidates, options.epochs, options.slots, against, options.device, overrides)
    with tempfile.TemporaryDirectory() as folder:
        measured = [run(Path(folder, str(repeat))) for repeat in range(options.repeats)]
    for name in measured[0]:
        print(f"{name}: {spread([each[name] for each in measured])}")


def turn(
    candidates: int,
    epochs: int,
    slots: int,
    against: Sequence[str],
    device: str,
    overrides: Sequence[str],
    folder: Path,
) -> dict[str, float]:
    """The ratios of one turn, by what they are."""
    folder.mkdir()
    many = search(folder, "many", candidates, epochs, slots, *overrides)
    trained = counted(folder / "many")
    documents = folder / "documents.json"
    documents.write_text(json.dumps(documents_of(trained, epochs, *overrides)))
    others = {"a bare loop": spent([sys.executable, str(HERE / "plain_loop.py"), str(documents), device], folder)}
    for name in against:
        command = [sys.executable, str(HERE / "by_hand.py"), name, str(documents), device]
        others[BY_HAND[name]] = spent(command, folder)
    one = search(folder, "one", candidates, epochs, 1, *overrides)
    alone = counted(folder / "one")
    seconds = {trial.user_attrs["digest"]: trial.user_attrs["seconds"] for trial in alone}
    every = {f"{slots} slots": many, "one slot": one, **others}
    print(f"{len(trained)} candidates of {statistics.mean(seconds.values()):.1f} s; CPU and wall seconds: ", end="")
    print("; ".join(f"{name} {each.cpu:.1f}, {each.wall:.1f}" for name, each in every.items()), flush=True)
    ratios = {}
    for name, other in others.items():
        ratios[f"CPU seconds of a search on {slots} slots over {name}"] = many.cpu / other.cpu
        ratios[f"CPU seconds of a search on one slot over {name}"] = one.cpu / other.cpu
        ratios[f"candidates an hour, {slots} slots over {name}"] = other.wall / many.wall
    work = speed(trained, seconds) / speed(alone, seconds)
    ratios[f"candidates an hour on {slots} slots over one, all slots busy"] = work
    ratios[f"the whole command on one slot over {slots}, start and end included"] = one.wall / many.wall
    return ratios


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
