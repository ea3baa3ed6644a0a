"""Steps of evolution and local search, on the parameters of a space's documents; each result is in the space again.

A hole is asked for only where what is chosen before it lets it, so to change one value may close some holes and open
others: those that close are dropped, those that open are drawn anew, and all others keep their values.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from nas.errors import InputError
from nas.space.conditions import Context
from nas.space.holes import Alternatives, Choice, Hole, Integer, Real, Scalar, Suggest
from nas.space.replay import Keeping
from nas.space.space import Space
from nas.space.suggest import First, RandomSuggest

Parameters = dict[str, Scalar]

STEP = 0.1
"""How far a neighbour lies in a range of real numbers, as a share of it."""


def random_parameters(space: Space, random: Random, context: Context | None = None) -> Parameters:
    """Every hole filled evenly over its options. `nas.space.count.Uniform` gives every document equal chances."""
    suggest = RandomSuggest(random)
    space.sample(suggest, context)
    return suggest.parameters


def mutate(
    space: Space, parameters: Mapping[str, Scalar], random: Random, context: Context | None = None
) -> Parameters:
    """Exactly one hole changed to another of its values; for alternatives, this opens and closes what is inside them.

    Raises:
        InputError: no hole that is asked for has two values.
    """
    names = [name for name in parameters if _several(space.holes[name])]
    if not names:
        raise InputError("the document has no hole with a second value, so it cannot be changed")
    name = random.choice(names)
    value = _other(space.holes[name], parameters[name], random)
    return _completed(space, {**parameters, name: value}, RandomSuggest(random), context)


def cross_over(
    space: Space,
    one: Mapping[str, Scalar],
    other: Mapping[str, Scalar],
    random: Random,
    context: Context | None = None,
) -> Parameters:
    """Every hole that both parents have, from either; one that a single parent has, from there; another at random."""
    mixed = {**one, **other, **{name: random.choice((one[name], other[name])) for name in one if name in other}}
    return _completed(space, mixed, RandomSuggest(random), context)


def neighbours(
    space: Space,
    parameters: Mapping[str, Scalar],
    context: Context | None = None,
    adjacent: bool = False,
    random: Random | None = None,
) -> Iterator[Parameters]:
    """All documents that differ in the value of one hole, hole by hole; `adjacent`: numbers go to the next alone.

    Holes that open are filled at random, or with their first options if `random` is None. Of a range of real numbers,
    the neighbours are a tenth of the range lower and higher.
    """
    for name in parameters:
        for value in _neighbours(space.holes[name], parameters[name], adjacent):
            fill = RandomSuggest(random) if random else First()
            yield _completed(space, {**parameters, name: value}, fill, context)


def _completed(space: Space, parameters: Mapping[str, Scalar], rest: Suggest, context: Context | None) -> Parameters:
    keeping = Keeping(parameters, rest)
    space.sample(keeping, context)
    return keeping.parameters


def _several(hole: Hole) -> bool:
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return len(options) > 1
        case Integer(low=low, high=high) | Real(low=low, high=high):
            return low < high


def _other(hole: Hole, value: Scalar, random: Random) -> Scalar:
    """Another value of the hole, drawn as the hole's values are."""
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return random.choice([option for option in options if option != value])
        case _:
            while (drawn := hole.fill("", RandomSuggest(random))) == value:
                pass
            return drawn


def _values(hole: Hole) -> Sequence[Scalar]:
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            return tuple(options)
        case Integer(low=low, high=high, step=step):
            return range(low, high + 1, step)
        case Real():
            raise AssertionError(hole)


def _neighbours(hole: Hole, value: Scalar, adjacent: bool) -> Sequence[Scalar]:
    match hole:
        case Real():
            return [near for near in _near(hole, value) if near != value]
        case Integer(low=low, high=high, step=step) if adjacent:
            assert isinstance(value, int)
            return [near for near in (value - step, value + step) if low <= near <= high]
        case Choice(options=options) if adjacent and all(map(_is_number, options)):
            ordered = sorted(options, key=float)  # type: ignore[arg-type]
            place = ordered.index(value)
            return [*ordered[max(place - 1, 0) : place], *ordered[place + 1 : place + 2]]
        case _:
            return [other for other in _values(hole) if other != value]


def _near(hole: Real, value: Scalar) -> tuple[float, float]:
    """A step down and a step up, on the range's own scale, no further than its ends."""
    assert isinstance(value, int | float)
    if hole.log:
        factor = (hole.high / hole.low) ** STEP
        return max(hole.low, value / factor), min(hole.high, value * factor)
    step = STEP * (hole.high - hole.low)
    return max(hole.low, value - step), min(hole.high, value + step)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
