"""Where a search starts from: published networks and cells, or the user's own, as parameters of the space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.architecture import Architecture
from nas.architecture.cell_matching import cell_parameters, places, planned
from nas.architecture.context import context
from nas.architecture.matching import match_digest
from nas.architecture.ops import Cell
from nas.architecture.published import published_names, published_path
from nas.errors import InputError
from nas.space.holes import Scalar
from nas.space.match import NoMatch, match
from nas.space.reading import read_document
from nas.space.space import Space


@dataclass(frozen=True)
class StartingPoint:
    """Parameters for a first trial; holes that they leave out are the sampler's. `about` says what they repeat."""

    source: str
    parameters: Mapping[str, Scalar]
    about: str


def starting_points(space: Space, sources: Sequence[str]) -> list[StartingPoint]:
    """A point for each source, in their order.

    A source is a document (a candidate as `best.yaml`, or an architecture), a published network, a file that holds an
    op as a cell does (`op: branches ...`), or a published cell such as `inception_v3.a`. A network is repeated as it
    is, at the space's input and classes, with those values of its training that the space has, too. Of a cell the
    structure is repeated, by the first cell of the space that can have it, with the widths nearest to its own.

    Raises:
        InputError: there is no such source, or it is not in the space; says why.
    """
    return [_starting_point(space, source) for source in sources]


def _starting_point(space: Space, source: str) -> StartingPoint:
    try:
        if "." in source and not source.endswith((".yaml", ".yml")):
            return _cell(space, source, {"op": "cell", "cell": source})
        document = read_document(published_path(source))
        if "op" in document:
            return _cell(space, source, document)
        if "architecture" not in document:
            raise InputError("neither an architecture nor an op is in it; it has " + ", ".join(document))
        return _network(space, source, document)
    except InputError as error:
        raise InputError(f"search.start_from: {source}: {error}") from None


def _network(space: Space, source: str, document: Mapping[str, Any]) -> StartingPoint:
    own = space.document["architecture"]
    here = {**document["architecture"], "input": own["input"], "classes": own["classes"]}
    try:
        parameters = match(space, {"architecture": here}, context)
        about = "the same network, as it is written"
    except NoMatch:
        parameters = match_digest(space, Architecture.from_document(here))
        about = "the same network"
    training = _training(space, document.get("training") or {})
    return StartingPoint(source, {**parameters, **training}, about)


def _training(space: Space, given: Mapping[str, Any]) -> dict[str, Scalar]:
    """The parameters of those values of a recipe that the space can have."""
    found: dict[str, Scalar] = {}
    for key, node in space.document.get("training", {}).items():
        if key in given:
            try:
                found |= match(Space.from_document({"training": {key: node}}), {"training": {key: given[key]}})
            except InputError:  # the space has not this value; what depends on others is the sampler's, too
                continue
    return found


def _cell(space: Space, source: str, op: Mapping[str, Any]) -> StartingPoint:
    classes = space.document["architecture"]["classes"]
    refused: list[str] = []
    for place in places(space):
        try:
            cell = planned(op, place.input, classes)
        except InputError as error:
            refused.append(str(error))
            continue
        parameters = cell_parameters(space, place, cell, _own_width(source) or place.input[0])
        if parameters is not None:
            return StartingPoint(source, parameters, f"the structure of the cell, in {place.name}")
    if len(refused) == len(places(space)) and refused:
        raise InputError(f"fits nowhere in the space: {refused[0]}")
    raise NoMatch("the cell", "has a structure that no cell of the space can have")


def _own_width(source: str) -> int | None:
    """The width that comes into a published cell in its own network; None for others."""
    network, _, part = source.partition(".")
    if network not in published_names():
        return None
    nodes = Architecture.load(network).plan.walk()
    uses = (node for node in nodes if node.name == part or (isinstance(node.op, Cell) and node.op.cell == part))
    return next((node.input[0] for node in uses), None)
