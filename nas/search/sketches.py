"""What the parameters of a trial stand for, in a line of text for each cell."""

from collections.abc import Mapping

from nas.architecture import Architecture
from nas.architecture.sketch import cell_sketches, sketch
from nas.search.proposal import trained_candidate
from nas.space.holes import Scalar
from nas.space.space import Space

WHOLE = "network"


def sketches(architecture: Architecture) -> dict[str, str]:
    """By the name of its cell; of a network without cells, a line for it all."""
    return cell_sketches(architecture) or {WHOLE: sketch(architecture.plan)}


def sketched(space: Space, parameters: Mapping[str, Scalar]) -> str:
    """The cells that the parameters of a complete trial give, in one line."""
    candidate = trained_candidate(space, parameters)
    return "; ".join(f"{name}: {line}" for name, line in sketches(candidate.architecture).items())
