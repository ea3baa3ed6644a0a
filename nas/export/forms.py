"""Which nodes of a plan are copies of one class: those of one form, that is alike in everything but widths."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from nas.architecture import ops
from nas.architecture.own_ops import LAYERS_OF
from nas.architecture.plan import Node
from nas.architecture.shapes import is_map

Copies = tuple[Node, ...]
"""The same part of every copy of a class."""


def form(node: Node) -> Hashable:
    """Equal for nodes that differ in nothing but widths and the names around them."""
    inner = tuple((child.name, form(child)) for child in node.children if does_something(child))
    match node.op:
        case ops.Conv() as op:
            return replace(op, name=None, width=0, groups=min(int(op.groups), 2))
        case ops.Linear() as op:
            return replace(op, name=None, width=0)
        case ops.Pool() as op:
            return replace(op, name=None, padding=(0, 0, 0, 0)), op.reached(node.input)
        case ops.Chain() | ops.Cell() | ops.Branches():
            return type(node.op), tuple(child.name for child in node.children), inner
        case ops.Residual(scale=scale, activation=activation):
            return ops.Residual, scale, activation, inner
        case ops.Graph():
            sums = ((name, tuple((of, form(chain)) for of, chain in chains)) for name, chains in node.sums())
            return ops.Graph, tuple(sums)
        case op:
            return replace(op, name=None), node.input if type(op) in LAYERS_OF else is_map(node.input)


def does_something(node: Node) -> bool:
    """Whether anything is left of it in a network that does not train side classifiers."""
    match node.op:
        case ops.Identity() | ops.Aux() | ops.Dropout(rate=0.0):
            return False
        case ops.Chain() | ops.Cell():
            return any(map(does_something, node.children))
        case _:
            return True


def parts(copies: Sequence[Node]) -> Iterator[Copies]:
    """The children of all copies, side by side."""
    return zip(*(node.children for node in copies), strict=True)
