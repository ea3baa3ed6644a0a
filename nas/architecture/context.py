"""What comes in where a cell is used: the answer to a space's conditions on grid and width."""

from collections.abc import Mapping, Sequence
from typing import Any

from nas.architecture.architecture import Architecture
from nas.architecture.ops import Cell
from nas.architecture.plan import ShapeError
from nas.architecture.shapes import Shape, is_map


def context(cell: str, architecture: Mapping[str, Any]) -> Sequence[Mapping[str, int]]:
    """Grid (its smaller side; 1 of a vector) and width of what comes in at each use of the cell at the path `cell`.

    "" is the network itself, into which the images come. `architecture` is a document without holes.

    Raises:
        ShapeError: the document does not fit together, so that there is nothing to tell.
    """
    try:
        built = Architecture.from_document(architecture)
    except ShapeError as error:
        raise ShapeError(f"{error} (with {cell or 'all'} and what is chosen after it at their first options)") from None
    if not cell:
        return [_incoming(built.input)]
    name = cell.rpartition(".")[2]
    uses = [node for node in built.plan.walk(aux=True) if isinstance(node.op, Cell) and node.op.cell == name]
    shapes = {copy.input: None for use in uses for copy in use.children}
    return [_incoming(shape) for shape in shapes]


def _incoming(shape: Shape) -> dict[str, int]:
    return {"grid": min(shape[1:]) if is_map(shape) else 1, "width": shape[0]}
