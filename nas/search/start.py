"""Where a search starts from: published networks and cells, or the user's own, as parameters of the space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.architecture import Architecture
from nas.architecture.cell_matching import cell_parameters, places, planned
from nas.architecture.context import context
from nas.architecture.matching import match_digest
from nas.architecture.placing import own_input
from nas.architecture.published import is_path, published_names, published_path
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
        document = read_source(source)
        return cell_point(space, source, document) if "op" in document else _network(space, source, document)
    except InputError as error:
        raise InputError(f"search.start_from: {source}: {error}") from None


def read_source(source: str) -> Mapping[str, Any]:
    """The document of a network, or an op: of a published cell the one that uses it.

    Raises:
        InputError: there is no such network or file, or it holds neither.
    """
    if "." in source and not is_path(source):
        return {"op": "cell", "cell": source}
    document: Mapping[str, Any] = read_document(published_path(source))
    if not document.keys() & {"op", "architecture"}:
        raise InputError(f"neither an architecture nor an op is in it; it has {', '.join(document)}")
    return document


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


def cell_point(space: Space, source: str, op: Mapping[str, Any]) -> StartingPoint:
    """The structure of an op of this source, as that of a cell of the space.

    Raises:
        InputError: no cell of the space can have it; says why.
    """
    network, _, part = source.partition(".")
    classes = space.document["architecture"]["classes"]
    there, refused = places(space), []
    for place in there:
        try:
            cell = planned(op, place.input, classes)
        except InputError as error:
            refused.append(str(error))
            continue
        width = own_input(network, part)[0] if network in published_names() else place.input[0]
        parameters = cell_parameters(space, place, cell, width)
        if parameters is not None:
            return StartingPoint(source, parameters, f"the structure of the cell, in {place.name}")
    if refused and len(refused) == len(there):
        raise InputError(f"fits nowhere in the space: {refused[0]}")
    raise NoMatch("the cell has a structure that no cell of the space can have")
