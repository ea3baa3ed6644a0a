"""The part of `inception_cell` that the table holds whole: 1,536 documents, which are 1,260 different networks.

What remains to be chosen is which branches there are, their kernels and how these are carried out, the kind of pool,
and whether the branches are concatenated or added to what came in. Widths, depths, the reduction cell and the recipe
are fixed; the stem keeps the grid, because the images are small.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from nas.architecture.context import context
from nas.compose import configuration
from nas.search.proposal import Candidate, propose
from nas.search.spaces import at_data
from nas.space.enumeration import enumerate_documents
from nas.space.holes import Scalar
from nas.space.space import Space
from nas.space.suggest import Recorded

SIZE, CHANNELS, CLASSES = 16, 3, 10

ARCHITECTURE = (
    "cells.stem={op: conv, width: $width, kernel: 3}",
    "cells.inception.branches.point.present.project.width.times=0.5",
    "cells.inception.branches.near.reduce.width={of: $width, times: 0.5}",
    "cells.inception.branches.near.spatial.width.times=0.5",
    "cells.inception.branches.far.present.reduce.width={of: $width, times: 0.25}",
    "cells.inception.branches.far.present.spatial.width.times=0.5",
    "cells.inception.branches.pool.average.project.width.times=0.25",
    "cells.inception.branches.pool.max.project.width.times=0.25",
    "cells.normal.residual.scale=0.3",
    "cells.reduction.branches.near.reduce.width=0",
    "cells.reduction.branches.near.spatial.kernel=3",
    "cells.reduction.branches.near.spatial.width.times=0.5",
    "cells.reduction.branches.far=null",
    "cells.reduction.branches.pool.pool.kind=max",
    "network.stem.values.width=16",
    "network.stage_1.depth=1",
    "network.stage_2.depth=1",
    "network.stage_3.depth=1",
)
TRAINING = ("epochs=10", "batch_size=256", "lr=0.012", "weight_decay=0.02", "crop=2")


def space() -> Space:
    """The space at 3×16×16 images of ten classes."""
    edits = [f"search.architecture.{edit}" for edit in ARCHITECTURE] + [f"search.training.{edit}" for edit in TRAINING]
    composed = configuration(["+search=inception_cell", *edits]).space
    assert composed is not None, "a space was asked for"
    return at_data(composed, CHANNELS, SIZE, CLASSES)


@dataclass(frozen=True)
class Row:
    """A network, and the parameters of all documents that are this network."""

    candidate: Candidate
    parameters: tuple[Mapping[str, Scalar], ...]

    def document(self, seed: int) -> dict[str, Any]:
        """What is trained, under this training seed."""
        return {**self.candidate.document, "seed": seed}


@cache
def rows() -> tuple[Row, ...]:
    """All networks, in the order in which the documents are listed."""
    listed = space()
    found: dict[str, tuple[Candidate, list[Mapping[str, Scalar]]]] = {}
    for parameters in enumerate_documents(listed, context):
        candidate = propose(listed, Recorded(parameters))
        assert isinstance(candidate, Candidate), f"{parameters} does not fit the images"
        found.setdefault(candidate.digest, (candidate, []))[1].append(parameters)
    return tuple(Row(candidate, tuple(same)) for candidate, same in found.values())
