"""Copies of cells that are drawn as one: those of one name and one structure, whatever their widths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any

from nas.architecture.ops import Aux, Branches, Cell, Chain, Conv, Dropout, Graph, Linear, Pool, Residual
from nas.architecture.plan import Node
from nas.architecture.sketch import has_branches
from nas.drawing.text import clean
from nas.drawing.words import Same, values
from nas.errors import unknown

LETTERS = "qrstuvwklmnphgjyz"


@dataclass(frozen=True)
class Member:
    """A copy of a cell, and the cell op that it belongs to."""

    copy: Node
    owner: Node


@dataclass(frozen=True)
class Row:
    """Members that follow one another in one cell op and are equal, shapes included, and their values for letters."""

    members: tuple[Member, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Copies of one cell. `variant` counts the families of a cell, from 1."""

    cell: str
    variant: int
    members: tuple[Member, ...]

    @property
    def title(self) -> str:
        """The cell's name, fit to be shown, with a number for the second family of that cell and those after it."""
        return clean(self.cell) + (f" ({self.variant})" if self.variant > 1 else "")

    @property
    def copies(self) -> Same:
        return tuple(member.copy for member in self.members)

    @property
    def places(self) -> list[str]:
        """Where the members stand, by cell op."""
        return [place(tuple(run)) for _, run in groupby(self.members, lambda member: member.owner.path)]

    @cached_property
    def letters(self) -> dict[tuple[str, ...], str]:
        """A letter for each sequence of values, one a member, that are not all the same; in the order of the ops."""
        columns = dict.fromkeys(zip(*map(_all_values, self.copies), strict=True))
        return {column: _letter(index) for index, column in enumerate(c for c in columns if len(set(c)) > 1)}

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        values = zip(*self.letters, strict=True) if self.letters else [()] * len(self.members)

        def key(pair: tuple[Member, tuple[str, ...]]) -> tuple[Any, ...]:
            member, own = pair
            return own, member.owner.path, member.copy.input, member.copy.output

        runs = groupby(zip(self.members, values, strict=True), key)
        return tuple(Row(tuple(member for member, _ in run), own) for (own, *_), run in runs)


def families(root: Node, cell: str | None = None) -> tuple[Family, ...]:
    """The cells of a plan that have a panel, or those of one: by its name, or by the path of a place where it stands.

    The op at any other path is a family of its own.

    Raises:
        InputError: there is no such cell or op.
    """
    if cell is None:
        return _families(found for node in root.children for found in _branching_cells(node))
    nodes = [node for node in root.walk(aux=True) if node.path and (node.children or not isinstance(node.op, Cell))]
    cells = [(node.op.cell, node) for node in nodes if isinstance(node.op, Cell)]
    match [node for name, node in cells if name == cell] or [node for node in nodes if node.path == cell][:1]:
        case []:
            names = [*(name for name, _ in cells), *(node.name for node in root.children)]
            raise unknown("cell", "cell or op", cell, dict.fromkeys(names))
        case [node] if not isinstance(node.op, Cell):
            shown = node.children[0] if isinstance(node.op, Aux) else node
            return (Family(node.path, 1, (Member(shown, shown),)),)
        case found:
            return _families(found)


def _families(cells: Iterable[Node]) -> tuple[Family, ...]:
    """The copies of these cells by name and structure, in order of first appearance."""
    found: dict[tuple[str, Any], list[Member]] = {}
    for owner in cells:
        assert isinstance(owner.op, Cell)
        for copy in owner.children:
            found.setdefault((owner.op.cell, _structure(copy)), []).append(Member(copy, owner))
    variants = Counter[str]()
    result = []
    for (cell, _), members in found.items():
        variants[cell] += 1
        result.append(Family(cell, variants[cell], tuple(members)))
    return tuple(result)


def _branching_cells(node: Node) -> Iterator[Node]:
    """The outermost cells that have anything side by side, where the flow of a network passes through them."""
    match node.op:
        case Cell() if node.children and has_branches(node):
            yield node
        case Chain():
            for child in node.children:
                yield from _branching_cells(child)


def place(run: Sequence[Member]) -> str:
    """Where members that follow one another in one cell op stand: `stage_b`, `stage_b.0` or `stage_b.1–2`."""
    owner, first, last = run[0].owner, run[0].copy, run[-1].copy
    if len(run) == len(owner.children):
        return owner.path
    return first.path if len(run) == 1 else f"{first.path}–{last.name}"


def runs(copies: Iterable[Same]) -> list[tuple[Same, ...]]:
    """Copies that follow one another and are equal but for what comes in."""
    return [tuple(run) for _, run in groupby(copies, lambda same: [(_structure(n), _all_values(n)) for n in same])]


def _all_values(node: Node) -> tuple[str, ...]:
    """The values that may differ among nodes of one structure."""
    return tuple(
        value
        for step in node.steps()
        for value in (*values(step), *(inner for child in step.children for inner in _all_values(child)))
    )


def _structure(node: Node) -> tuple[Any, ...]:
    """What copies that are drawn as one have in common: all but names, widths, residual scales and dropout rates."""
    return tuple(_form(step) for step in node.steps())


def _form(node: Node) -> tuple[Any, ...]:
    inner = tuple(_structure(child) for child in node.children)
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
        case Graph():  # drawn as lines of text, which name the widths
            sums = ((name, tuple((of, _structure(chain)) for of, chain in chains)) for name, chains in node.sums())
            return ("graph", tuple(sums), _all_values(node))
        case Chain() | Cell() | Branches() | Aux():
            return (node.kind, inner)
        case op:
            return (node.kind, replace(op, name=None))


def _letter(index: int) -> str:
    return LETTERS[index] if index < len(LETTERS) else f"{LETTERS[index % len(LETTERS)]}{index // len(LETTERS) + 1}"
