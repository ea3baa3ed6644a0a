"""Which parameters give a cell of a space the structure of another cell, such as a published one.

The structure of a cell is all but the fields `STRUCTURE`: its kernels, strides, pools, activations and wiring, whatever
its widths. Of all widths that a space has for them, those are taken that are nearest to the other cell's, as shares of
the width that comes in.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from nas.architecture.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.derivation import Derivation, GaveUp, Step
from nas.architecture.ops import Conv, Linear
from nas.architecture.parts import alone
from nas.architecture.pieces import STRUCTURE, Pieces, pieces
from nas.architecture.plan import Node
from nas.architecture.shapes import Shape
from nas.architecture.variants import varied
from nas.errors import InputError
from nas.space.conditions import is_open
from nas.space.holes import Parameters, Scalar
from nas.space.influence import settled
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded
from nas.space.ways import Way, Ways

BUDGET = 20_000
TRIES = 20
FEW = 64
"""So many values of a hole are all tried."""


@dataclass(frozen=True)
class Place:
    """An op of the network's own chain that uses a cell, as it stands in some document of the space."""

    name: str
    op: Mapping[str, Any]
    input: Shape
    around: Mapping[str, Scalar]
    """Parameters of that document outside of the op and all cells, on which its values may depend."""


def places(space: Space) -> list[Place]:
    """The ops of the network that use a cell, and of ops that use the same cell the first.

    Raises:
        InputError: nothing that the space gives fits its input.
    """
    network = space.document["architecture"]["network"]
    chain = network if isinstance(network, list) else [network]
    ops = [op for op in chain if op.get("op") == "cell" and op.get("name")]
    ops = list({str(op.get("cell")): op for op in reversed(ops)}.values())[::-1]
    found: dict[str, Place] = {}
    for seed in range(TRIES):
        suggest = RandomSuggest(Random(seed))
        with suppress(InputError):
            architecture = Architecture.from_document(space.sample(suggest, context)["architecture"])
            nodes = {node.name: node for node in architecture.plan.children}
            for op in ops:
                name, node = op["name"], nodes[op["name"]]
                inside = ("cells.", "training.", f"network.{name}.")
                around = {path: value for path, value in suggest.parameters.items() if not path.startswith(inside)}
                if node.children:
                    found.setdefault(name, Place(name, op, node.children[0].input, around))
    if not found and ops:
        raise InputError(f"none of {TRIES} random candidates fits the input")
    return [found[op["name"]] for op in ops if op["name"] in found]


def planned(chain: Any, shape: Shape, classes: int) -> Node:
    """A chain of ops at an input; it may name cells of published networks. Raises `InputError` if it does not fit."""
    document = alone({"op": "chain", "name": "cell", "chain": chain}, shape, classes)
    return Architecture.from_document(document).plan.children[0]


def cell_parameters(space: Space, place: Place, cell: Node, width: int | None = None) -> Parameters | None:
    """Parameters of the cell that `place` uses which give it the structure of `cell`, planned at the place's input.

    None if there are none. With a `width`, for which `cell` was made, its widths are brought near to those of `cell` as
    shares of what comes in, one after the other; else they are any.
    """
    target = pieces(cell, STRUCTURE)
    solution = _solution(space, place, target)
    if solution is None or width is None:
        return solution and solution[0]
    parameters, made = solution
    wanted = _shares(cell, width)
    distance, before = _distance(made, wanted), math.inf
    while distance < before:
        before = distance
        few = [(name, values) for name in parameters if len(values := space.holes[name].values) <= FEW]
        for name, value in [(name, value) for name, values in few for value in values]:
            changed = {**parameters, name: value}
            other = _made(space, place, {**place.around, **changed})
            if other and pieces(other, STRUCTURE) == target and _distance(other, wanted) < distance - 1e-9:
                parameters, distance = changed, _distance(other, wanted)
    return parameters


def _solution(space: Space, place: Place, target: Pieces) -> tuple[Parameters, Node] | None:
    """Parameters with the structure `target`, and the cell that they give."""
    if is_open(space.document["architecture"].get("variant")):
        return None
    document = varied(space.document["architecture"])
    each = {key: per_copy[0] for key, per_copy in place.op.get("each", {}).items()}
    once = {key: value for key, value in place.op.items() if key not in ("depth", "each")}
    once["values"] = {**once.get("values", {}), **each}
    start = Way(place.around, settled(space, context))

    def ways(coarse: bool) -> Iterator[Way]:
        derivation = Derivation(Ways(document), document["classes"], BUDGET, coarse, STRUCTURE)
        with suppress(GaveUp):
            for scope, way in derivation.scopes(start):
                for end in derivation.op(once, f"network.{place.name}", scope, Step(target, place.input, way)):
                    if not end.target:
                        yield end.way

    if next(ways(coarse=True), None) is not None:  # which tells soon what is out of the question
        for way in ways(coarse=False):
            made = _made(space, place, way.values)
            if made and pieces(made, STRUCTURE) == target:
                return {name: value for name, value in way.values.items() if name not in place.around}, made
    return None


def _made(space: Space, place: Place, values: Mapping[str, Scalar]) -> Node | None:
    """The first copy of the cell in a document with these parameters; None if there is no such document."""
    for seed in range(TRIES):
        recorded = Recorded(values, RandomSuggest(Random(seed)))
        with suppress(InputError):
            architecture = Architecture.from_document(space.sample(recorded, context)["architecture"])
            node = next(node for node in architecture.plan.children if node.name == place.name)
            if node.children and set(values) <= set(recorded.parameters):
                return node.children[0]
    return None


def _distance(cell: Node, wanted: Sequence[tuple[str, float]]) -> float:
    """How far the widths of a cell are from those that are wanted, as factors."""
    pairs = zip(_shares(cell, cell.input[0]), wanted, strict=False)
    return sum(abs(math.log(share / its)) for (_, share), (_, its) in pairs)


def _shares(cell: Node, width: int) -> list[tuple[str, float]]:
    """The widths of a cell's layers as shares of `width`, in an order that equal structures share."""
    found: list[tuple[str, float]] = []
    for node in cell.walk():
        match node.op:
            case Conv(kernel=kernel, stride=stride, activation=activation) as op:
                found.append((f"{kernel} {stride} {activation}", op.channels / width))
            case Linear() as op:
                found.append(("linear", op.channels / width))
    return sorted(found)
