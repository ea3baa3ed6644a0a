"""What is known of all candidates of a space: a table in place of training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.search.spaces import at_data
from nas.space.holes import Scalar
from nas.space.space import Space

Parameters = Mapping[str, Scalar]
Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """`row` gives a document's row, or None for one that the table does not hold and that counts as infeasible.

    `values` are searched for, in points of accuracy, larger is better; `test` is what the report tells beside it.
    `cost` is that of one evaluation, in mean evaluations. `same` is equal for rows that are one network. `noise` is the
    standard deviation by which one network's values differ. `brief` are the values of brief trainings of their own,
    each of which takes `brief_share` of the cost of an evaluation.
    """

    name: str
    space: Space
    row: Callable[[Parameters], int | None]
    values: Column
    test: Column
    cost: Column
    same: NDArray[np.int64]
    noise: float
    brief: Column | None = None
    brief_share: float = 0.0


def space_of(network: list[object], cells: Mapping[str, object], size: int = 32, classes: int = 10) -> Space:
    """A space without a recipe, for colour images."""
    return at_data({"architecture": {"cells": dict(cells), "network": network}}, 3, size, classes)


def relative(costs: NDArray[np.generic]) -> Column:
    """Costs in means."""
    numbers = costs.astype(float)
    return numbers / numbers.mean()
