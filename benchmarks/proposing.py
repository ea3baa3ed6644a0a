"""How long the default sampler takes to propose a candidate: `python benchmarks/proposing.py [--trials 100 1000 5000]`.

CPU milliseconds of a trial's proposal in a study of so many complete trials of `inception_cell` with made-up values,
median and most of 20; and seconds that the first proposal takes in a new process, which reads all trials.
"""

import argparse
import statistics
import time
from random import Random

import optuna

from environment import described
from nas.architecture.context import context
from nas.compose import configuration
from nas.samplers.catalogue import for_space
from nas.search.proposal import TrialSuggest
from nas.search.samplers import SeededSampler
from nas.search.spaces import at_data

PROPOSALS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 5000])
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    composed = configuration(["+search=inception_cell"])
    assert composed.space is not None
    space = at_data(composed.space, 1, 28, 10)
    print(described())
    print(f"{'trials':>8}{'median, ms':>12}{'most, ms':>12}{'first, s':>12}")
    for count in options.trials:
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
        random = Random(0)
        for _ in range(count):
            trial = study.ask()
            space.sample(TrialSuggest(trial), context)
            study.tell(trial, random.random())
        study.sampler = SeededSampler(for_space(composed.sampler, space), 0)
        times = []
        for _ in range(PROPOSALS + 1):
            started = time.process_time()
            trial = study.ask()
            space.sample(TrialSuggest(trial), context)
            times.append(time.process_time() - started)
            study.tell(trial, random.random())
        first, *rest = times
        print(f"{count:>8}{1000 * statistics.median(rest):>12.0f}{1000 * max(rest):>12.0f}{first:>12.1f}", flush=True)


if __name__ == "__main__":
    main()
