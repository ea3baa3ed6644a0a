"""Three ways to fill holes without a study: from recorded parameters, at random, and with what comes first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from nas.errors import InputError
from nas.space.holes import Hole, Integer, Parameters, Real, Scalar, Suggest, fitting


def first(_: str, hole: Hole) -> Scalar:
    """Fills every hole with its first option, or its lowest value."""
    return hole.low if isinstance(hole, Integer | Real) else hole.values[0]


@dataclass
class Recorded:
    """Fills holes with recorded parameters, such as a trial's, and those that have none by `rest`.

    A value that the hole cannot have is an `InputError`, and so is a missing one without a `rest`.
    """

    recorded: Mapping[str, Scalar]
    rest: Suggest | None = None
    parameters: Parameters = field(default_factory=dict)
    """What the holes of the document have been filled with."""

    def __call__(self, name: str, hole: Hole) -> Scalar:
        self.parameters[name] = value = self._value(name, hole)
        return value

    def _value(self, name: str, hole: Hole) -> Scalar:
        if name in self.recorded:
            if found := fitting(hole, self.recorded[name]):
                return found[0]
            raise InputError(f"{name}: {self.recorded[name]!r} is not {_expected(hole)}")
        if self.rest is None:
            raise InputError(f"{name}: no value recorded; expected {_expected(hole)}")
        return self.rest(name, hole)


def _expected(hole: Hole) -> str:
    match hole:
        case Integer(low=low, high=high, step=step):
            return f"in [{low}, {high}] in steps of {step}"
        case Real(low=low, high=high):
            return f"in [{low}, {high}]"
        case _:
            return f"one of {list(hole.values)}"


@dataclass
class RandomSuggest:
    """Fills every hole at random; keeps what it chose in `parameters`."""

    random: Random
    parameters: Parameters = field(default_factory=dict)

    def __call__(self, name: str, hole: Hole) -> Scalar:
        self.parameters[name] = value = drawn(hole, self.random)
        return value


def drawn(hole: Hole, random: Random) -> Scalar:
    """A value of the hole at random, evenly over its options, its steps or its scale."""
    match hole:
        case Integer(low=low, high=high, log=True):
            whole: int = round(low * (high / low) ** random.random())
            return min(high, max(low, whole))
        case Real(low=low, high=high, log=log):
            share = random.random()
            value = low * (high / low) ** share if log else low + (high - low) * share
            return min(high, max(low, value))
        case _:
            return random.choice(hole.values)
