"""Which parameters of a space make a given network, whatever its names and order and however it is written."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from nas.architecture.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.derivation import Derivation, GaveUp
from nas.architecture.normal_form import normal_form
from nas.architecture.pieces import heads, pieces
from nas.architecture.variants import varied
from nas.errors import InputError
from nas.space.conditions import is_open
from nas.space.count import count
from nas.space.holes import Scalar
from nas.space.influence import settled
from nas.space.match import NoMatch
from nas.space.space import Space
from nas.space.suggest import Recorded, first
from nas.space.ways import Ways

BUDGET = 100_000
"""How many ops are tried before giving up: some seconds."""


def match_digest(space: Space, architecture: Architecture, budget: int = BUDGET) -> dict[str, Scalar]:
    """Parameters of the architecture's holes with which the space gives a network of the same digest.

    `space` has the input and classes that the architecture has. Not covered: a space whose variant is a hole, holes
    inside a `graph` together with cells, and ranges of real numbers that do not stand in the network as they are.

    Raises:
        NoMatch: all ways have been tried; says where the one ended that led furthest.
        InputError: more than `budget` ops were tried without an answer.
    """
    if is_open(space.document["architecture"].get("variant")):
        raise InputError("architecture.variant: a space whose variant is a hole is matched as it is written alone")
    derivation = _derivation(space, architecture, budget)
    likely = settled(space, context)
    try:
        for assumed in [likely, {}] if likely else [{}]:
            for _, parameters in _solutions(derivation, space, architecture, assumed):
                return parameters
    except GaveUp:
        raise InputError(
            f"whether the network is in the space cannot be told in {budget:,} steps; the nearest came to this: "
            f"{derivation.end}"
        ) from None
    raise NoMatch(f"the network is not in the space: {derivation.end}")


def multiplicity(space: Space, architecture: Architecture, budget: int = BUDGET) -> int:
    """How many documents of the space have the architecture's digest; of what there is besides architectures, one each.

    Exact within the limits of `match_digest`, if conditions on a grid or width that random documents always answered
    alike are answered so in all. Raises `GaveUp` if there are too many ways to try, or ways that are not covered.
    """
    if is_open(space.document["architecture"].get("variant")):
        raise GaveUp
    derivation = _derivation(space, architecture, budget)
    solutions = _solutions(derivation, space, architecture, settled(space, context))
    return sum(count(space, context, fixed).documents for fixed, _ in solutions)


def _derivation(space: Space, architecture: Architecture, budget: int) -> Derivation:
    there = frozenset(_numbers(normal_form(architecture.plan)))
    return Derivation(Ways(varied(space.document["architecture"]), there), architecture.classes, budget)


def _solutions(
    derivation: Derivation, space: Space, architecture: Architecture, assumed: Mapping[str, bool]
) -> Iterator[tuple[Mapping[str, Scalar], dict[str, Scalar]]]:
    """The holes that make the network what it is, and all that are asked for with them; no two alike."""
    root = architecture.plan
    seen: set[frozenset[tuple[str, Scalar]]] = set()
    for way in derivation.network(pieces(root), heads(root), architecture.input, assumed):
        key = frozenset(way.values.items())
        if key in seen:
            continue
        seen.add(key)
        recorded = Recorded(way.values, first)
        with suppress(InputError):  # assumed of a condition what does not hold
            document: Mapping[str, Any] = space.sample(recorded, context)
            same = Architecture.from_document(document["architecture"]).digest == architecture.digest
            if same and set(way.values) <= set(recorded.parameters):
                yield way.values, {n: v for n, v in recorded.parameters.items() if not n.startswith("training.")}


def _numbers(forms: Any) -> Iterator[float]:
    """All numbers in a form."""
    match forms:
        case bool():
            return
        case int() | float():
            yield forms
        case dict():
            yield from _numbers(list(forms.values()))
        case list():
            for value in forms:
                yield from _numbers(value)
