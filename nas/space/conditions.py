"""Values under a condition: `{if: ..., then: ..., else: ...}`, on another hole or on where a cell is used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.errors import InputError, need_one_of, refuse_unknown
from nas.space.holes import Hole, Integer, Real, Scalar, is_hole, is_number

Uses = Sequence[Mapping[str, int]]
"""What comes in at each use of a cell: `CONTEXTS` with their numbers."""

Context = Callable[[str, Mapping[str, Any]], Uses]
"""Tells conditions on a context what they ask: `context(cell, architecture)`.

`cell` is the path of the cell that holds the condition, such as `cells.normal`, or "" outside of cells; `architecture`
is complete, with what has not been chosen yet at its first option. Raises an `InputError` where there is no answer.
"""

CONTEXTS = ("grid", "width")
"""grid: the smaller side of the map that comes in. width: its channels."""

FIELDS = ("if", "then", "else")


@dataclass(frozen=True)
class OnParameter:
    """Whether the hole called `name` has one of the values `accepted`, or one from `at_least` to `at_most`."""

    name: str
    accepted: tuple[Scalar, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, value: Scalar) -> bool:
        if self.accepted is not None:
            return value in self.accepted
        return is_number(value) and _within(value, self.at_least, self.at_most)


@dataclass(frozen=True)
class OnContext:
    """Whether `asks` (one of `CONTEXTS`) lies from `at_least` to `at_most` at every use of the cell."""

    asks: str
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, uses: Uses) -> bool:
        """False if there are no uses, as for a hole that is not asked for."""
        return bool(uses) and all(_within(use[self.asks], self.at_least, self.at_most) for use in uses)


Test = OnParameter | OnContext


@dataclass(frozen=True, eq=False)
class Conditional:
    """One of two values. `then` adds no word to the paths inside it; `otherwise` adds the word `else`."""

    test: Test
    then: Any
    otherwise: Any


def is_conditional(node: object) -> bool:
    """Whether a value of a document is written as one under a condition, rightly or not."""
    return isinstance(node, Mapping) and "if" in node


def is_open(node: object) -> bool:
    """Whether sampling puts something else in this place: a hole, or a value under a condition."""
    return is_hole(node) or is_conditional(node)


def read_conditional(node: Mapping[str, Any], place: str) -> Conditional:
    """What `node` writes; `is_conditional(node)` must be true. Raises `InputError` where it is malformed."""
    refuse_unknown(place, "field of a value under a condition", node, FIELDS)
    for key in ("then", "else"):
        if key not in node:
            raise InputError(f"{place}: a value under a condition needs {key}, which may be null")
    return Conditional(_read_test(node["if"], f"{place}.if"), node["then"], node["else"])


def _read_test(test: Any, place: str) -> Test:
    match test:
        case {"parameter": str() as name}:
            refuse_unknown(place, "field of a condition", test, ("parameter", "is", "in", "at_least", "at_most"))
            kinds = [key for key in ("is", "in") if key in test]
            if len(kinds) + ("at_least" in test or "at_most" in test) != 1:
                raise InputError(f"{place}: needs one of is, in, and a range of at_least and at_most; got {test!r:.80}")
            accepted = None if not kinds else _read_accepted([test["is"]] if "is" in test else test["in"], place)
            return OnParameter(name, accepted, *_read_range(test, place))
        case {"context": asks}:
            refuse_unknown(place, "field of a condition", test, ("context", "at_least", "at_most"))
            need_one_of(f"{place}.context", "context", asks, CONTEXTS)
            if "at_least" not in test and "at_most" not in test:
                raise InputError(f"{place}: needs at_least or at_most")
            return OnContext(asks, *_read_range(test, place))
        case _:
            raise InputError(f"{place}: expected {{parameter: NAME, ...}} or {{context: ...}}; got {test!r:.80}")


def _read_accepted(values: Any, place: str) -> tuple[Scalar, ...]:
    match values:
        case [_, *_] if all(isinstance(value, Scalar) for value in values):
            return tuple(values)
        case _:
            raise InputError(f"{place}: is takes a scalar, in a list of at least one; got {values!r:.60}")


def _read_range(test: Mapping[str, Any], place: str) -> tuple[float | None, float | None]:
    for key in ("at_least", "at_most"):
        if key in test and not is_number(test[key]):
            raise InputError(f"{place}.{key}: expected a number; got {test[key]!r:.60}")
    low, high = test.get("at_least"), test.get("at_most")
    if low is not None and high is not None and low > high:
        raise InputError(f"{place}: the range from {low} to {high} ends before it starts")
    return low, high


def check_answerable(test: OnParameter, hole: Hole, place: str) -> None:
    """Raises `InputError` if the hole has no value of the kind that is asked about, as after a misspelling.

    A range that leaves a narrowed hole outside is no error.
    """
    match hole:
        case Integer() | Real():
            if test.accepted is not None and not all(map(is_number, test.accepted)):
                raise InputError(f"{place}: asks whether {test.name} is {list(test.accepted)}; it is a number")
        case _:
            if test.accepted is not None and not any(map(test.holds, hole.values)):
                asked = " or ".join(map(repr, test.accepted))
                raise InputError(f"{place}: asks whether {test.name} is {asked}; its options are {list(hole.values)}")
            if test.accepted is None and not all(map(is_number, hole.values)):
                raise InputError(f"{place}: asks for a range of {test.name}; its options are {list(hole.values)}")


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)
