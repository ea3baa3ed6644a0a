"""How far apart documents are, in the features of one kind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.samplers.catalogue import Features
from nas.samplers.surrogate import Array


@dataclass(frozen=True, eq=False)
class Distances:
    """Squared distances from some documents. They are 1 in the median between documents drawn at random.

    `names` are those of the matrix's columns, sorted, and `scale` what each is multiplied by.
    """

    names: NDArray[np.int64]
    scale: Array
    matrix: Array
    unit: float

    @classmethod
    def of(cls, given: Sequence[Features], drawn: Sequence[Features], scaled: bool = False) -> "Distances":
        """From the `given` ones; `scaled`: in deviations of those `drawn`, column by column."""
        names = np.unique(np.concatenate([each.names for each in (*given, *drawn)]))
        random, _ = _matrix(names, drawn)
        spread = random.std(0) if scaled else np.ones(len(names))
        scale = 1 / np.where(spread > 1e-9, spread, 1.0)
        random *= scale
        apart = _squared(random[::2], random[1::2])
        apart = apart[apart > 1e-9]
        return cls(names, scale, _matrix(names, given)[0] * scale, float(np.median(apart)) if apart.size else 1.0)

    def to(self, documents: Sequence[Features]) -> Array:
        """A row for each of the documents, a column for each of those given."""
        matrix, others = _matrix(self.names, documents)
        return (_squared(matrix * self.scale, self.matrix) + others[:, None]) / self.unit


def _matrix(names: NDArray[np.int64], documents: Sequence[Features]) -> tuple[Array, Array]:
    """A row for each document; and the sum of squares of its features that have no column."""
    rows = np.repeat(np.arange(len(documents)), [len(each.names) for each in documents])
    own = np.concatenate([each.names for each in documents])
    values = np.concatenate([each.values for each in documents])
    columns = np.minimum(np.searchsorted(names, own), len(names) - 1)
    has = names[columns] == own
    matrix = np.zeros((len(documents), len(names)))
    matrix[rows[has], columns[has]] = values[has]
    others: Array = np.bincount(rows[~has], values[~has] ** 2, len(documents)).astype(float)
    return matrix, others


def _squared(one: Array, other: Array) -> Array:
    between: Array = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.maximum(between, 0)
