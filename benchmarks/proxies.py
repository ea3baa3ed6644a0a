"""How long each zero-cost proxy takes for a candidate of a space.

    python benchmarks/proxies.py [--quick] [--candidates 30] [--space inception_cell]

One thread, a batch of 64 images of `fashion_mnist_mini`; milliseconds of processor time, building the network and
preparing the batch included, which `none` shows alone.
"""

import argparse
import time
from random import Random
from statistics import median

from environment import described
from nas.architecture.context import context
from nas.compose import configuration
from nas.search.spaces import at_data
from nas.space.suggest import RandomSuggest
from nas.training.job import PROXIES
from nas.training.proxies import proxies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 candidates")
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--space", default="inception_cell")
    options = parser.parse_args()
    print(described())
    composed = configuration([f"+search={options.space}"])
    assert composed.space is not None
    data = composed.data()
    space = at_data(composed.space, data.channels, list(data.size), data.classes)
    count = 3 if options.quick else options.candidates
    documents = [space.sample(RandomSuggest(Random(seed)), context) for seed in range(count)]
    print(f"{count} random candidates of {options.space}; median and most, ms")
    for label, names in [("none", ()), *((name, (name,)) for name in PROXIES), ("all", PROXIES)]:
        times = []
        for document in documents:
            started = time.process_time()
            proxies(document, lambda: data, names, threads=1, accelerator="cpu")
            times.append(1000 * (time.process_time() - started))
        print(f"{label:<12}{median(times):>8.0f}{max(times):>8.0f}", flush=True)


if __name__ == "__main__":
    main()
