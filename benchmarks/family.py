"""How long the published networks take to load, price, digest and build: `python benchmarks/family.py [--n 20]`.

Milliseconds, median and range over n repetitions after one warm-up, one thread. Building is on the meta device, which
allocates nothing.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from environment import described
from nas.architecture import Architecture
from nas.architecture.normal_form import digest
from nas.architecture.plan import plan
from nas.architecture.published import published_names
from nas.cost import cost_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20)
    n = parser.parse_args().n
    import torch

    from nas.network import build_network

    torch.set_num_threads(1)
    print(described())
    print(f"milliseconds, median (least to most) of n = {n}")
    print(f"{'network':30} {'load':>20} {'plan and price':>20} {'digest':>20} {'build on meta':>20}")
    for name in published_names():
        architecture = Architecture.load(name)
        channels, height, width = architecture.input

        def build(a: Architecture = architecture, c: int = channels, size: tuple[int, int] = (height, width)) -> None:
            with torch.device("meta"):
                build_network(a, in_channels=c, classes=a.classes, input_size=size)

        figures = (
            timed(lambda name=name: Architecture.load(name), n),
            timed(lambda a=architecture: cost_of(plan(a.network, a.input, a.classes)), n),
            timed(lambda a=architecture: digest(a.plan), n),
            timed(build, n),
        )
        print(f"{name:30} " + " ".join(f"{figure:>20}" for figure in figures), flush=True)


def timed(act: Callable[[], object], n: int) -> str:
    act()
    times = []
    for _ in range(n):
        started = time.perf_counter()
        act()
        times.append((time.perf_counter() - started) * 1e3)
    return f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})"


if __name__ == "__main__":
    main()
