"""The values of a hole, put together where no condition tells them apart."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from nas.space.conditions import OnParameter
from nas.space.holes import Alternatives, Choice, Hole, Integer, Real, Scalar


@dataclass(frozen=True)
class Group:
    """Values that are as good as one another; of a range of real numbers, `values` is one and `span` the range."""

    values: Sequence[Scalar]
    span: tuple[float, float] | None = None

    @property
    def number(self) -> int:
        return len(self.values)

    def draw(self, random: Random) -> Scalar:
        return random.choice(self.values) if self.span is None else random.uniform(*self.span)


def groups(hole: Hole, tests: Sequence[OnParameter] | None, fixed: Mapping[str, Scalar], path: str) -> Iterable[Group]:
    """The hole's values, together where the tests have the same answers; None: each value by itself.

    If the hole is among the `fixed`, that value alone.
    """
    if path in fixed:
        return [Group((fixed[path],))] if _has(hole, fixed[path]) else []
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return _by_answer(tuple(options), tests)
        case Integer(low=low, high=high, step=step):
            values = range(low, high + 1, step)
            if tests is None:
                return [Group((value,)) for value in values]
            ends = pairwise(_whole_bounds(tests, low, high + 1))
            parts = (range(low - (low - start) // step * step, end, step) for start, end in ends)
            return [Group(part) for part in parts if part]
        case Real(low=low, high=high):
            if low == high:
                return [Group((low,))]
            spans = pairwise(_real_bounds(tests or [], low, high))
            return [Group(((start + end) / 2,), (start, end)) for start, end in spans]


def _has(hole: Hole, value: Scalar) -> bool:
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return value in options
        case Integer(low=low, high=high, step=step):
            return isinstance(value, int) and value in range(low, high + 1, step)
        case Real(low=low, high=high):
            return isinstance(value, int | float) and low <= value <= high


def _by_answer(options: Sequence[Scalar], tests: Sequence[OnParameter] | None) -> list[Group]:
    if tests is None:
        return [Group((option,)) for option in options]
    together: dict[tuple[bool, ...], list[Scalar]] = {}
    for option in options:
        together.setdefault(tuple(test.holds(option) for test in tests), []).append(option)
    return [Group(tuple(some)) for some in together.values()]


def _whole_bounds(tests: Sequence[OnParameter], low: int, end: int) -> list[int]:
    """Where the answers may change from `low` to before `end`, with these two; between two bounds they do not."""
    bounds = {low, end}
    for test in tests:
        bounds |= {math.ceil(value) for value in test.accepted or () if isinstance(value, int | float)}
        bounds |= {math.floor(value) + 1 for value in test.accepted or () if isinstance(value, int | float)}
        bounds |= {math.ceil(test.at_least)} if test.at_least is not None else set()
        bounds |= {math.floor(test.at_most) + 1} if test.at_most is not None else set()
    return sorted(bound for bound in bounds if low <= bound <= end)


def _real_bounds(tests: Sequence[OnParameter], low: float, high: float) -> list[float]:
    bounds = {bound for test in tests for bound in (test.at_least, test.at_most) if bound is not None}
    return sorted({low, high, *(bound for bound in bounds if low <= bound <= high)})
