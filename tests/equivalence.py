"""Carries the weights of a network over to one that has its branches in another order, if they can be the same.

An independent account of what the digest claims: it moves real weights, where the digest reasons about orders.
"""

from collections.abc import Sequence
from itertools import accumulate

from torch import Tensor

from nas.architecture import ops
from nas.architecture.plan import Node, in_row
from nas.network import Network

Order = list[int]
"""For each channel of the second network, the channel of the first that it stands for."""


class CannotBeTheSame(Exception):
    """Some op would need its channels in an order that they do not have."""


def carry(first: Network, second: Network, plans: tuple[Node, Node]) -> None:
    """Sets the weights of `second` so that it computes what `first` does. Raises `CannotBeTheSame`."""
    _Carrying(first, second).network(*plans)


def _need(condition: bool, node: Node) -> None:
    if not condition:
        raise CannotBeTheSame(node.path)


class _Carrying:
    def __init__(self, first: Network, second: Network) -> None:
        self.first, self.second = first, second

    def network(self, a: Node, b: Node) -> None:
        order = list(range(a.input[0]))
        taps: dict[str | None, Order] = {}
        for position, (x, y) in enumerate(zip(a.children, b.children, strict=True)):
            if isinstance(x.op, ops.Aux):
                heads = [node.children[0] for node in (x, y)]
                self.chain(*(head.children for head in heads), taps[x.op.of], list(range(heads[0].output[0])))
                continue
            last = all(isinstance(later.op, ops.Aux) for later in a.children[position + 1 :])
            order = taps[x.op.name] = taps[None] = self.node(x, y, order, None)
            _need(not last or order == list(range(len(order))), x)

    def chain(self, a: Sequence[Node], b: Sequence[Node], order: Order, want: Order | None) -> Order:
        """`want`: the order in which the channels have to leave; the last op that can choose one gets it."""
        chooser = next((i for i in reversed(range(len(a))) if _chooses(a[i])), None)
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            order = self.node(x, y, order, want if index == chooser else None)
        if want is not None and order != want:
            raise CannotBeTheSame(a[-1].path if a else "an empty chain")
        return order

    def node(self, a: Node, b: Node, order: Order, want: Order | None) -> Order:
        identity = list(range(a.output[0]))
        match a.op:
            case ops.Chain():
                return self.chain(a.children, b.children, order, want)
            case ops.Cell():
                copies = [[step for copy in node.children for step in copy.children] for node in (a, b)]
                return self.chain(*copies, order, want)
            case ops.Branches():
                return self.branches(a, b, order, want)
            case ops.Residual():
                return self.residual(a, b, order)
            case ops.Conv(groups=1) | ops.Linear():
                self.weights(a, order, want or identity, mixes=True)
                return want or identity
            case ops.Conv() if a.op.groups == a.input[0] == a.op.width:
                self.weights(a, order, order, mixes=False)
                return order
            case ops.Norm():
                self.weights(a, order, order, mixes=False)
                return order
            case ops.Flatten():
                area = a.output[0] // a.input[0]
                return [channel * area + place for channel in order for place in range(area)]
            case ops.LRN() | ops.Conv():
                _need(order == list(range(len(order))), a)
                self.weights(a, order, identity, mixes=False)
                return identity
            case _:
                return order

    def branches(self, a: Node, b: Node, order: Order, want: Order | None) -> Order:
        if len(a.children) == 1:
            return self.chain(a.children[0].children, b.children[0].children, order, want)
        ends = accumulate(x.output[0] for x in a.children)
        starts = {x.name: end - x.output[0] for x, end in zip(a.children, ends, strict=True)}
        left: Order = []
        for y in b.children:
            x = next(x for x in a.children if x.name == y.name)
            left += [starts[x.name] + channel for channel in self.chain(x.children, y.children, order, None)]
        return left

    def residual(self, a: Node, b: Node, order: Order) -> Order:
        body, shortcut = ([in_row(side) for side in sides] for sides in zip(a.sides(), b.sides(), strict=True))
        kept = self.chain(*shortcut, order, list(range(a.output[0])) if shortcut[0] else None)
        return self.chain(*body, order, kept)

    def weights(self, node: Node, came: Order, leave: Order, mixes: bool) -> None:
        """Copies every parameter and buffer of an op, rows in the order they leave and columns as they came."""
        source, target = (each.get_submodule(node.path).state_dict() for each in (self.first, self.second))
        for name, value in source.items():
            moved: Tensor = value if value.dim() == 0 else value[leave]
            if mixes and name.endswith(("conv.weight", "linear.weight")):
                moved = moved[:, came]
            target[name].copy_(moved)


def _chooses(node: Node) -> bool:
    """Whether an op can let its channels leave in any order."""
    match node.op:
        case ops.Chain() | ops.Cell():
            return any(_chooses(child) for child in node.children)
        case ops.Branches():
            return len(node.children) == 1 and _chooses(node.children[0])
        case ops.Conv(groups=1) | ops.Linear():
            return True
        case _:
            return False
