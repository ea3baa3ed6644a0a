"""What samplers know of a space's documents: each is made and looked at once, and remembered."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from inspect import signature
from math import log
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from optuna.samplers import BaseSampler

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.cost import Cost, cost
from nas.samplers.structure import structure
from nas.space.enumeration import listed
from nas.space.holes import Choice, Hole, Integer, Parameters, Real, Scalar
from nas.space.operators import mutate, random_parameters
from nas.space.space import Space
from nas.space.suggest import Recorded

if TYPE_CHECKING:
    from nas.samplers.history import Past

Allowed = Callable[[Architecture, Cost], bool]
"""Whether a candidate is within the budget."""

REMEMBERED_SETS = 1_000

GROUPS = ("choices", "ways", "layers", "numbers")
"""What holes are filled with, how often which way and layer occurs, and what is measured: price, depth, lengths."""

REMEMBERED = 50_000
"""Documents; all are forgotten when there are more."""


@dataclass(frozen=True, eq=False)
class Features:
    """Some numbers by name, those that are 0 left out. `names` are hashes, the same in every process."""

    names: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> "Features":
        return cls(np.array(list(map(_hash, numbers)), np.int64), np.array(list(numbers.values()), float))


@lru_cache(maxsize=65_536)
def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True, eq=False)
class Looked:
    """A document as models see it: `groups` are its features, of one kind each (`GROUPS`).

    `key` is equal for documents of equal digests, and for more (see `nas.samplers.structure`).
    """

    parameters: Mapping[str, Scalar]
    key: str
    groups: tuple["Features", ...]


@dataclass
class Catalogue:
    """The documents of a space. A budget that `allowed` tells of keeps what is over it from being proposed."""

    space: Space
    allowed: Allowed | None = None
    _looked: dict[tuple[tuple[str, Scalar], ...], Looked | None] = field(default_factory=dict, repr=False)
    ended: dict[tuple[str, int], "Past | None"] = field(default_factory=dict, repr=False)
    """Trials that have ended, by study and number, which are read once; None: not of this space."""
    _sets: dict[tuple[str | int, ...], Sequence[Looked]] = field(default_factory=dict, repr=False)

    def look(self, parameters: Mapping[str, Scalar]) -> Looked | None:
        """None for a document whose ops do not fit one another, or that is not allowed.

        Raises:
            InputError: the parameters are not those of a document of the space.
        """
        name = tuple(sorted(parameters.items()))
        if name not in self._looked:
            if len(self._looked) > REMEMBERED:
                self._looked.clear()
            self._looked[name] = self._seen(parameters)
        return self._looked[name]

    def remembered(self, name: tuple[str | int, ...], make: Callable[[Random], Sequence[Looked]]) -> Sequence[Looked]:
        """What `make` makes, which is the same for the same name: its chance follows from that. Made once."""
        if name not in self._sets:
            if len(self._sets) > REMEMBERED_SETS:
                self._sets.pop(next(iter(self._sets)), None)
            self._sets[name] = make(Random(str(name)))
        return self._sets[name]

    def random(self, random: Random) -> Looked | None:
        """A document at random, each hole filled evenly."""
        return self._made(lambda: random_parameters(self.space, random, context))

    def mutated(self, parameters: Mapping[str, Scalar], random: Random) -> Looked | None:
        """The document with one of its holes changed."""
        return self._made(lambda: mutate(self.space, parameters, random, context))

    @cached_property
    def all(self) -> Sequence[Looked]:
        """All documents of a small space, those apart that do not fit; none of a larger one."""
        looked = map(self.look, listed(self.space, context) or ())
        return [each for each in looked if each is not None]

    def _made(self, make: Callable[[], Parameters]) -> Looked | None:
        try:
            parameters = make()
        except ShapeError:  # of a condition on grid or width
            return None
        return self.look(parameters)

    def _seen(self, parameters: Mapping[str, Scalar]) -> Looked | None:
        try:
            document: dict[str, Any] = self.space.sample(Recorded(parameters), context)
            architecture = Architecture.from_document(document["architecture"])
        except ShapeError:
            return None
        price = cost(architecture)
        if self.allowed is not None and not self.allowed(architecture, price):
            return None
        found = structure(architecture.plan)
        choices: dict[str, float] = {}
        for name, value in parameters.items():
            choices.update(_columns(name, self.space.holes[name], value))
        ways = {" > ".join(way): many**0.5 for way, many in found.ways.items()}
        numbers = (price.parameters, price.macs, sum(found.ways.values()))
        figures = {f"log {place}": log(1 + number) for place, number in enumerate(numbers)}
        lengths = {f"length {place}": length for place, length in enumerate((price.depth, *found.lengths))}
        groups = (choices, ways, found.layers, {**figures, **lengths})
        return Looked(dict(parameters), found.key, tuple(map(Features.of, groups)))


def for_space(
    make: Callable[..., BaseSampler], space: Space, allowed: Allowed | None = None
) -> Callable[..., BaseSampler]:
    """`make`, with one catalogue for all samplers that it makes, if it asks for a `catalogue`; Optuna's own do not.

    `allowed` tells which candidates are within the budget, so that none over it is proposed.
    """
    if "catalogue" in signature(make).parameters:
        return partial(make, catalogue=Catalogue(space, allowed))
    return make


HALF = 0.5**0.5
"""Two columns of this size differ by 1 in the square of their distance."""


def _columns(name: str, hole: Hole, value: Scalar) -> Mapping[str, float]:
    """A number as its place in its range, anything else as a column of its own; and that the hole is there at all."""
    match hole:
        case Integer(low=low, high=high, log=is_log) | Real(low=low, high=high, log=is_log):
            assert isinstance(value, int | float)
            return {name: HALF, f"{name} =": _share(low, high, float(value), is_log)}
        case Choice(options=options) if len(options) > 2 and all(type(option) in (int, float) for option in options):
            ordered = sorted(options, key=float)  # type: ignore[arg-type]
            return {name: HALF, f"{name} =": ordered.index(value) / (len(options) - 1)}
        case _:
            return {f"{name} = {value}": HALF}


def _share(low: float, high: float, value: float, is_log: bool) -> float:
    """Where between the ends a value lies, 0 to 1."""
    if low == high:
        return 0.0
    return log(value / low) / log(high / low) if is_log else (value - low) / (high - low)
