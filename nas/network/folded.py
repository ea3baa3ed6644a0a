"""Evaluates as a network does, without its batch norms: they become part of the convolutions before them."""

from copy import deepcopy

import torch
from torch import nn

from nas.network.layers import Unit


def folded(network: nn.Module) -> nn.Module:
    """A copy for evaluation; its state dict is another one, so weights are kept from the network itself.

    Equal up to rounding. Norms that follow no weighted layer stay.
    """
    copy = deepcopy(network).eval().requires_grad_(False)
    for unit in copy.modules():
        if isinstance(unit, Unit) and "norm" in unit._modules:
            weighted = unit.get_submodule("conv" if "conv" in unit._modules else "linear")
            norm = unit.get_submodule("norm")
            _fold(weighted, norm)
            del unit.norm
    return copy


def _fold(weighted: nn.Module, norm: nn.Module) -> None:
    assert isinstance(weighted, (nn.Conv2d, nn.Linear))
    assert isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean if weighted.bias is None else weighted.bias - norm.running_mean
    weighted.weight.copy_(weighted.weight * scale.view(-1, *[1] * (weighted.weight.dim() - 1)))
    weighted.bias = nn.Parameter(shift * scale + (0 if norm.bias is None else norm.bias), requires_grad=False)
