"""`python -m nas space NAME ...`: what a search space holds, in figures and pictures."""

from argparse import Namespace

from nas.compose import configuration
from nas.overrides import quoted
from nas.search.options import Budget
from nas.search.spaces import at_data, described, draw_candidates


def run(given: Namespace) -> None:
    config = configuration([f"+search={quoted(given.space)}", *given.overrides])
    assert config.space is not None, "a space was added"
    name, space = str(config.space_name), at_data(config.space, given.channels, given.data_size, given.classes)
    limits = ("parameters", "macs", "depth", "memory", "batch")
    budget = Budget(**{limit: getattr(given, f"budget_{limit}") for limit in limits})
    for line in described(space, name, given.samples, budget, given.enumerate):
        print(line, flush=True)
    if given.draw:
        for path in draw_candidates(space, name, given.draw):
            print(path)
