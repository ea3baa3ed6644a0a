"""Ways to fill holes again: as they were so far, or so that all documents are seen one after the other."""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.errors import InputError
from nas.space.conditions import Context
from nas.space.holes import Scalar, Suggest
from nas.space.suggest import First, Recorded


class Unfit(Exception):
    """A document whose ops do not fit one another, so that a condition on its grid or width has no answer."""


def listening(context: Context, heard: MutableMapping[str, Any]) -> Context:
    """The context, raising `Unfit` where it has no answer; what it says is kept in `heard` by cell, None for that."""

    def ask(cell: str, architecture: Mapping[str, Any]) -> Sequence[Mapping[str, int]]:
        heard[cell] = None
        try:
            answer = heard[cell] = context(cell, architecture)
        except InputError as error:
            raise Unfit(str(error)) from None
        return answer

    return ask


@dataclass
class Keeping:
    """Keeps recorded values wherever holes ask for them, has the others filled by `rest`, and notes all.

    What is recorded must be possible, as for `Recorded`.
    """

    recorded: Mapping[str, Scalar]
    rest: Suggest = field(default_factory=First)
    parameters: dict[str, Scalar] = field(default_factory=dict)
    """Of the document that has been made."""

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar:
        self.parameters[name] = value = self._of(name).choice(name, options)
        return value

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int:
        self.parameters[name] = value = self._of(name).integer(name, low, high, step, log)
        return value

    def real(self, name: str, low: float, high: float, log: bool) -> float:
        self.parameters[name] = value = self._of(name).real(name, low, high, log)
        return value

    def _of(self, name: str) -> Suggest:
        return Recorded(self.recorded) if name in self.recorded else self.rest


@dataclass
class Scripted:
    """Fills holes by a script that `advance` takes on to the next document, until all have been seen."""

    _script: list[tuple[str, Sequence[Scalar], int]] = field(default_factory=list)
    """Holes in the order in which they are asked for, with their options and the place of the one to be taken."""
    _position: int = 0

    @property
    def parameters(self) -> dict[str, Scalar]:
        """Of the document that has been made."""
        return {name: options[place] for name, options, place in self._script[: self._position]}

    def advance(self) -> bool:
        """Goes to the next document; False if there is none."""
        script = self._script[: self._position]
        while script and script[-1][2] == len(script[-1][1]) - 1:
            script.pop()
        if not script:
            return False
        name, options, place = script.pop()
        self._script, self._position = [*script, (name, options, place + 1)], 0
        return True

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar:
        if self._position == len(self._script):
            self._script.append((name, options, 0))
        _, there, place = self._script[self._position]
        self._position += 1
        return there[place]

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int:
        value = self.choice(name, range(low, high + 1, step))
        assert isinstance(value, int)
        return value

    def real(self, name: str, low: float, high: float, log: bool) -> float:
        if low < high:
            raise InputError(f"{name}: takes any number from {low} to {high}, so the documents cannot be enumerated")
        self.choice(name, (low,))
        return low
