"""How long one candidate takes before it is trained: sampled, parsed, identified and priced, for each shipped space.

    python benchmarks/candidate.py [--candidates 1000] [--data-size 28] [SPACE ...]

Prints percentiles in milliseconds of processor time, which other work on the machine disturbs least. Candidates whose
ops do not fit the images are left out and counted.
"""

import argparse
import time
from random import Random

from environment import described
from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.compose import SHIPPED, configuration
from nas.cost import cost
from nas.search.spaces import at_data
from nas.space.files import space_names
from nas.space.space import Space
from nas.space.suggest import RandomSuggest

STEPS = ("sample", "parse", "digest", "price", "all")
PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spaces", nargs="*", metavar="SPACE", help="default: all that are shipped")
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--data-size", type=int, default=28)
    options = parser.parse_args()
    print(described())
    size = options.data_size
    print(f"{options.candidates} random candidates of each space at 1×{size}×{size}; milliseconds of processor time")
    print(f"{'space':<24}{'step':<8}" + "".join(f"{head:>9}" for head in PERCENTILES))
    for name in options.spaces or space_names([SHIPPED]):
        composed = configuration([f"+search={name}"]).space
        assert composed is not None
        times, misfits = measured(at_data(composed, 1, size, 10), options.candidates)
        for step in STEPS:
            figures = "".join(f"{1000 * percentile(times[step], share):>9.2f}" for share in PERCENTILES.values())
            print(f"{name if step == STEPS[0] else '':<24}{step:<8}{figures}", flush=True)
        if misfits:
            print(f"{'':<24}{misfits} do not fit the images")


def measured(space: Space, candidates: int) -> tuple[dict[str, list[float]], int]:
    """The seconds of each step for each candidate that fits, and how many do not."""
    times: dict[str, list[float]] = {step: [] for step in STEPS}
    misfits = 0
    for seed in range(candidates):
        started = time.process_time()
        try:
            document = space.sample(RandomSuggest(Random(seed)), context)
            sampled = time.process_time()
            architecture = Architecture.from_document(document)
        except ShapeError:
            misfits += 1
            continue
        parsed = time.process_time()
        _ = architecture.digest
        identified = time.process_time()
        cost(architecture)
        priced = time.process_time()
        moments = (started, sampled, parsed, identified, priced)
        for step, before, after in zip(STEPS, moments, moments[1:], strict=False):
            times[step].append(after - before)
        times["all"].append(priced - started)
    return times, misfits


def percentile(values: list[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


if __name__ == "__main__":
    main()
