"""The four kinds of hole, read from `{choice: ...}`, `{int: ...}` and `{float: ...}`, and what can fill them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from nas.errors import InputError, refuse_unknown

Scalar = str | int | float | bool | None

Parameters = dict[str, Scalar]
"""What the holes of a document are filled with, by their names."""


@dataclass(frozen=True)
class Choice:
    """One of several scalars."""

    options: tuple[Scalar, ...]

    @property
    def values(self) -> Sequence[Scalar]:
        return self.options


@dataclass(frozen=True, eq=False)
class Alternatives:
    """One of several named documents, filled with its name; the holes inside one exist only if it is chosen."""

    options: Mapping[str, Any]

    @property
    def values(self) -> Sequence[Scalar]:
        return tuple(self.options)


@dataclass(frozen=True)
class Integer:
    """An integer in [low, high], in steps from low, or on a logarithmic scale."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    @property
    def values(self) -> Sequence[Scalar]:
        return range(self.low, self.high + 1, self.step)


@dataclass(frozen=True)
class Real:
    """A real number in [low, high], evenly or on a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    @property
    def values(self) -> Sequence[Scalar]:
        return (self.low,) if self.low == self.high else ()


Hole = Choice | Alternatives | Integer | Real
"""`values` are all that it can be filled with, in order; none of a range of real numbers, which cannot be listed."""

Suggest = Callable[[str, Hole], Scalar]
"""Whoever fills holes: an Optuna trial, recorded parameters, a random generator. It is given a hole's name and it."""


def fitting(hole: Hole, value: object) -> Sequence[Scalar]:
    """The value as the hole has it, such as 1 for 1.0: one, or none if the hole cannot be filled with it."""
    match hole:
        case Integer():
            return [value] if type(value) is int and value in hole.values else []
        case Real(low=low, high=high):
            return [float(value)] if is_number(value) and low <= value <= high else []
        case _:
            return [option for option in hole.values if same(option, value)]


def same(one: object, other: object) -> bool:
    """Whether two values of documents are equal; true is no 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


MAX_BOUND = 2**53
"""Integers up to here are exact as floats, which some samplers store them as."""

_FIELDS = {"choice": ("choice",), "int": ("int", "log", "step"), "float": ("float", "log")}


def is_hole(node: object) -> bool:
    """Whether a value of a document is written as a hole, rightly or not."""
    return isinstance(node, Mapping) and not _FIELDS.keys().isdisjoint(node)


def read_hole(node: Mapping[str, Any], place: str) -> Hole:
    """The hole that `node` writes; `is_hole(node)` must be true. Raises `InputError` where it is malformed."""
    kinds = [kind for kind in _FIELDS if kind in node]
    if len(kinds) > 1:
        raise InputError(f"{place}: a hole is one of choice, int and float, not {' and '.join(kinds)} at once")
    kind = kinds[0]
    refuse_unknown(place, f"field of a hole of kind {kind}", node, _FIELDS[kind])
    if kind == "choice":
        return _read_choice(node["choice"], place)
    low, high = _read_range(node[kind], place)
    log = node.get("log", False)
    if not isinstance(log, bool):
        raise InputError(f"{place}: log is true or false; got {log!r}")
    if kind == "int":
        return _read_integer(low, high, node.get("step", 1), log, place)
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
                if not isinstance(option, Scalar):
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
        case [low, high] if all(is_number(bound) and abs(bound) <= MAX_BOUND for bound in (low, high)):
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
