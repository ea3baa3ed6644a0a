"""An epoch of small candidates on a GPU with and without CUDA graphs: `python benchmarks/graphs.py DATA.npz`.

DATA.npz is what `benchmarks/images.py` makes. Networks of `benchmarks/inception_table`, in float32 and bf16, in turns;
seconds of each epoch but the first, which loads and records, and the training losses, which must agree.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from inception_table.networks import CHANNELS, CLASSES, SIZE, rows

from environment import described
from nas.data.images import ImageData
from nas.data.npz import load_npz
from nas.network import build_network
from nas.search.proposal import Candidate
from nas.training.fit import fit
from nas.training.result import Metrics

ROWS = (934, 246, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    print(described())
    if not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device")
    print(torch.cuda.get_device_name())
    data = load_npz(options.data)
    for precision in ("32-true", "bf16-mixed"):
        found: dict[bool, list[float]] = {False: [], True: []}
        for row in ROWS:
            for graphs, seconds in found.items():
                took, loss = epochs(rows()[row].candidate, data, options.epochs, precision, graphs)
                seconds += took
                print(f"row {row}, {precision}, graphs {graphs}: training loss {loss:.5f}", flush=True)
        without, replayed = map(statistics.median, found.values())
        print(f"{precision}: {without:.2f} s an epoch without graphs, {replayed:.2f} with (n = {len(found[True])})")


def epochs(
    candidate: Candidate, data: ImageData, number: int, precision: str, graphs: bool
) -> tuple[list[float], float]:
    """Seconds of all epochs but the first, and the last training loss."""
    torch.manual_seed(0)
    network = build_network(
        candidate.architecture, in_channels=CHANNELS, classes=CLASSES, input_size=(SIZE, SIZE), aux=True
    ).to(memory_format=torch.channels_last)
    ends: list[float] = []
    noted: Callable[[int, Metrics], None] = lambda epoch, metrics: ends.append(time.perf_counter())  # noqa: E731
    training = replace(candidate.training, epochs=number)
    result, _ = fit(
        network, data, training, seed=0, accelerator="cuda", precision=precision, graphs=graphs, report=noted
    )
    return [end - start for start, end in pairwise(ends)], result.metrics["train/loss"]


if __name__ == "__main__":
    main()
