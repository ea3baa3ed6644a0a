"""Which published networks and cells a space contains."""

from collections.abc import Iterator

from nas.architecture import Architecture
from nas.architecture.cell_matching import cell_parameters, places, planned
from nas.architecture.matching import match_digest
from nas.architecture.pieces import STRUCTURE, pieces
from nas.architecture.published import published_names, published_path
from nas.architecture.sketch import has_branches
from nas.errors import InputError
from nas.space.reading import read_document
from nas.space.space import Space

STEPS = 5_000
"""A published network is given up as not contained after so many; most are told apart by their stem."""


def published_networks_in(space: Space) -> list[str]:
    """The published networks that the space makes as they are, at its own input and number of classes."""
    return [name for name in published_names() if _contains(space, name)]


def _contains(space: Space, name: str) -> bool:
    own = {key: space.document["architecture"][key] for key in ("input", "classes")}
    try:
        network = Architecture.from_document({**Architecture.load(name).to_document(), **own})
        match_digest(space, network, STEPS)
    except InputError:  # it does not fit the input, or is not in the space
        return False
    return True


def published_cells_in(space: Space) -> dict[str, list[str]]:
    """By the op that uses a cell, the published cells whose structure it can have (see `cell_matching`)."""
    classes = space.document["architecture"]["classes"]
    found: dict[str, list[str]] = {}
    for place in places(space):
        known: dict[str, bool] = {}
        names = found.setdefault(place.name, [])
        for name in published_cells():
            try:
                cell = planned({"op": "cell", "cell": name}, place.input, classes)
            except InputError:  # it does not fit what comes in
                continue
            structure = pieces(cell, STRUCTURE)
            several = len(structure) > 1 or has_branches(cell)  # a single convolution is no cell
            if str(structure) not in known:
                known[str(structure)] = several and cell_parameters(space, place, cell) is not None
            if known[str(structure)]:
                names.append(name)
    return found


def published_cells() -> list[str]:
    """All cells of published networks, and the single ops that are called by a name, as `inception_v3.a`."""
    return list(dict.fromkeys(f"{name}.{part}" for name in published_names() for part in _parts(name)))


def _parts(name: str) -> Iterator[str]:
    document = read_document(published_path(name))["architecture"]
    yield from document.get("cells") or {}
    for op in document["network"]:
        if op.get("name") and op["op"] == "cell" and op.get("depth", 1) == 1 and "each" not in op:
            yield op["name"]
