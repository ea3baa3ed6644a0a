"""Steps of evolution and local search, on the parameters of a space's documents; each result is in the space again.

A hole is asked for only where what is chosen before it lets it, so to change one value may close some holes and open
others: those that close are dropped, those that open are drawn anew, and all others keep their values.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from nas.errors import InputError
from nas.space.conditions import Context
from nas.space.holes import Choice, Hole, Integer, Parameters, Real, Scalar, Suggest, is_number
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded, drawn, first

STEP = 0.1
"""How far a neighbour lies in a range of real numbers, as a share of it."""


def completed(space: Space, given: Mapping[str, Scalar], rest: Suggest, context: Context | None = None) -> Parameters:
    """The given parameters where their holes are asked for, and what `rest` fills the others with."""
    recorded = Recorded(given, rest)
    space.sample(recorded, context)
    return recorded.parameters


def random_parameters(space: Space, random: Random, context: Context | None = None) -> Parameters:
    """Every hole filled evenly over its options; `uniform_parameters` gives every document equal chances."""
    return completed(space, {}, RandomSuggest(random), context)


def mutate(
    space: Space, parameters: Mapping[str, Scalar], random: Random, context: Context | None = None
) -> Parameters:
    """Exactly one hole changed to another of its values; for alternatives, this opens and closes what is inside them.

    Raises:
        InputError: no hole that is asked for has two values.
    """
    names = [name for name in parameters if len(space.holes[name].values) != 1]
    if not names:
        raise InputError("the document has no hole with a second value, so it cannot be changed")
    name = random.choice(names)
    value = _other(space.holes[name], parameters[name], random)
    return completed(space, {**parameters, name: value}, RandomSuggest(random), context)


def cross_over(
    space: Space,
    one: Mapping[str, Scalar],
    other: Mapping[str, Scalar],
    random: Random,
    context: Context | None = None,
) -> Parameters:
    """Every hole that both parents have, from either; one that a single parent has, from there; another at random."""
    mixed = {**one, **other, **{name: random.choice((one[name], other[name])) for name in one if name in other}}
    return completed(space, mixed, RandomSuggest(random), context)


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
            rest = RandomSuggest(random) if random else first
            yield completed(space, {**parameters, name: value}, rest, context)


def _other(hole: Hole, value: Scalar, random: Random) -> Scalar:
    """Another value of the hole, drawn as the hole's values are."""
    match hole:
        case Integer() | Real():
            while (other := drawn(hole, random)) == value:
                pass
            return other
        case _:
            return random.choice([option for option in hole.values if option != value])


def _neighbours(hole: Hole, value: Scalar, adjacent: bool) -> Sequence[Scalar]:
    match hole:
        case Real():
            return [near for near in _near(hole, value) if near != value]
        case Integer(step=step) if adjacent:
            assert isinstance(value, int)
            return [near for near in (value - step, value + step) if near in hole.values]
        case Choice(options=options) if adjacent and all(map(is_number, options)):
            ordered = sorted(options, key=float)  # type: ignore[arg-type]
            place = ordered.index(value)
            return [*ordered[max(place - 1, 0) : place], *ordered[place + 1 : place + 2]]
        case _:
            return [other for other in hole.values if other != value]


def _near(hole: Real, value: Scalar) -> tuple[float, float]:
    """A step down and a step up, on the range's own scale, no further than its ends."""
    assert isinstance(value, int | float)
    if hole.log:
        factor = (hole.high / hole.low) ** STEP
        return max(hole.low, value / factor), min(hole.high, value * factor)
    step = STEP * (hole.high - hole.low)
    return max(hole.low, value - step), min(hole.high, value + step)
