"""The documents of a space, one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nas.errors import InputError
from nas.space.conditions import Context, Unfit
from nas.space.count import count
from nas.space.holes import Hole, Parameters, Real, Scalar
from nas.space.space import Space

FEW = 5_000
"""Documents that can be listed in seconds."""


def listed(space: Space, context: Context | None = None) -> list[Parameters] | None:
    """The parameters of every document; None if they are more than `FEW`, or infinite."""
    there = count(space, context)
    return None if there.ranges or there.documents > FEW else list(enumerate_documents(space, context))


def enumerate_documents(space: Space, context: Context | None = None) -> Iterator[Parameters]:
    """The parameters of every document of the space, each once, in the order of its holes and their values.

    Raises:
        InputError: a hole takes any number of a range, so that there is no end.
    """
    script = _Script()
    while True:
        try:
            space.sample(script, context)
            yield script.parameters
        except Unfit:
            pass
        if not script.advance():
            return


@dataclass
class _Script:
    """Fills holes by a script that `advance` takes on to the next document, until all have been seen."""

    lines: list[tuple[str, Sequence[Scalar], int]] = field(default_factory=list)
    """Holes in the order in which they are asked for, with their values and the place of the one to be taken."""
    position: int = 0

    @property
    def parameters(self) -> Parameters:
        """Of the document that has been made."""
        return {name: values[place] for name, values, place in self.lines[: self.position]}

    def __call__(self, name: str, hole: Hole) -> Scalar:
        if self.position == len(self.lines):
            if isinstance(hole, Real) and not hole.values:
                raise InputError(
                    f"{name}: takes any number from {hole.low} to {hole.high}, so the documents cannot be enumerated"
                )
            self.lines.append((name, hole.values, 0))
        _, values, place = self.lines[self.position]
        self.position += 1
        return values[place]

    def advance(self) -> bool:
        """Goes to the next document; False if there is none."""
        del self.lines[self.position :]
        while self.lines:
            name, values, place = self.lines.pop()
            if place + 1 < len(values):
                self.lines.append((name, values, place + 1))
                self.position = 0
                return True
        return False
