"""Copies of cells that are drawn as one: those of one name and one structure, whatever their widths."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

from nas.architecture.ops import Aux, Branches, Cell, Chain, Conv, Dropout, Linear, Pool, Residual
from nas.architecture.plan import Node
from nas.architecture.shapes import Shape, written
from nas.architecture.sketch import has_branches, steps
from nas.drawing.words import values

LETTERS = "qrstuvwklmnphgjyz"


@dataclass(frozen=True)
class Row:
    """Consecutive copies that are equal in everything, shapes included."""

    place: str
    count: int
    input: Shape
    output: Shape
    values: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Copies of one cell. `variant` counts the families of a cell, from 1."""

    cell: str
    variant: int
    members: tuple[Node, ...]

    @property
    def title(self) -> str:
        return self.cell if self.variant == 1 else f"{self.cell} ({self.variant})"

    @cached_property
    def letters(self) -> dict[tuple[str, ...], str]:
        """A letter for each sequence of values, one a member, that are not all the same; in the order of the ops."""
        columns = dict.fromkeys(
            column for column in zip(*map(all_values, self.members), strict=True) if len(set(column)) > 1
        )
        return {column: _letter(index) for index, column in enumerate(columns)}

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """What each member has in place of the letters."""

        def same(index: int) -> tuple[object, ...]:
            member = self.members[index]
            values_ = tuple(column[index] for column in self.letters)
            return _cell_path(member), member.input, member.output, values_

        rows = []
        for (_, shape_in, shape_out, values_), run in groupby(range(len(self.members)), same):
            run_members = [self.members[index] for index in run]
            rows.append(Row(places(run_members), len(run_members), shape_in, shape_out, values_))  # type: ignore
        return tuple(rows)


def families(cells: Iterable[Node]) -> tuple[Family, ...]:
    """The copies of these cells by name and structure, in order of first appearance."""
    found: dict[tuple[str, Any], list[Node]] = {}
    for node in cells:
        assert isinstance(node.op, Cell)
        for copy in node.children:
            found.setdefault((node.op.cell, structure(copy)), []).append(copy)
    variants: dict[str, int] = {}
    result = []
    for (cell, _), members in found.items():
        variants[cell] = variants.get(cell, 0) + 1
        result.append(Family(cell, variants[cell], tuple(members)))
    return tuple(result)


def branching_cells(node: Node) -> Iterator[Node]:
    """The outermost cells that have anything side by side, where the flow of a network passes through them."""
    match node.op:
        case Cell() if node.children and has_branches(node):
            yield node
        case Chain():
            for child in node.children:
                yield from branching_cells(child)


def structure(node: Node) -> tuple[Any, ...]:
    """What copies that are drawn as one have in common: all but names, widths, residual scales and dropout rates."""
    return tuple(_form(step) for step in steps(node))


def all_values(node: Node) -> tuple[str, ...]:
    """The values that may differ among nodes of one structure."""
    return tuple(
        value
        for step in steps(node)
        for value in (*values(step), *(inner for child in step.children for inner in all_values(child)))
    )


def runs(copies: Iterable[Node]) -> list[tuple[Node, ...]]:
    """Copies that follow one another and are equal but for what comes in."""
    return [tuple(run) for _, run in groupby(copies, lambda copy: (structure(copy), all_values(copy)))]


def places(members: Iterable[Node]) -> str:
    """Where consecutive copies of one cell op stand: `stage_b.1–2`; a single copy has its op's name."""
    first, *others = members
    path = _cell_path(first)
    if not others:
        return first.path if first.name != "0" or first.op != first.op else first.path
    return f"{path}.{first.name}–{others[-1].name}"


def _form(node: Node) -> tuple[Any, ...]:
    inner = tuple(structure(child) for child in node.children)
    match node.op:
        case Conv() as op:
            groups = "depthwise" if op.groups == node.input[0] > 1 else op.groups
            return ("conv", op.kernel, op.stride, op.sides, groups, op.bias, op.norm, op.activation)
        case Linear() as op:
            return ("linear", op.bias, op.norm, op.activation)
        case Residual() as op:
            return ("residual", op.projection, op.activation, inner)
        case Pool() as op:
            return ("pool", replace(op, name=None, ceil=False))
        case Dropout():
            return ("dropout",)
        case Chain() | Cell() | Branches() | Aux():
            return (node.kind, inner)
        case op:
            return (node.kind, replace(op, name=None))


def _cell_path(copy: Node) -> str:
    return copy.path.rpartition(".")[0]


def _letter(index: int) -> str:
    return LETTERS[index] if index < len(LETTERS) else f"{LETTERS[index % len(LETTERS)]}{index // len(LETTERS) + 1}"
