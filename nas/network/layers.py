"""The modules of the leaves: one for each op that computes something."""

import importlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.architecture import ops
from nas.architecture.fields import BatchNorm, Sides
from nas.architecture.ops import KINDS, Op
from nas.architecture.own_ops import LAYERS_OF
from nas.architecture.shapes import Shape, even, is_map
from nas.errors import InputError

ACTIVATIONS: dict[str, Callable[[bool], nn.Module]] = {
    "none": lambda inplace: nn.Identity(),
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": lambda inplace: nn.LeakyReLU(0.01, inplace),
    "elu": lambda inplace: nn.ELU(inplace=inplace),
    "silu": nn.SiLU,
    "gelu": lambda inplace: nn.GELU(),
    "hardswish": nn.Hardswish,
    "sigmoid": lambda inplace: nn.Sigmoid(),
}
"""Each activation's module; in place only over a tensor that nobody else reads."""


class Unit(nn.Sequential):
    """A weighted layer called `conv` or `linear`, then `norm` and `activation` where it has them."""

    def __init__(self, parts: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, part in parts.items():
            if not isinstance(part, nn.Identity):
                self.add_module(name, part)


# Exported Python files have `chain` and what follows, up to `without_gamma`, as they stand here.


def chain(**steps: nn.Module) -> nn.Sequential:
    """The steps one after the other, under their names."""
    return nn.Sequential(OrderedDict(steps))


class PaddedAverage(nn.Module):
    """Average pooling over uneven padding that is left out of the divisor."""

    def __init__(self, pad: nn.Module, pool: nn.Module) -> None:
        super().__init__()
        self.pad, self.pool = pad, pool

    def forward(self, x: Tensor) -> Tensor:
        inside = torch.ones_like(x[:1, :1])
        averaged: Tensor = self.pool(self.pad(x)) / self.pool(self.pad(inside))
        return averaged


class GlobalAverage(nn.Module):
    """The mean of each channel: n×c×h×w becomes n×c."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class GlobalMax(nn.Module):
    """The maximum of each channel: n×c×h×w becomes n×c."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))


class UnitLength(nn.Module):
    """Each vector divided by its Euclidean length."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x)


class ChannelAffine(nn.Module):
    """x · scale + shift, with constants."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: tuple[float, ...], shift: tuple[float, ...]) -> None:
        super().__init__()
        for name, values in (("scale", scale), ("shift", shift)):
            constants = torch.tensor(values).view(-1, 1, 1)
            self.register_buffer(name, constants, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def without_gamma(norm: nn.Module) -> nn.Module:
    """The norm with a bias alone; its scale stays 1."""
    norm.register_parameter("weight", None)
    return norm


def _norm(norm: BatchNorm | None, channels: int, on_map: bool) -> nn.Module:
    if norm is None:
        return nn.Identity()
    layer = (nn.BatchNorm2d if on_map else nn.BatchNorm1d)(channels, eps=norm.eps, momentum=norm.momentum)
    return layer if norm.scale else without_gamma(layer)


def _pad(sides: Sides, value: float = 0.0) -> nn.ConstantPad2d:
    """Padding of four sides that differ, which torch's other layers cannot do themselves."""
    top, bottom, left, right = sides
    return nn.ConstantPad2d((left, right, top, bottom), value)


def _conv(op: ops.Conv, shape: Shape) -> nn.Module:
    sides, groups = op.sides, int(op.groups)
    padding = (sides[0], sides[2]) if even(sides) else 0
    conv = nn.Conv2d(shape[0], op.channels, op.kernel, op.stride, padding, groups=groups, bias=op.bias)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # He et al. 2015, equation 10
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    pad: dict[str, nn.Module] = {} if even(sides) else {"pad": _pad(sides)}
    return Unit({**pad, "conv": conv, **_finish(op, True)})


def _linear(op: ops.Linear, shape: Shape) -> nn.Module:
    return Unit({"linear": nn.Linear(shape[0], op.channels, bias=op.bias), **_finish(op, False)})


def _finish(op: ops.Conv | ops.Linear, on_map: bool) -> dict[str, nn.Module]:
    return {"norm": _norm(op.norm, op.channels, on_map), "activation": ACTIVATIONS[op.activation](True)}


def _pool(op: ops.Pool, shape: Shape) -> nn.Module:
    sides = op.reached(shape)
    padding = (sides[0], sides[2]) if even(sides) else (0, 0)
    if op.kind == "max":
        pool: nn.Module = nn.MaxPool2d(op.kernel, op.stride, padding, ceil_mode=op.ceil)
        return pool if even(sides) else nn.Sequential(_pad(sides, float("-inf")), pool)
    average = nn.AvgPool2d(op.kernel, op.stride, padding, op.ceil, op.count_padding)
    if even(sides):
        return average
    return nn.Sequential(_pad(sides), average) if op.count_padding else PaddedAverage(_pad(sides), average)


def _adaptive_pool(op: ops.AdaptivePool, shape: Shape) -> nn.Module:
    return (nn.AdaptiveAvgPool2d if op.kind == "average" else nn.AdaptiveMaxPool2d)(op.size)


def _lrn(op: ops.LRN, shape: Shape) -> nn.Module:
    alpha = op.alpha if op.divide_alpha else op.alpha * op.size  # torch divides by the size
    return nn.LocalResponseNorm(op.size, alpha, op.beta, op.k)


Layer = Callable[[Any, Shape], nn.Module]

LAYERS: dict[type[Op], Layer] = {
    ops.Conv: _conv,
    ops.Linear: _linear,
    ops.Pool: _pool,
    ops.GlobalPool: lambda op, shape: GlobalAverage() if op.kind == "average" else GlobalMax(),
    ops.AdaptivePool: _adaptive_pool,
    ops.LRN: _lrn,
    ops.Dropout: lambda op, shape: nn.Dropout(op.rate),
    ops.Identity: lambda op, shape: nn.Identity(),
    ops.Flatten: lambda op, shape: nn.Flatten(),
    ops.Norm: lambda op, shape: _norm(op.norm, shape[0], is_map(shape)),
    ops.Activation: lambda op, shape: ACTIVATIONS[op.activation](False),
    ops.L2Norm: lambda op, shape: UnitLength(),
    ops.ChannelAffine: lambda op, shape: ChannelAffine(op.scale, op.shift),
}
"""The module of each concrete leaf, given the shape that comes in."""


def layer(op: Op, shape: Shape) -> nn.Module:
    """The module of a concrete leaf. Raises `InputError` for an op of the user's own without one."""
    kind = type(op)
    if kind not in LAYERS:
        if kind not in LAYERS_OF:
            raise InputError(f"the op {KINDS[kind]!r} has no layer; register it with one (docs/extending.md)")
        module, _, function = LAYERS_OF[kind].partition(":")
        try:
            LAYERS[kind] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise InputError(f"the layer {LAYERS_OF[kind]} of the op {KINDS[kind]!r}: {error}") from None
    return LAYERS[kind](op, shape)
