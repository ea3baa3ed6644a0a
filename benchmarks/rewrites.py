"""Exact rewrites of a built network that were tried: `merged` siblings, and `swapped` pools. For `speed.py --rewrites`.

Both compute what the network computes, up to rounding. A merged network has other parameters than the plain one; as a
measurement that is the most that merging could gain, since plain ones would have to be put together in every step.
"""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise

import torch
from torch import Tensor, nn

from nas.network.build import Parallel
from nas.network.layers import Unit


class Siblings(nn.Module):
    """Parallel branches, of which some begin with the same kind of 1×1 unit: that is computed once, and shared out."""

    def __init__(self, parallel: Parallel, starts: Sequence[int]) -> None:
        super().__init__()
        branches = list(parallel.children())
        units = [_first(branches[start]) for start in starts]
        convs = [unit.get_submodule("conv") for unit in units]
        self.widths = [conv.out_channels for conv in convs]
        self.starts = list(starts)
        self.unit = deepcopy(units[0])
        conv, norm = self.unit.conv, self.unit.norm
        conv.out_channels = norm.num_features = sum(self.widths)
        conv.weight = nn.Parameter(torch.cat([each.weight.detach() for each in convs]))
        for name in ("weight", "bias"):
            setattr(norm, name, nn.Parameter(torch.cat([getattr(unit.norm, name).detach() for unit in units])))
        for name in ("running_mean", "running_var"):
            setattr(norm, name, torch.cat([getattr(unit.norm, name) for unit in units]))
        self.branches = nn.ModuleList(
            nn.Sequential(*list(branch.children())[1:]) if number in starts else branch
            for number, branch in enumerate(branches)
        )

    def forward(self, x: Tensor) -> Tensor:
        shares = dict(zip(self.starts, self.unit(x).split(self.widths, 1), strict=True))
        return torch.cat([branch(shares.get(number, x)) for number, branch in enumerate(self.branches)], 1)


def merged(network: nn.Module) -> nn.Module:
    """A copy whose sibling 1×1 units are one."""
    return _replaced(deepcopy(network))


def _replaced(module: nn.Module) -> nn.Module:
    for name, child in list(module.named_children()):
        module._modules[name] = _replaced(child)
    if not isinstance(module, Parallel):
        return module
    starts = [number for number, branch in enumerate(module.children()) if _mergeable(branch)]
    return Siblings(module, starts) if len(starts) > 1 else module


def _first(branch: nn.Module) -> Unit:
    unit = next(branch.children())
    assert isinstance(unit, Unit)
    return unit


def _mergeable(branch: nn.Module) -> bool:
    return isinstance(branch, nn.Sequential) and _is_projection(next(branch.children(), None))


def _is_projection(module: nn.Module | None) -> bool:
    """A 1×1 convolution with norm and ReLU, without bias."""
    if not isinstance(module, Unit) or list(module._modules) != ["conv", "norm", "activation"]:
        return False
    conv, norm = module.conv, module.norm
    plain = conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0) and conv.groups == 1
    return plain and conv.bias is None and norm.weight is not None and isinstance(module.activation, nn.ReLU)


def swapped(network: nn.Module) -> nn.Module:
    """A copy that pools averages after the 1×1 convolution behind them, where that has fewer channels."""
    copy = deepcopy(network)
    for module in list(copy.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        children = list(module.named_children())
        for (name, pool), (_, unit) in pairwise(children):
            if not (isinstance(pool, nn.AvgPool2d) and pool.stride in (1, (1, 1)) and _is_projection(unit)):
                continue
            if unit.conv.out_channels < unit.conv.in_channels:
                module._modules[name] = nn.Identity()
                unit.conv = nn.Sequential(unit.conv, pool)
    return copy
