"""What an architecture costs, from its document alone: parameters, multiply-adds and activations, op by op."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nas.architecture import Architecture
from nas.architecture.plan import Node, plan
from nas.architecture.shapes import Shape, elements


@dataclass(frozen=True)
class OpCost:
    """One op in its place. Shapes are without the batch; `activations` counts the numbers it puts out per image."""

    path: str
    kind: str
    input: Shape
    output: Shape
    parameters: int
    macs: int
    activations: int


@dataclass(frozen=True)
class Cost:
    """Totals for one image at inference: aux heads excluded.

    `macs` are multiply-adds of convolutions and linear layers, one each (half of what counts of "FLOPs" give).
    """

    parameters: int
    macs: int
    activations: int
    ops: tuple[OpCost, ...] = field(repr=False)


def cost(architecture: Architecture, input_shape: Sequence[int] | None = None, classes: int | None = None) -> Cost:
    """The cost at `input_shape` (channels, height, width) and `classes`; None means the architecture's own.

    Raises:
        InputError: the network cannot take that input; says at which op and grid.
    """
    if input_shape is None and classes is None:
        return cost_of(architecture.plan)
    shape = architecture.input if input_shape is None else tuple(input_shape)
    return cost_of(plan(architecture.network, shape, architecture.classes if classes is None else classes, aux=False))


def cost_of(root: Node) -> Cost:
    """The cost of a plan."""
    ops = tuple(
        OpCost(node.path, node.kind, node.input, node.output, node.parameters, node.macs, elements(node.output))
        for node in root.walk()
        if not node.children
    )
    return Cost(
        parameters=sum(op.parameters for op in ops),
        macs=sum(op.macs for op in ops),
        activations=sum(op.activations for op in ops),
        ops=ops,
    )
