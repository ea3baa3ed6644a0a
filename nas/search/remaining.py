"""The documents of a small space, each once in a random order, for when a sampler proposes only what is known."""

from collections.abc import Iterator
from random import Random

from nas.architecture.context import context
from nas.space.count import Parameters, count, enumerate_documents
from nas.space.space import Space

MOST = 5_000
"""Documents of a space that counts as small: listing them takes seconds."""


def remaining(space: Space, seed: int) -> Iterator[Parameters] | None:
    """The parameters of all documents; None if they are too many, or infinite."""
    there = count(space, context)
    if there.ranges or there.documents > MOST:
        return None
    documents = list(enumerate_documents(space, context))
    Random(seed).shuffle(documents)
    return iter(documents)
