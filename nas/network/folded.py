"""Evaluates as a network does, without its batch norms: they become part of the layers before them."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas.network.layers import Unit


def folded(network: nn.Module) -> nn.Module:
    """A copy for evaluation, equal up to rounding, with another state dict. Norms after no weighted layer stay."""
    copy = deepcopy(network).eval().requires_grad_(False)
    for unit in copy.modules():
        if isinstance(unit, Unit) and "norm" in unit._modules:
            layer = _weighted(unit)
            if layer.bias is None:
                layer.bias = nn.Parameter(layer.weight.new_empty(len(layer.weight)), requires_grad=False)
            del unit.norm
    refold(copy, network)
    return copy


@torch.no_grad()
def refold(copy: nn.Module, network: nn.Module) -> None:
    """Gives a folded copy the weights and statistics that `network` has now."""
    state = network.state_dict()
    for name, tensor in copy.state_dict().items():
        if name in state:
            tensor.copy_(state[name])
    for name, unit in network.named_modules():
        if isinstance(unit, Unit) and "norm" in unit._modules:
            _fold(_weighted(copy.get_submodule(name)), _weighted(unit), unit.get_submodule("norm"))


def _weighted(unit: nn.Module) -> nn.Conv2d | nn.Linear:
    layer = unit.get_submodule("conv" if "conv" in unit._modules else "linear")
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    return layer


def _fold(target: nn.Conv2d | nn.Linear, layer: nn.Conv2d | nn.Linear, norm: nn.Module) -> None:
    assert isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert target.bias is not None
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean if layer.bias is None else layer.bias - norm.running_mean
    target.weight.mul_(scale.view(-1, *[1] * (layer.weight.dim() - 1)))
    target.bias.copy_(shift * scale if norm.bias is None else torch.addcmul(norm.bias, shift, scale))
