"""The search spaces that are shipped, as tests take them."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import search_spaces
from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.compose import configuration
from nas.space.space import Space
from nas.space.suggest import RandomSuggest

FOLDER = Path(search_spaces.__file__).parent / "search"
SPACES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SEEDS = range(8)


@cache
def _composed(space: str, *overrides: str) -> Mapping[str, Any]:
    composed = configuration([f"+search={space}", *overrides]).space
    assert composed is not None
    return composed


def load(space: str, *overrides: str, size: Any = 96, channels: int = 3) -> Space:
    composed = _composed(space, *overrides)
    data = {"input": {"channels": channels, "size": size}, "classes": 10}
    return Space.from_document({**composed, "architecture": {**data, **composed["architecture"]}, "seed": 1})


def candidate(space: Space, seed: int) -> Architecture:
    """A candidate at random."""
    return Architecture.from_document(space.sample(RandomSuggest(Random(seed)), context))


def fitting(space: Space) -> Architecture:
    """A candidate; of some parts together not all fit, as a residual without projection behind an odd width."""
    for seed in SEEDS:
        with suppress(ShapeError):
            return candidate(space, seed)
    raise AssertionError("no candidate fits")
