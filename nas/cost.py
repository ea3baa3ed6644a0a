"""What an architecture costs, from its document alone: parameters, multiply-adds, depth, and memory in training."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nas.architecture import Architecture
from nas.architecture.op import BYTES, Kept
from nas.architecture.ops import Aux, Branches, Cell, Chain, Graph, Residual
from nas.architecture.plan import Node, ShapeError, plan
from nas.architecture.shapes import Shape, elements


@dataclass(frozen=True)
class Cost:
    """Totals for one image.

    `macs` are multiply-adds of convolutions and linear layers, one each (half of what counts of "FLOPs" give). `depth`
    counts these layers on the longest path from input to output. All three are those of inference: aux heads have
    `aux_parameters` of their own.

    `activations` are the bytes that training keeps of an image for the backward pass, aux heads included: the inputs
    of weighted layers, norms and most pools, the results of activations, the indices of max pools, each tensor once.
    """

    parameters: int
    macs: int
    depth: int
    activations: int
    aux_parameters: int

    def memory(self, batch: int, copies: int) -> int:
        """Bytes that training holds at its fullest: activations of `batch` images, and all parameters.

        `copies` is how many numbers each parameter needs: itself, its gradient and what the optimizer remembers.
        """
        return batch * self.activations + BYTES * copies * (self.parameters + self.aux_parameters)


def cost(architecture: Architecture, input_shape: Sequence[int] | None = None, classes: int | None = None) -> Cost:
    """The cost at `input_shape` (channels, height, width) and `classes`; None means the architecture's own.

    Aux heads that do not fit the input are left out.

    Raises:
        InputError: the network cannot take that input; says at which op and grid.
    """
    if input_shape is None and classes is None:
        return cost_of(architecture.plan)
    shape = architecture.input if input_shape is None else tuple(input_shape)
    classes = architecture.classes if classes is None else classes
    try:
        return cost_of(plan(architecture.network, shape, classes))
    except ShapeError:
        return cost_of(plan(architecture.network, shape, classes, aux=False))


def cost_of(root: Node) -> Cost:
    """The cost of a plan."""
    training, heads = _Training(), root.heads()
    x = _Numbers(root.input)
    for node in root.children:
        if not isinstance(node.op, Aux):
            x = training.through(node, x)
            training.aux(heads.get(node.name, ()), x)
    return Cost(
        parameters=training.parameters,
        macs=training.macs,
        depth=x.depth,
        activations=training.other + BYTES * sum(elements(numbers.shape) for numbers in training.kept),
        aux_parameters=training.aux_parameters,
    )


@dataclass(eq=False, slots=True)
class _Numbers:
    """What one op hands to the next: how many weighted layers lead to it, and whether a gradient comes back for it."""

    shape: Shape
    depth: int = 0
    gradient: bool = False


@dataclass
class _Training:
    """A forward pass: what its ops come to, and what it keeps, which are numbers and `other` bytes."""

    parameters: int = 0
    macs: int = 0
    aux_parameters: int = 0
    kept: set[_Numbers] = field(default_factory=set)
    other: int = 0

    def through(self, node: Node, x: _Numbers) -> _Numbers:
        """What an op makes of `x`."""
        match node.op:
            case Branches():
                return _joined([self.through(branch, x) for branch in node.children], node.output)
            case Residual() as op:
                body, shortcut = node.sides()
                parts = [self.row(body, x), self.row(shortcut, x)]
                return self._keep(op.kept(node.output), x, _joined(parts, node.output))
            case Graph():
                values = {"in": x}
                for name, chains in node.sums():
                    summed = [self.through(chain, values[of]) for of, chain in chains]
                    shape = chains[0][1].output if chains else node.input
                    x = values[name] = summed[0] if len(summed) == 1 else _joined(summed, shape)
                return x
            case Chain() | Cell():
                return self.row(node.children, x)
            case op:
                parameters, macs, kept = node.parameters, node.macs, op.kept(node.input)
                self.parameters += parameters
                self.macs += macs
                y = _Numbers(node.output, x.depth + (macs > 0), x.gradient or parameters > 0)
                return x if kept is None else self._keep(kept, x, y)

    def row(self, nodes: Sequence[Node], x: _Numbers) -> _Numbers:
        """What ops one after the other make of `x`."""
        for node in nodes:
            x = self.through(node, x)
        return x

    def aux(self, heads: Sequence[Node], x: _Numbers) -> None:
        """Aux heads that read `x`, whose ops are no part of inference."""
        before = self.parameters, self.macs
        for head in heads:
            self.row(head.children, x)
        self.aux_parameters += self.parameters - before[0]
        self.parameters, self.macs = before

    def _keep(self, kept: Kept, x: _Numbers, y: _Numbers) -> _Numbers:
        if y.gradient:
            if kept.input:
                self.kept.add(x)
            if kept.output:
                self.kept.add(y)
            self.other += kept.other
        return y


def _joined(parts: Sequence[_Numbers], shape: Shape) -> _Numbers:
    """What is concatenated or summed up; nothing at all is zero."""
    return _Numbers(shape, max((part.depth for part in parts), default=0), any(part.gradient for part in parts))
