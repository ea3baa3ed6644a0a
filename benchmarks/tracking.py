"""What W&B adds to the CPU seconds of a search: offline, and with a server that nobody can reach.

    python benchmarks/tracking.py [--quick] [--candidates 8] [--epochs 4] [--repeats 2] [--sleepers 12]

1. `train.py +search=inception_cell` with candidates of about ten seconds, on two slots of one thread: CPU seconds of
   all processes, over those of the same search with tracking off. One search after the other, in turns.
2. The same search with candidates that sleep for ten seconds in place of training, so that the difference is not lost
   in what two trainings of one candidate differ by; and what that difference is of trainings of ten seconds.

The server that nobody can reach refuses connections, or takes them and never answers. It wants some minutes.
"""

import argparse
import socket
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from asleep import SECONDS
from processes import adopt_orphans, spread
from searches import search

from environment import described

SLOTS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="see that it works; the figures mean nothing")
    parser.add_argument("--candidates", type=int, default=8, help="that are trained; 0: the second part alone")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--sleepers", type=int, default=12)
    options = parser.parse_args()
    if options.quick:
        options.candidates, options.epochs, options.repeats, options.sleepers = 1, 1, 1, 2
    adopt_orphans()
    print(described())
    with tempfile.TemporaryDirectory() as folder, deaf() as address:
        ways = {
            "none": ("tracking=none", {}),
            "offline": ("tracking=wandb", {"WANDB_MODE": "offline"}),
            "refused": ("tracking=wandb", online("http://127.0.0.1:9")),
            "no answer": ("tracking=wandb", online(address)),
        }
        measure_asleep(Path(folder), ways, options.sleepers, options.repeats)
        if options.candidates:
            measure_trained(Path(folder), ways, options.candidates, options.epochs, options.repeats)


def measure_trained(folder: Path, ways: "Ways", candidates: int, epochs: int, repeats: int) -> None:
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name, (tracking, environment) in ways.items():
            spent = search(folder, f"{name}_{repeat}", candidates, epochs, SLOTS, tracking, environment=environment)
            found[name].append(spent.cpu)
        each = statistics.mean(found["none"]) / candidates
        told = ", ".join(f"{name} {values[-1]:.1f}" for name, values in found.items())
        print(f"CPU seconds of {candidates} candidates of {each:.1f}: {told}", flush=True)
    for name in ways:
        if name != "none":
            ratios = [one / other for one, other in zip(found[name], found["none"], strict=True)]
            print(f"CPU seconds with W&B ({name}) over none, trained: {spread(ratios)}")


def measure_asleep(folder: Path, ways: "Ways", candidates: int, repeats: int) -> None:
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(-1, repeats):  # the first reads everything from disk
        for name, (tracking, environment) in ways.items():
            study = f"asleep_{name}_{repeat}"
            spent = search(
                folder, study, candidates, 1, candidates, tracking, "imports=[asleep]", environment=environment
            )
            found[name] += [spent.cpu] if repeat >= 0 else []
        if repeat >= 0:
            told = ", ".join(f"{name} {values[-1]:.2f}" for name, values in found.items())
            print(f"CPU seconds of {candidates} candidates that slept: {told}", flush=True)
    for name in ways:
        if name != "none":
            added = [one - other for one, other in zip(found[name], found["none"], strict=True)]
            print(f"CPU seconds that W&B adds to {candidates} candidates ({name}): {spread(added)}")
            whole = [each / (other + SECONDS * candidates) for each, other in zip(added, found["none"], strict=True)]
            print(f"  as a share of a search that trains them for {SECONDS:g} s each: {spread(whole)}")


Ways = Mapping[str, tuple[str, Mapping[str, str]]]
"""By a name: how a search is told about W&B, as an override and as variables of its environment."""


def online(server: str) -> dict[str, str]:
    return {"WANDB_MODE": "online", "WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": server}


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a server that takes connections, and that is all."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


if __name__ == "__main__":
    main()
