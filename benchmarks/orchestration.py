"""What a search costs over training the same candidates in a bare loop, and how soon it trains.

    python benchmarks/orchestration.py [--quick] [--candidates 12] [--epochs 5] [--repeats 2] [--starts 5]

1. CPU seconds of all processes of `train.py +search=inception_cell` on two slots, W&B offline included, over those of
   one process that imports the same libraries, loads the same data and trains the same candidates for as many epochs;
   the same of a search on one slot, which tells what two slots cost each other from what the search costs.
2. Candidates an hour on two slots of one thread over one slot of one thread, while all slots are busy.
3. From the start of the command to the end of the first training step, over a script that imports the same libraries
   and loads the same data.

Everything is measured in turns. It wants a machine that does nothing else; the figures need about ten minutes.
"""

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from first_step import FILE
from optuna.trial import FrozenTrial

from environment import described
from nas.compose import configuration
from nas.search import states
from nas.search.proposal import Candidate, propose
from nas.search.search import candidate_space
from nas.search.study import load_study, trials
from nas.space.suggest import Recorded

HERE = Path(__file__).parent
PROGRAM = HERE.parent / "train.py"
PR_SET_CHILD_SUBREAPER = 36  # of Linux: orphans become children of this process, so that their CPU time is counted
LEAVE_SECONDS = 30.0

TRAINING = "import torch, pytorch_lightning, nas.training.candidate"
SEARCHING = "import hydra, optuna, rich, wandb, yaml, nas.search.search"
LOADED = """
import time
from nas.data.builtin import load_fashion_mnist_mini
load_fashion_mnist_mini()
print(time.monotonic())
"""


@dataclass(frozen=True)
class Spent:
    """Seconds of a command and of all processes that came of it."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="see that it works; the figures mean nothing")
    parser.add_argument("--candidates", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare_loop(options.bare)
        return
    if options.quick:
        options.candidates, options.epochs, options.repeats, options.starts = 3, 1, 1, 1
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        measure_starts(Path(folder), options.starts)
        measure_searches(Path(folder), options.candidates, options.epochs, options.repeats)


def measure_searches(folder: Path, candidates: int, epochs: int, repeats: int) -> None:
    ratios: dict[str, list[float]] = {"CPU, two slots": [], "CPU, one slot": [], "speed": [], "wall": []}
    for repeat in range(repeats):
        two = search(folder, f"two_{repeat}", candidates, epochs, slots=2)
        trained = counted(folder / f"two_{repeat}")
        documents = folder / f"documents_{repeat}.json"
        documents.write_text(json.dumps(documents_of(trained, epochs)))
        bare = spent([sys.executable, str(HERE / "orchestration.py"), "--bare", str(documents)])
        one = search(folder, f"one_{repeat}", candidates, epochs, slots=1)
        alone = counted(folder / f"one_{repeat}")
        seconds = {trial.user_attrs["digest"]: trial.user_attrs["seconds"] for trial in alone}
        speeds = {"one slot": speed(alone, seconds), "two slots": speed(trained, seconds)}
        mean = statistics.mean(seconds.values())
        print(
            f"{len(trained)} candidates of {mean:.1f} s: CPU seconds {two.cpu:.1f} on two slots, {one.cpu:.1f} on one, "
            f"{bare.cpu:.1f} in a bare loop; wall {two.wall:.1f}, {one.wall:.1f}, {bare.wall:.1f}; candidates an hour "
            + ", ".join(f"{3600 * each / mean:.0f} on {name}" for name, each in speeds.items()),
            flush=True,
        )
        ratios["CPU, two slots"].append(two.cpu / bare.cpu)
        ratios["CPU, one slot"].append(one.cpu / bare.cpu)
        ratios["speed"].append(speeds["two slots"] / speeds["one slot"])
        ratios["wall"].append(one.wall / two.wall)
    print(f"CPU seconds of a search on two slots over a bare loop: {spread(ratios['CPU, two slots'])}")
    print(f"CPU seconds of a search on one slot over a bare loop: {spread(ratios['CPU, one slot'])}")
    print(f"candidates an hour on two slots over one, all slots busy: {spread(ratios['speed'])}")
    print(f"the whole command on one slot over two, start and end included: {spread(ratios['wall'])}")


def measure_starts(folder: Path, repeats: int) -> None:
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


def search(
    folder: Path,
    name: str,
    candidates: int,
    epochs: int,
    slots: int,
    *overrides: str,
    environment: Mapping[str, str] | None = None,
) -> Spent:
    """Random sampling without pruning, so that the trials of two searches are the same candidates."""
    arguments = arguments_of(epochs)
    arguments += [f"study.folder={folder}", f"study.name={name}", f"study.trials={candidates}", f"pool.slots={slots}"]
    return spent([sys.executable, str(PROGRAM), *arguments, *overrides], environment)


def arguments_of(epochs: int) -> list[str]:
    own = ["sampler=random", "pruner=none", "pool.threads=1", "trainer.accelerator=cpu"]
    return ["+search=inception_cell", *own, f"trainer.max_epochs={epochs}"]


def spent(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Spent:
    """Runs a command to the end of its last process."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    path = os.pathsep.join([str(HERE.parent), str(HERE)])
    variables = {**os.environ, "WANDB_MODE": "offline", "PYTHONPATH": path, **(environment or {})}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    wall = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    wait_for_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def wait_for_orphans() -> None:
    deadline = time.monotonic() + LEAVE_SECONDS
    with suppress(ChildProcessError):  # there are no more
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        raise SystemExit(f"processes of the search are there {LEAVE_SECONDS:g} s after its end")


def counted(folder: Path) -> list[FrozenTrial]:
    return [trial for trial in trials(load_study(folder)) if states.word(trial) in states.COUNTED]


def documents_of(trained: Sequence[FrozenTrial], epochs: int) -> list[object]:
    composed = configuration(arguments_of(epochs))
    assert composed.space is not None
    space = candidate_space(composed.space, composed.training, composed.data(), 0, epochs)
    proposals = [propose(space, Recorded(trial.params)) for trial in trained]
    return [proposal.document for proposal in proposals if isinstance(proposal, Candidate)]


def bare_loop(documents: Path) -> None:
    from nas.data.builtin import load_fashion_mnist_mini
    from nas.training.candidate import train_candidate

    data = load_fashion_mnist_mini()
    for document in json.loads(documents.read_text()):
        train_candidate(document, lambda: data, threads=1, accelerator="cpu")


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


def spread(values: list[float]) -> str:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {deviation:.3f} (n = {len(values)}, mean ± standard deviation)"


if __name__ == "__main__":
    main()
