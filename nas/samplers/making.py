"""Hands a sampler what it needs to know of the space; samplers of Optuna's own need nothing."""

from collections.abc import Callable
from functools import partial
from inspect import signature

from optuna.samplers import BaseSampler

from nas.samplers.catalogue import Allowed, Catalogue
from nas.space.space import Space


def for_space(
    make: Callable[..., BaseSampler], space: Space, allowed: Allowed | None = None
) -> Callable[..., BaseSampler]:
    """`make`, if it asks for a `catalogue`, with one that all samplers it makes will share; else as it is.

    `allowed` tells which candidates are within the budget, so that none over it is proposed.
    """
    if "catalogue" in signature(make).parameters:
        return partial(make, catalogue=Catalogue(space, allowed))
    return make
