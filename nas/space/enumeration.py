"""The documents of a space, one after the other."""

from collections.abc import Iterator, Mapping

from nas.errors import InputError
from nas.space.conditions import Context
from nas.space.count import count
from nas.space.holes import Hole, Parameters, Real, Scalar
from nas.space.space import Space
from nas.space.suggest import Recorded

FEW = 5_000
"""Documents that can be listed in seconds."""


def listed(space: Space, context: Context | None = None) -> list[Parameters] | None:
    """The parameters of every document; None if they are more than `FEW`, or infinite."""
    there = count(space, context)
    return None if there.ranges or there.documents > FEW else list(enumerate_documents(space, context))


def enumerate_documents(
    space: Space, context: Context | None = None, beginning: Mapping[str, Scalar] | None = None
) -> Iterator[Parameters]:
    """The parameters of every document of the space, each once, in the order of its holes and their values.

    Of those alone that begin with these parameters, if some are given: of the holes that are asked for first.

    Raises:
        InputError: a hole takes any number of a range, so that there is no end.
    """
    later: list[Iterator[Parameters]] = []

    def first_value(name: str, hole: Hole) -> Scalar:
        if isinstance(hole, Real) and not hole.values:
            raise InputError(
                f"{name}: takes any number from {hole.low} to {hole.high}, so the documents cannot be enumerated"
            )
        before = dict(recorded.parameters)
        later.append({**before, name: value} for value in hole.values[1:])
        return hole.values[0]

    recorded = Recorded(beginning or {}, first_value)
    document, _ = space.attempt(recorded, context)
    if document is not None:
        yield recorded.parameters
    for beginnings in reversed(later):
        for other in beginnings:
            yield from enumerate_documents(space, context, other)
