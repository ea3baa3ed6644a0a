"""The four kinds of hole, read from `{choice: ...}`, `{int: ...}` and `{float: ...}`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nas.errors import InputError, unknown

Scalar = str | int | float | bool | None


class Suggest(Protocol):
    """Whoever fills holes: an Optuna trial, recorded parameters, a random generator.

    `name` is the hole's path; the answer is one of `options`, or lies in [`low`, `high`].
    """

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar: ...

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int: ...

    def real(self, name: str, low: float, high: float, log: bool) -> float: ...


@dataclass(frozen=True)
class Choice:
    """One of several scalars."""

    options: tuple[Scalar, ...]

    def fill(self, name: str, suggest: Suggest) -> Scalar:
        return suggest.choice(name, self.options)


@dataclass(frozen=True, eq=False)
class Alternatives:
    """One of several named documents; the holes inside one exist only if it is chosen."""

    options: Mapping[str, Any]

    def fill(self, name: str, suggest: Suggest) -> Scalar:
        """The name of the chosen alternative."""
        return suggest.choice(name, tuple(self.options))


@dataclass(frozen=True)
class Integer:
    """An integer in [low, high], in steps from low, or on a logarithmic scale."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def fill(self, name: str, suggest: Suggest) -> Scalar:
        return suggest.integer(name, self.low, self.high, self.step, self.log)


@dataclass(frozen=True)
class Real:
    """A real number in [low, high], evenly or on a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def fill(self, name: str, suggest: Suggest) -> Scalar:
        return suggest.real(name, self.low, self.high, self.log)


Hole = Choice | Alternatives | Integer | Real

MAX_BOUND = 2**53
"""Integers up to here are exact as floats, which some samplers store them as."""

_FIELDS = {"choice": {"choice"}, "int": {"int", "step", "log"}, "float": {"float", "log"}}


def is_hole(node: object) -> bool:
    """Whether a value of a document is written as a hole, rightly or not."""
    return isinstance(node, Mapping) and any(kind in node for kind in _FIELDS)


def read_hole(node: Mapping[str, Any], place: str) -> Hole:
    """The hole that `node` writes; `is_hole(node)` must be true. Raises `InputError` where it is malformed."""
    kinds = [kind for kind in _FIELDS if kind in node]
    if len(kinds) > 1:
        raise InputError(f"{place}: a hole is one of choice, int and float, not {' and '.join(kinds)} at once")
    kind = kinds[0]
    for key in node:
        if key not in _FIELDS[kind]:
            raise unknown(place, f"field of a hole of kind {kind}", key, sorted(_FIELDS[kind]))
    match kind:
        case "choice":
            return _read_choice(node["choice"], place)
        case "int":
            low, high = _read_range(node["int"], place)
            return _read_integer(low, high, node.get("step", 1), _read_log(node, place), place)
        case _:
            low, high = _read_range(node["float"], place)
            log = _read_log(node, place)
            if log and low <= 0:
                raise InputError(f"{place}: a logarithmic range starts above 0, not at {low!r}")
            return Real(float(low), float(high), log)


def _read_choice(options: Any, place: str) -> Choice | Alternatives:
    match options:
        case Mapping() if options:
            return Alternatives(dict(options))
        case [_, *_]:
            seen: list[object] = []
            for option in options:
                if not (option is None or isinstance(option, str | bool | int | float)):
                    raise InputError(
                        f"{place}: the option {option!r} is no scalar; name it: {{choice: {{a_name: ...}}}}"
                    )
                if option != option:
                    raise InputError(f"{place}: the option {option!r} is no number")
                if option in seen:  # True equals 1, as it does for every sampler
                    raise InputError(f"{place}: the option {option!r} stands twice")
                seen.append(option)
            return Choice(tuple(options))
        case _:
            raise InputError(
                f"{place}: choice takes a list of at least one scalar, or a mapping of named documents; got {options!r}"
            )


def _read_range(bounds: Any, place: str) -> tuple[float, float]:
    match bounds:
        case [low, high] if all(
            isinstance(b, int | float) and not isinstance(b, bool) and abs(b) <= MAX_BOUND for b in (low, high)
        ):
            if low > high:
                raise InputError(f"{place}: the range [{low}, {high}] ends before it starts")
            return low, high
        case _:
            raise InputError(
                f"{place}: a range is [low, high] with two numbers of at most {MAX_BOUND:g}; got {bounds!r:.60}"
            )


def _read_integer(low: float, high: float, step: object, log: bool, place: str) -> Integer:
    if not (isinstance(low, int) and isinstance(high, int)):
        raise InputError(f"{place}: an int range has integer ends; got [{low}, {high}]")
    if not isinstance(step, int) or isinstance(step, bool) or step < 1:
        raise InputError(f"{place}: step is an integer of at least 1; got {step!r}")
    if log and (step != 1 or low < 1):
        raise InputError(f"{place}: a logarithmic int range starts at 1 or above and has no step")
    return Integer(low, high - (high - low) % step, step, log)


def _read_log(node: Mapping[str, Any], place: str) -> bool:
    log = node.get("log", False)
    if not isinstance(log, bool):
        raise InputError(f"{place}: log is true or false; got {log!r}")
    return log
