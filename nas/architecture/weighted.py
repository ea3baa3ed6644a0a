"""The weighted layers, each with norm and activation: convolutions, in every form, and linear ones."""

from dataclasses import dataclass, replace
from typing import ClassVar

from nas.architecture import fields as f
from nas.architecture.containers import Branches, Chain
from nas.architecture.fields import BatchNorm, Form, Pair, Sides, Width, optional, required
from nas.architecture.op import BYTES, Concrete, Kept, Op, copied, kept_of_activation, norm_parameters, number_of
from nas.architecture.shapes import Shape, elements, grid_of, need_map, need_vector, sides, windows
from nas.architecture.unweighted import Identity
from nas.errors import InputError

MAX_FORM = 63
"""The largest kernel that can be carried out in a form: stacked, 31 convolutions."""


@dataclass(frozen=True, kw_only=True)
class Conv(Op, Concrete):
    """Convolution, then norm, then activation. A width of 0 is an op that is absent."""

    width: Width = required(f.width)
    kernel: Pair = required(f.pair(1))
    stride: Pair = optional(f.pair(1), (1, 1))
    padding: str | Sides = optional(f.padding, "same")
    groups: int | str = optional(f.groups, 1)
    bias: bool = optional(f.boolean, False)
    norm: BatchNorm | None = optional(f.norm, BatchNorm())
    activation: str = optional(f.one_of(*f.ACTIVATIONS), "relu")
    form: Form = optional(f.form, Form())
    scaled: ClassVar[tuple[str, ...]] = ("width",)

    def concrete(self, shape: Shape, classes: int) -> Op:
        need_map(shape, "conv")
        width = number_of(self.width, shape[0], classes)
        if width == 0:
            return Identity(name=self.name)
        groups = shape[0] if self.groups == "in" else int(self.groups)
        if shape[0] % groups or width % groups:
            raise InputError(f"{groups} groups do not divide both {shape[0]} channels in and {width} out")
        if self.form.kind != "full" and self.kernel != (1, 1):
            return _expanded(replace(self, width=width, groups=groups))
        padding = sides(self.padding, self.kernel, self.stride, grid_of(shape))
        return replace(self, width=width, groups=groups, padding=padding, form=Form())

    def output(self, shape: Shape) -> Shape:
        return (self.channels, *windows(grid_of(shape), self.kernel, self.stride, self.sides))

    def parameters(self, shape: Shape) -> int:
        weights = self.channels * (shape[0] // int(self.groups)) * self.kernel[0] * self.kernel[1]
        return weights + self.bias * self.channels + norm_parameters(self.norm, self.channels)

    def macs(self, shape: Shape) -> int:
        return elements(self.output(shape)) * (shape[0] // int(self.groups)) * self.kernel[0] * self.kernel[1]

    def kept(self, shape: Shape) -> Kept:
        return _kept(self.activation, self.norm, self.output(shape), copied(shape, self.sides))

    def channel_order(self, shape: Shape) -> str:
        if self.groups == 1:
            return "mixes"
        return "keeps" if self.groups == shape[0] == self.width else "fixed"


def _expanded(conv: Conv) -> Op:
    """A convolution carried out in its form; the stride is taken by the last convolution that can."""
    n, width = conv.kernel[0], conv.channels
    if conv.kernel[0] != conv.kernel[1] or n % 2 == 0:
        raise InputError(f"the form {conv.form.kind} needs a square kernel of odd size, not {conv.kernel}")
    if n > MAX_FORM:
        raise InputError(f"the form {conv.form.kind} takes kernels up to {MAX_FORM}, not {n}")
    if conv.padding not in ("same", "valid"):
        raise InputError(f"the form {conv.form.kind} takes the padding same or valid, not {conv.padding!r}")
    plain = replace(conv, name=None, form=Form(), stride=(1, 1))
    match conv.form.kind:
        case "stacked":
            count = (n - 1) // 2
            steps = [replace(plain, name=f"3x3_{i + 1}", kernel=(3, 3)) for i in range(count)]
            steps[-1] = replace(steps[-1], stride=conv.stride)
        case "asymmetric":
            row = replace(plain, name=f"1x{n}", kernel=(1, n))
            column = replace(plain, name=f"{n}x1", kernel=(n, 1))
            two = [row, column] if conv.form.first == "1xn" else [column, row]
            steps = [
                replace(conv_, name=f"{conv_.name}_{i + 1}" if conv.form.times > 1 else conv_.name)
                for i in range(conv.form.times)
                for conv_ in two
            ]
            for i in (-1, -2):
                tall = steps[i].kernel[0] > 1
                steps[i] = replace(steps[i], stride=(conv.stride[0], 1) if tall else (1, conv.stride[1]))
        case _:
            if conv.padding != "same" or width < 2:
                raise InputError("the form fork takes the padding same and a width of at least 2")
            row = replace(plain, kernel=(1, n), width=width - width // 2, stride=conv.stride)
            column = replace(plain, kernel=(n, 1), width=width // 2, stride=conv.stride)
            return Branches(name=conv.name, branches=((f"1x{n}", (row,)), (f"{n}x1", (column,))))
    return Chain(name=conv.name, chain=tuple(steps))


@dataclass(frozen=True, kw_only=True)
class Linear(Op, Concrete):
    """A fully connected layer on a vector, then norm (over the batch), then activation."""

    width: Width = required(f.width)
    bias: bool = optional(f.boolean, True)
    norm: BatchNorm | None = optional(f.norm, None)
    activation: str = optional(f.one_of(*f.ACTIVATIONS), "none")

    def concrete(self, shape: Shape, classes: int) -> Op:
        need_vector(shape, "linear")
        width = number_of(self.width, shape[0], classes)
        return replace(self, width=width) if width else Identity(name=self.name)

    def output(self, shape: Shape) -> Shape:
        return (self.channels,)

    def parameters(self, shape: Shape) -> int:
        weights = self.channels * shape[0]
        return weights + self.bias * self.channels + norm_parameters(self.norm, self.channels)

    def macs(self, shape: Shape) -> int:
        return self.channels * shape[0]

    def kept(self, shape: Shape) -> Kept:
        return _kept(self.activation, self.norm, self.output(shape))

    def channel_order(self, shape: Shape) -> str:
        return "mixes"


def _kept(activation: str, norm: BatchNorm | None, output: Shape, padded: int = 0) -> Kept:
    """A weighted layer keeps what comes in, or `padded` bytes in its place; a norm keeps what it gets from it."""
    last = kept_of_activation(activation, output)
    other = padded + (BYTES * elements(output) if norm else 0) + last.other
    return Kept(input=not padded, output=last.output, other=other)
