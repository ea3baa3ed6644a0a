"""Builds the torch module of an architecture: its submodules are called as the plan's paths say."""

from functools import reduce

import torch
from torch import Tensor, nn

from nas.architecture import Architecture
from nas.architecture.fields import Pair
from nas.architecture.ops import Aux, Branches, Cell, Chain, Graph, Residual
from nas.architecture.plan import Node, plan
from nas.network.layers import ACTIVATIONS, chain, layer


class Parallel(nn.Module):
    """Branches over one input, concatenated on channels in order."""

    drop_path = 0.0

    def __init__(self, branches: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([_dropped(branch(x), self.drop_path, self.training) for branch in self.children()], 1)


class ResidualSum(nn.Module):
    """activation(shortcut(x) + scale · projection(body(x)))"""

    body: nn.Module
    projection: nn.Module
    shortcut: nn.Module

    drop_path = 0.0

    def __init__(self, parts: dict[str, nn.Module], scale: float, activation: str) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        for name in ("projection", "shortcut"):
            if name not in parts:
                self.add_module(name, nn.Identity())
        self.scale = scale
        self.activation = ACTIVATIONS[activation](True)

    def forward(self, x: Tensor) -> Tensor:
        change = _dropped(self.projection(self.body(x)), self.drop_path, self.training)
        summed: Tensor = self.activation(torch.add(self.shortcut(x), change, alpha=self.scale))
        return summed

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


class GraphSum(nn.Module):
    """Nodes that are sums of chains over earlier nodes; a submodule for each node holds its chains."""

    def __init__(self, chains: dict[str, dict[str, nn.Module]]) -> None:
        super().__init__()
        self._sources = {node: tuple(terms) for node, terms in chains.items()}
        for node, terms in chains.items():
            sum_ = nn.Module()
            for source, term in terms.items():
                sum_.add_module(source, term)
            self.add_module(node, sum_)

    def forward(self, x: Tensor) -> Tensor:
        values = {"in": x}
        for (node, sources), chains in zip(self._sources.items(), self.children(), strict=True):
            terms = [term(values[source]) for source, term in zip(sources, chains.children(), strict=True)]
            values[node] = reduce(torch.add, terms) if terms else torch.zeros_like(x)
        return values[node]


class Network(nn.Module):
    """A built architecture.

    Takes images of shape (n, channels, height, width) and gives logits (n, classes). In training, a network built
    with aux heads gives (logits, {head: logits}) instead; `aux_weights` has the weight of each head's loss.
    `aux_heads` are the names of all heads of the architecture, built or not.
    """

    def __init__(self, root: Node, aux: bool) -> None:
        super().__init__()
        self.input_shape = root.input
        self.classes = root.output[0]
        self.aux_heads = tuple(node.name for node in root.children if isinstance(node.op, Aux))
        self.aux_weights: dict[str, float] = {}
        heads = root.heads() if aux else {}
        self._read_by = {read: [head.name for head in some] for read, some in heads.items()}
        for node in root.children:
            if isinstance(node.op, Aux) and aux:
                self.aux_weights[node.name] = node.op.weight
            if aux or not isinstance(node.op, Aux):
                self.add_module(node.name, _module(node))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        heads: dict[str, Tensor] = {}
        for name, module in self.named_children():
            if name in self.aux_weights:
                continue
            x = module(x)
            if self.training:
                for head in self._read_by.get(name, ()):
                    heads[head] = self.get_submodule(head)(x)
        return (x, heads) if heads else x


def build_network(
    architecture: Architecture,
    *,
    in_channels: int | None = None,
    classes: int | None = None,
    input_size: int | Pair | None = None,
    aux: bool = False,
) -> Network:
    """The network with fresh weights, on torch's default device.

    `input_size` is n or (height, width); None is the architecture's own, of channels and classes too. Aux heads are
    built only if asked. Submodules are registered in the document's order.

    Raises:
        InputError: the network cannot take that input; says at which op and grid.
    """
    own, *size = architecture.input
    if input_size is not None:
        size = [*input_size] if isinstance(input_size, tuple) else [input_size] * 2
    asked = (in_channels or own, *size), classes or architecture.classes
    same = asked == (architecture.input, architecture.classes)
    return Network(architecture.plan if same else plan(architecture.network, *asked, aux), aux)


def set_drop_path(network: nn.Module, rate: float) -> None:
    """In training, drops each residual body and each branch of a sample with probability `rate`, lone branches never.

    What is kept is scaled by 1 / (1 - rate) (Larsson et al. 2017, section 3; Huang et al. 2016).
    """
    for module in network.modules():
        match module:
            case ResidualSum():
                module.drop_path = rate
            case Parallel() if len(list(module.children())) > 1:
                module.drop_path = rate


def _dropped(x: Tensor, rate: float, training: bool) -> Tensor:
    if not training or rate == 0.0:
        return x
    kept = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device) >= rate
    return x * kept / (1.0 - rate)


def _module(node: Node) -> nn.Module:
    match node.op:
        case Chain() | Cell():
            return chain(**{child.name: _module(child) for child in node.children})
        case Aux():
            return _module(node.children[0])
        case Branches():
            return Parallel({branch.name: _module(branch) for branch in node.children})
        case Residual(scale=scale, activation=activation):
            return ResidualSum({part.name: _module(part) for part in node.children}, scale, activation)
        case Graph():
            return GraphSum({name: {of: _module(term) for of, term in terms} for name, terms in node.sums()})
        case op:
            return layer(op, node.input)
