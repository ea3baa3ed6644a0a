"""The values of a hole, put together where no condition tells them apart."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from nas.space.conditions import OnParameter
from nas.space.holes import Hole, Integer, Real, Scalar, is_number


@dataclass(frozen=True)
class Group:
    """Values that are as good as one another; of a range of real numbers, `values` is one and `span` the range."""

    values: Sequence[Scalar]
    span: tuple[float, float] | None = None

    def draw(self, random: Random) -> Scalar:
        return random.choice(self.values) if self.span is None else random.uniform(*self.span)


def groups(hole: Hole, tests: Sequence[OnParameter] | None) -> Iterable[Group]:
    """The hole's values, together where the tests have the same answers; None: each value by itself."""
    match hole:
        case Integer(low=low, high=high, step=step) if tests is not None:
            ends = pairwise(_whole_bounds(tests, low, high + 1))
            parts = (range(low - (low - start) // step * step, end, step) for start, end in ends)
            return [Group(part) for part in parts if part]
        case Real(low=low, high=high) if low < high:
            spans = pairwise(_real_bounds(tests or [], low, high))
            return [Group(((start + end) / 2,), (start, end)) for start, end in spans]
        case _:
            together: dict[object, list[Scalar]] = {}
            for value in hole.values:
                answers = None if tests is None else tuple(test.holds(value) for test in tests)
                together.setdefault(value if answers is None else answers, []).append(value)
            return [Group(some) for some in together.values()]


def _whole_bounds(tests: Sequence[OnParameter], low: int, end: int) -> list[int]:
    """Where the answers may change from `low` to before `end`, with these two; between two bounds they do not."""
    accepted = [value for test in tests for value in test.accepted or () if is_number(value)]
    firsts = [*accepted, *(test.at_least for test in tests if test.at_least is not None)]
    lasts = [*accepted, *(test.at_most for test in tests if test.at_most is not None)]
    bounds = {low, end, *map(math.ceil, firsts), *(math.floor(last) + 1 for last in lasts)}
    return sorted(bound for bound in bounds if low <= bound <= end)


def _real_bounds(tests: Sequence[OnParameter], low: float, high: float) -> list[float]:
    """The same of a range of real numbers, of which a single one counts for nothing."""
    bounds = {bound for test in tests for bound in (test.at_least, test.at_most) if bound is not None}
    return sorted({low, high, *(bound for bound in bounds if low <= bound <= high)})
