"""Holds a built network against its plan, on the meta device: shapes, parameters and multiply-adds of every op."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nas.architecture import Architecture
from nas.architecture.plan import Node
from nas.cost import cost
from nas.network import Network, build_network

Module = TypeVar("Module", bound=nn.Module)


def on_meta(architecture: Architecture, aux: bool = False) -> Network:
    with torch.device("meta"):
        return build_network(architecture, aux=aux)


def images(architecture: Architecture, count: int = 2, device: str = "meta", **options: Any) -> Tensor:
    return torch.empty(count, *architecture.input, device=device, **options)


def kept_bytes(architecture: Architecture, device: str = "meta") -> int:
    """What torch keeps of one image for the backward pass, aux heads included, each storage once.

    The difference of two batches, so that weights and statistics do not count.
    """
    network = on_meta(architecture, aux=True).train()
    network = network if device == "meta" else network.to_empty(device=device)
    few, many = (_kept_bytes(network, images(architecture, count, device).fill_(0.5)) for count in (2, 4))
    return (many - few) // 2


def _kept_bytes(network: Network, x: Tensor) -> int:
    kept: dict[int, Tensor] = {}  # the tensors too: a storage that is gone may hand its address on

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _ = network(x)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def randomized(network: Module) -> Module:
    """The network with every parameter and statistic random: fresh ones would hide a wrong eps, order or gamma."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(7)
            elif name.endswith(("running_var", "norm.weight", "bn.weight")):
                tensor.uniform_(0.5, 1.5, generator=generator)
            elif tensor.dim() == 1:
                tensor.uniform_(-0.5, 0.5, generator=generator)
            else:
                bound = (6 / tensor[0].numel()) ** 0.5
                tensor.uniform_(-bound, bound, generator=generator)
    return network


def parameters(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def assert_built_as_planned(architecture: Architecture, aux: bool = False) -> None:
    """Every op of the plan has a module of its name, which puts out the planned shape with the planned parameters."""
    network = on_meta(architecture, aux)
    shapes: dict[str, tuple[int, ...]] = {}

    def remember(node: Node) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            shapes[node.path] = tuple(output.shape[1:])

        return hook

    nodes = [node for node in architecture.plan.walk(aux=aux) if node.path]
    for node in nodes:
        network.get_submodule(node.path).register_forward_hook(remember(node))
    network.train(aux)
    with FlopCounterMode(display=False) as counter:
        network(images(architecture))

    planned = {node.path: node.output for node in nodes}
    for head in network.aux_weights:  # in the plan a head passes on what came in; its module gives its logits
        planned[head] = (architecture.classes,)
    assert shapes == planned
    for node in nodes:
        if not node.children:
            assert parameters(network.get_submodule(node.path)) == node.parameters, node.path
    if not aux:
        totals = cost(architecture)
        assert totals.parameters == parameters(network)
        assert totals.macs == counter.get_total_flops() / 2 / 2  # two images, two operations a multiply-add
