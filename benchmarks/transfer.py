"""Whether cells that are better in a small network are better in a large one, and what proxies say of both.

    python benchmarks/transfer.py [--quick] [--candidates 16] [--epochs 3] [--skeleton cifar] [--width 16] [--depth 2]

Trains random cells of `inception_cell` in the space's own network (stem of 16, one cell a stage) and placed in a
skeleton, by one recipe, on `fashion_mnist_mini`. Prints each cell's validation accuracies, then rank agreements with n:
small with large, over all cells and over the better half of the small ones; and each proxy, parameters and MACs with
both. One training a cell and size: agreement includes the noise of training seeds.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random
from typing import Any

from environment import described
from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.placing import Source, placed, skeleton_path
from nas.compose import configuration
from nas.cost import cost
from nas.search.agreement import agreement
from nas.search.spaces import at_data
from nas.space.reading import read_document
from nas.space.suggest import RandomSuggest
from nas.training.job import PROXIES, Job

FIXED = ("training.lr=0.006", "training.weight_decay=0.02")
ONE_EACH = tuple(f"search.architecture.network.stage_{stage}.depth=1" for stage in (1, 2, 3))
SPACE = ("+search=inception_cell", "search.architecture.network.stem.values.width=16", *ONE_EACH, *FIXED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 cells, one epoch: shows that it runs")
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--skeleton", default="cifar")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    count, epochs = (4, 1) if options.quick else (options.candidates, options.epochs)
    print(described())
    started = time.monotonic()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        pairs = list(candidates(count, epochs, options.skeleton, options.width, options.depth))
        jobs = [(document, size == 0) for pair in pairs for size, document in enumerate(pair)]
        outcomes = list(pool.map(trained, jobs))
    small, large = outcomes[::2], outcomes[1::2]
    print(f"{'cell':<18}{'small':>8}{'large':>8}{'parameters':>12}{'':>3}{'large':>10}")
    for (own, wide), ours, theirs in zip(pairs, small, large, strict=True):
        prices = [cost(Architecture.from_document(each)).parameters for each in (own, wide)]
        digest = Architecture.from_document(own).digest
        print(f"{digest:<18}{ours['accuracy']:>8.3f}{theirs['accuracy']:>8.3f}{prices[0]:>12,}{'':>3}{prices[1]:>10,}")
    at_small, at_large = ([each["accuracy"] for each in side] for side in (small, large))
    print(f"small with large: {agreement(at_small, at_large)}")
    better = sorted(range(count), key=lambda index: -at_small[index])[: max(2, count // 2)]
    half = [at_small[index] for index in better], [at_large[index] for index in better]
    print(f"the better half of the small: {agreement(*half)}")
    for name in (*PROXIES, "parameters", "macs"):
        values = [each[name] for each in small]
        print(f"{name}: with small {agreement(values, at_small)}; with large {agreement(values, at_large)}")
    print(f"{time.monotonic() - started:.0f} s")


def candidates(
    count: int, epochs: int, skeleton: str, width: int, depth: int
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Documents of different cells, each in the small network and in the skeleton."""
    composed = configuration([*SPACE, f"training.epochs={epochs}"])
    assert composed.space is not None
    data = composed.data()
    space = at_data(composed.space, data.channels, list(data.size), data.classes)
    recipe = {**(composed.space.get("training") or {}), **composed.training}
    own = {"input": {"channels": data.channels, "size": list(data.size)}, "classes": data.classes}
    large = {**own, **read_document(skeleton_path(skeleton))["architecture"]}
    for op in large["network"]:
        if op["name"] == "stem":
            op["values"]["width"] = width
        if "depth" in op:
            op["depth"] = depth
    seen: set[str] = set()
    seed = 0
    while len(seen) < count:
        document = {**space.sample(RandomSuggest(Random(seed)), context), "training": recipe, "seed": 0}
        digest = Architecture.from_document(document).digest
        seed += 1
        if digest not in seen:
            seen.add(digest)
            placed_in = placed(large, {"": Source(digest, document)})
            yield document, {**document, "architecture": placed_in}


def trained(job: tuple[Mapping[str, Any], bool]) -> dict[str, float]:
    """The accuracy of a document, with its price and, if asked for, its proxies."""
    from nas.training.candidate import train_candidate
    from nas.training.proxies import proxies

    document, screened = job
    data = configuration([]).data
    names: Sequence[str] = PROXIES if screened else ()
    found = proxies(document, data, names, threads=1, accelerator="cpu")
    price = cost(Architecture.from_document(document))
    result = train_candidate(Job(document, data, "cpu"), threads=1)
    return {**found, "accuracy": result.value, "parameters": price.parameters, "macs": price.macs}


if __name__ == "__main__":
    main()
