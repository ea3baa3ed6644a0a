"""Three ways to fill holes without a study: from recorded parameters, at random, and with what comes first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from nas.errors import InputError
from nas.space.holes import Scalar


@dataclass(frozen=True)
class Recorded:
    """Fills holes with recorded parameters, such as a trial's. A missing or impossible value is an `InputError`."""

    parameters: Mapping[str, Scalar]

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar:
        value = self._value(name, lambda value: value in options, f"one of {list(options)}")
        return options[options.index(value)]  # 1.0 and true may stand for 1 where they were stored

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int:
        on_grid = f"in [{low}, {high}] in steps of {step}"
        value = self._value(
            name,
            lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high and (v - low) % step == 0,
            on_grid,
        )
        return int(value)  # type: ignore[arg-type]

    def real(self, name: str, low: float, high: float, log: bool) -> float:
        value = self._value(
            name,
            lambda v: isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high,
            f"in [{low}, {high}]",
        )
        return float(value)  # type: ignore[arg-type]

    def _value(self, name: str, fits: Callable[[Scalar], bool], expected: str) -> Scalar:
        if name not in self.parameters:
            raise InputError(f"{name}: no value recorded; expected {expected}")
        value = self.parameters[name]
        if not fits(value):
            raise InputError(f"{name}: {value!r} is not {expected}")
        return value


@dataclass
class RandomSuggest:
    """Fills every hole at random, evenly over its options or range; keeps what it chose in `parameters`."""

    random: Random
    parameters: dict[str, Scalar] = field(default_factory=dict)

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar:
        self.parameters[name] = value = self.random.choice(options)
        return value

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int:
        if log:
            value: int = min(high, max(low, round(low * (high / low) ** float(self.random.random()))))
        else:
            value = self.random.randrange(low, high + 1, step)
        self.parameters[name] = value
        return value

    def real(self, name: str, low: float, high: float, log: bool) -> float:
        share = self.random.random()
        value = low * (high / low) ** share if log else low + (high - low) * share
        self.parameters[name] = value = min(high, max(low, value))
        return value


@dataclass(frozen=True)
class First:
    """Fills every hole with its first option, or its lowest value."""

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar:
        return options[0]

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int:
        return low

    def real(self, name: str, low: float, high: float, log: bool) -> float:
        return low
