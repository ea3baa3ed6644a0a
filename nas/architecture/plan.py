"""The plan of an architecture at one input: every op concrete, named, and with its shapes.

Cost, network, digest and pictures are all read off the plan; nothing else works out a shape.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from nas.architecture.ops import KINDS, Aux, Branches, Cell, Chain, Conv, Dropout, Graph, Identity, Op, Residual, Steps
from nas.architecture.shapes import Shape, is_map, written
from nas.errors import InputError
from nas.space.paths import join


class ShapeError(InputError):
    """A well-formed network that cannot take the input it is given: some op does not fit what comes in."""


@dataclass(frozen=True)
class Node:
    """A concrete op in its place: `path` is its submodule's dotted name, `children` its parts, in registration order.

    The children of a chain (also of a cell's copy and of a branch) follow one another; those of `branches` stand side
    by side; a residual has `body`, then `projection` and `shortcut` where it has them; those of a graph are the chains
    of its nodes in order, called as the node and what they read. An aux head stands where it is registered, takes its
    input at `op.of`, and passes on what came in; it has no children if it was left out.
    """

    op: Op
    path: str
    input: Shape
    output: Shape
    children: tuple["Node", ...] = ()

    @property
    def name(self) -> str:
        """The last word of the path."""
        return self.path.rpartition(".")[2]

    @property
    def kind(self) -> str:
        return KINDS[type(self.op)]

    @property
    def parameters(self) -> int:
        """Trainable parameters of this op alone, without its children."""
        return self.op.parameters(self.input)

    @property
    def macs(self) -> int:
        """Multiply-adds of this op alone for one image, without its children."""
        return self.op.macs(self.input)

    def walk(self, aux: bool = False) -> Iterator["Node"]:
        """This node and all below it, in registration order; aux heads only if asked."""
        if aux or not isinstance(self.op, Aux):
            yield self
            for child in self.children:
                yield from child.walk(aux)

    def leaves(self) -> list["Node"]:
        """The ops that hold no others, in registration order, aux heads left out."""
        return [node for node in self.walk() if not node.children]

    def steps(self) -> tuple["Node", ...]:
        """What a reader sees of it, as `in_row` says."""
        return in_row((self,))

    def sides(self) -> tuple[tuple["Node", ...], tuple["Node", ...]]:
        """Of a residual, what is added up: its body with the projection behind it, and its shortcut if it has one."""
        assert isinstance(self.op, Residual)
        end = 1 + self.op.projection
        return self.children[:end], self.children[end:]

    def sums(self) -> Iterator[tuple[str, list[tuple[str, "Node"]]]]:
        """Of a graph, its nodes in order: the name of each, and the chains that it sums up with what they read."""
        assert isinstance(self.op, Graph)
        chains = iter(self.children)
        for name, terms in self.op.nodes:
            yield name, [(source, next(chains)) for source, _ in terms]

    def heads(self) -> dict[str, list["Node"]]:
        """Of a network, its aux heads by the name of the op that they read."""
        heads: dict[str, list[Node]] = {}
        before = ""
        for child in self.children:
            match child.op:
                case Aux(of=of):
                    heads.setdefault(of or before, []).append(child)
                case _:
                    before = child.name
        return heads


def in_row(nodes: Iterable[Node], copies: bool = False) -> tuple[Node, ...]:
    """The ops one after the other that a reader sees: chains opened, what does nothing left out.

    A cell of several copies stays closed unless `copies`.
    """
    row: list[Node] = []
    for node in nodes:
        match node.op:
            case Identity() | Dropout(rate=0.0):
                pass
            case Chain():
                row += in_row(node.children, copies)
            case Cell() | Branches() as op if len(node.children) < 2 or (copies and isinstance(op, Cell)):
                row += in_row(node.children, copies)
            case _:
                row.append(node)
    return tuple(row)


def plan(network: Steps, shape: Shape, classes: int, aux: bool = True) -> Node:
    """The plan of a network for inputs of `shape` (channels, height, width); without `aux`, no head can fail to fit.

    Raises:
        InputError: an op cannot take what comes in, with its path and the shapes; or the network does not end in
            one number per class.
    """
    node = plan_chain(Chain(chain=network), "", shape, classes, aux)
    _need_logits(node, "network", classes)
    for child in node.children:
        if aux and isinstance(child.op, Aux):
            _need_logits(child.children[0], child.path, classes)
    return node


def _need_logits(node: Node, place: str, classes: int) -> None:
    if node.output != (classes,):
        raise ShapeError(f"{place}: ends in {written(node.output)} instead of one number for each of {classes} classes")


def _names(steps: Steps) -> list[str]:
    """Each op's own name, or what it is, numbered from the second of a kind on."""
    taken = {op.name for op in steps if op.name}
    names: list[str] = []
    for op in steps:
        name, number = op.name or KINDS[type(op)], 1
        while not op.name and name in taken:
            number += 1
            name = f"{KINDS[type(op)]}_{number}"
        taken.add(name)
        names.append(name)
    return names


def plan_chain(op: Chain, path: str, shape: Shape, classes: int, aux: bool = True) -> Node:
    """The plan of a chain at `path`, into which `shape` comes. Raises `ShapeError` as `plan` does."""
    children: list[Node] = []
    outputs: dict[str | None, Shape] = {}
    current = shape
    for step, name in zip(op.chain, _names(op.chain), strict=True):
        incoming = outputs[step.of] if isinstance(step, Aux) and step.of else current
        left_out = isinstance(step, Aux) and not aux
        here = join(path, name)
        child = Node(step, here, incoming, incoming) if left_out else _node(step, here, incoming, classes)
        children.append(child)
        if not isinstance(step, Aux):
            current = child.output
        outputs[step.name] = child.output
    return Node(op, path, shape, current, tuple(children))


def _node(op: Op, path: str, shape: Shape, classes: int) -> Node:
    match op:
        case Chain():
            return plan_chain(op, path, shape, classes)
        case Cell(copies=copies):
            parts: list[Node] = []
            current = shape
            for index, copy in enumerate(copies):
                parts.append(plan_chain(Chain(chain=copy), join(path, str(index)), current, classes))
                current = parts[-1].output
            return Node(op, path, shape, current, tuple(parts))
        case Branches():
            return _branches(op, path, shape, classes)
        case Residual():
            return _residual(op, path, shape, classes)
        case Graph():
            return _graph(op, path, shape, classes)
        case Aux(chain=chain):
            head = plan_chain(Chain(chain=chain), path, shape, classes)
            return Node(op, path, shape, shape, (head,))
        case _:
            return _leaf(op, path, shape, classes)


@lru_cache(maxsize=8192)
def _concrete(op: Op, shape: Shape, classes: int) -> tuple[Op, Shape | None]:
    concrete = op.concrete(shape, classes)
    return concrete, None if type(concrete) in (Chain, Branches) else concrete.output(shape)


def _leaf(op: Op, path: str, shape: Shape, classes: int) -> Node:
    try:
        concrete, output = _concrete(op, shape, classes)
    except InputError as error:
        raise ShapeError(f"{path}: {error}") from None
    return _node(concrete, path, shape, classes) if output is None else Node(concrete, path, shape, output)


def _branches(op: Branches, path: str, shape: Shape, classes: int) -> Node:
    parts = tuple(plan_chain(Chain(chain=chain), join(path, name), shape, classes) for name, chain in op.branches)
    if len({part.output[1:] for part in parts}) > 1:
        listed = ", ".join(f"{part.name} {written(part.output)}" for part in parts)
        raise ShapeError(f"{path}: branches disagree in grid: {listed}")
    return Node(op, path, shape, (sum(part.output[0] for part in parts), *parts[0].output[1:]), parts)


def _graph(op: Graph, path: str, shape: Shape, classes: int) -> Node:
    values = {"in": shape}
    children: list[Node] = []
    for name, chains in op.nodes:
        here = join(path, name)
        terms = [plan_chain(Chain(chain=chain), join(here, of), values[of], classes) for of, chain in chains]
        if len({term.output for term in terms}) > 1:
            listed = ", ".join(f"{term.name} {written(term.output)}" for term in terms)
            raise ShapeError(f"{here}: a sum of shapes that differ: {listed}")
        values[name] = terms[0].output if terms else shape
        children += terms
    return Node(op, path, shape, values[op.nodes[-1][0]], tuple(children))


def projection(width: int) -> Conv:
    """The linear 1×1 that ends the body of a residual that has one."""
    return Conv(width=width, kernel=(1, 1), bias=True, norm=None, activation="none")


def _residual(op: Residual, path: str, shape: Shape, classes: int) -> Node:
    body = plan_chain(Chain(chain=op.body), join(path, "body"), shape, classes)
    shortcut = plan_chain(Chain(chain=op.shortcut), join(path, "shortcut"), shape, classes)
    parts = [body]
    if op.projection:
        if not is_map(body.output):
            raise ShapeError(f"{path}: the projection of a residual needs a map, not {written(body.output)}")
        parts.append(_node(projection(shortcut.output[0]), join(path, "projection"), body.output, classes))
    if parts[-1].output != shortcut.output:
        what = "width" if parts[-1].output[1:] == shortcut.output[1:] else "grid"
        raise ShapeError(
            f"{path}: a residual whose body gives {written(parts[-1].output)} and whose shortcut gives "
            f"{written(shortcut.output)}: they disagree in {what}"
        )
    if op.shortcut:
        parts.append(shortcut)
    return Node(op, path, shape, shortcut.output, tuple(parts))
