"""The ops of the language: what each has for fields, and what it makes of a shape.

A leaf says what comes out (`output`), how many parameters it trains and how many multiply-adds it does. Before it is
asked, `concrete` has replaced symbols, forms and named paddings by numbers, for the shape that comes in.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from nas.architecture import fields as f
from nas.architecture.fields import BatchNorm, Form, Pair, Relative, Sides, Width, optional, required
from nas.architecture.shapes import Shape, elements, grid_of, need_map, need_vector, sides, windows
from nas.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Op:
    """Anything that may stand in a chain. `name` is the document's, or None."""

    name: str | None = None
    scaled: ClassVar[tuple[str, ...]] = ()
    """Fields that the document's width multiplier applies to."""

    def concrete(self, shape: Shape, classes: int) -> "Op":
        """The op with every symbol, form and padding replaced by numbers; it may be another op, or several."""
        return self

    def output(self, shape: Shape) -> Shape:
        """The shape that comes out, of a concrete op. Raises `InputError` where `shape` cannot come in."""
        return shape

    def parameters(self, shape: Shape) -> int:
        """Trainable parameters (running statistics are none)."""
        return 0

    def macs(self, shape: Shape) -> int:
        """Multiply-adds for one image; convolutions and linear layers alone have any."""
        return 0

    def channel_order(self, shape: Shape) -> str:
        """What a concrete leaf makes of the order of its channels, which identity depends on.

        mixes: every output reads all channels through weights of its own, so that any order in and out can be undone
        by permuting weights. keeps: an output channel depends on the same input channel alone. fixed: neither.
        """
        return "fixed"


Steps = tuple[Op, ...]

MAX_FORM = 63
"""The largest kernel that can be carried out in a form: stacked, 31 convolutions."""


@dataclass(frozen=True, kw_only=True)
class Chain(Op):
    """Ops one after the other, under one name."""

    chain: Steps


@dataclass(frozen=True, kw_only=True)
class Branches(Op):
    """Named chains side by side over one input, concatenated on channels in this order."""

    branches: tuple[tuple[str, Steps], ...]


@dataclass(frozen=True, kw_only=True)
class Residual(Op):
    """activation(shortcut(x) + scale · body(x)); `projection` ends the body with a linear 1×1 of the shortcut's width.

    Szegedy et al. 2017, figures 10 to 19 and section 3.3 (scaling by 0.1 to 0.3).
    """

    body: Steps
    shortcut: Steps = ()
    scale: float = optional(f.number(), 1.0)
    projection: bool = optional(f.boolean, False)
    activation: str = optional(f.one_of(*f.ACTIVATIONS), "relu")


@dataclass(frozen=True, kw_only=True)
class Graph(Op):
    """Named nodes, each the sum of chains over earlier nodes and over what comes in, called `in`; the last comes out.

    Each node is its name and its chains by the name of what they read. A node without chains is zero, of the shape
    that comes in. The cells of NAS-Bench-201 are such graphs (Dong and Yang 2020, figure 1).
    """

    nodes: tuple[tuple[str, tuple[tuple[str, Steps], ...]], ...]


@dataclass(frozen=True, kw_only=True)
class Cell(Op):
    """Copies of a named chain, one after the other, each with weights of its own."""

    cell: str
    copies: tuple[Steps, ...]


@dataclass(frozen=True, kw_only=True)
class Aux(Op):
    """A side classifier on the output of the op called `of` (None: of the op before it), trained with `weight`.

    It is there in training alone (Szegedy et al. 2015, section 5).
    """

    chain: Steps
    of: str | None = None
    weight: float = optional(f.number(0), 0.3)


class Concrete:
    """Typed views of fields that a concrete op has as numbers."""

    @property
    def channels(self) -> int:
        """The width that comes out."""
        width = self.width  # type: ignore[attr-defined]
        assert isinstance(width, int)
        return width

    @property
    def sides(self) -> Sides:
        """Padding: top, bottom, left, right."""
        padding = self.padding  # type: ignore[attr-defined]
        assert isinstance(padding, tuple)
        return padding


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
class Pool(Op, Concrete):
    """Max or average pooling. `count_padding`: zeros of the padding count in the average's divisor."""

    kind: str = required(f.one_of("max", "average"))
    kernel: Pair = optional(f.pair(1), (3, 3))
    stride: Pair = optional(f.pair(1), (1, 1))
    padding: str | Sides = optional(f.padding, "same")
    ceil: bool = optional(f.boolean, False)
    count_padding: bool = optional(f.boolean, True)

    def concrete(self, shape: Shape, classes: int) -> Op:
        need_map(shape, "pool")
        padding = sides(self.padding, self.kernel, self.stride, grid_of(shape))
        if any(pad > size // 2 for pad, size in zip(padding, [self.kernel[0]] * 2 + [self.kernel[1]] * 2, strict=True)):
            raise InputError(f"padding {padding} is more than half of the kernel {self.kernel}")
        if self.kernel == self.stride == (1, 1):
            return Identity(name=self.name)
        grid = grid_of(shape)
        ceil = self.ceil and windows(grid, self.kernel, self.stride, padding, True) != windows(
            grid, self.kernel, self.stride, padding
        )
        count = self.count_padding or self.kind == "max" or not any(padding)  # says nothing without padding
        return replace(self, padding=padding, ceil=ceil, count_padding=count)

    def output(self, shape: Shape) -> Shape:
        return (shape[0], *windows(grid_of(shape), self.kernel, self.stride, self.sides, self.ceil))

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Op):
    """The average or maximum over the whole grid: a map becomes a vector."""

    kind: str = optional(f.one_of("average", "max"), "average")

    def output(self, shape: Shape) -> Shape:
        need_map(shape, "global_pool")
        return shape[:1]

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class AdaptivePool(Op):
    """Pooling to a grid of `size`, with windows as torch chooses them."""

    size: Pair = required(f.pair(1))
    kind: str = optional(f.one_of("average", "max"), "average")

    def output(self, shape: Shape) -> Shape:
        need_map(shape, "adaptive_pool")
        return (shape[0], *self.size)

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class LRN(Op):
    """Local response normalization across channels (Krizhevsky et al. 2012, section 3.3).

    x / (k + a · Σ x²)^beta over `size` channels, with a = alpha / size if `divide_alpha` (Caffe, torch), else alpha.
    """

    size: int = optional(f.integer(1), 5)
    alpha: float = optional(f.number(0), 1e-4)
    beta: float = optional(f.number(0), 0.75)
    k: float = optional(f.number(0), 1.0)
    divide_alpha: bool = optional(f.boolean, True)

    def output(self, shape: Shape) -> Shape:
        need_map(shape, "lrn")
        return shape


@dataclass(frozen=True, kw_only=True)
class Dropout(Op):
    """Each element is dropped with probability `rate` in training."""

    rate: float = optional(f.number(0, 1), 0.5)

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class Identity(Op):
    """What comes in goes out."""

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class Flatten(Op):
    """A map becomes a vector, channels first, then rows."""

    def output(self, shape: Shape) -> Shape:
        return (elements(shape),)

    def channel_order(self, shape: Shape) -> str:
        return "keeps"  # a linear layer behind it mixes whole channels; nothing else reads a flat map's order


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

    def channel_order(self, shape: Shape) -> str:
        return "mixes"


@dataclass(frozen=True, kw_only=True)
class Norm(Op):
    """Batch norm on its own, on a map or a vector."""

    norm: BatchNorm | None = optional(f.norm, BatchNorm())

    def concrete(self, shape: Shape, classes: int) -> Op:
        return self if self.norm else Identity(name=self.name)

    def parameters(self, shape: Shape) -> int:
        return norm_parameters(self.norm, shape[0])

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class Activation(Op):
    """An activation on its own."""

    activation: str = optional(f.one_of(*f.ACTIVATIONS), "relu")

    def concrete(self, shape: Shape, classes: int) -> Op:
        return Identity(name=self.name) if self.activation == "none" else self

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class L2Norm(Op):
    """A vector divided by its Euclidean length."""

    def output(self, shape: Shape) -> Shape:
        need_vector(shape, "l2_norm")
        return shape

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class ChannelAffine(Op):
    """x · scale + shift per channel, with constants: the input transform that some published weights expect."""

    scale: tuple[float, ...] = optional(f.per_channel, (1.0,))
    shift: tuple[float, ...] = optional(f.per_channel, (0.0,))

    def concrete(self, shape: Shape, classes: int) -> Op:
        need_map(shape, "channel_affine")
        for what, values in (("scale", self.scale), ("shift", self.shift)):
            if len(values) not in (1, shape[0]):
                raise InputError(f"{what} has {len(values)} numbers for {shape[0]} channels")
        scale, shift = (values[:1] if len(set(values)) == 1 else values for values in (self.scale, self.shift))
        if (scale, shift) == ((1.0,), (0.0,)):
            return Identity(name=self.name)
        return replace(self, scale=scale, shift=shift)

    def channel_order(self, shape: Shape) -> str:
        return "keeps" if len(self.scale) == len(self.shift) == 1 else "fixed"


def number_of(width: Width, incoming: int, classes: int) -> int:
    """A width as a number."""
    match width:
        case "in":
            return incoming
        case "classes":
            return classes
        case Relative():
            return f.integer(0)(width.of(incoming), "width")
        case _:
            return int(width)


def norm_parameters(norm: BatchNorm | None, width: int) -> int:
    return 0 if norm is None else width * (2 if norm.scale else 1)


OPS: dict[str, type[Op]] = {
    "chain": Chain,
    "branches": Branches,
    "residual": Residual,
    "graph": Graph,
    "cell": Cell,
    "aux": Aux,
    "conv": Conv,
    "pool": Pool,
    "global_pool": GlobalPool,
    "adaptive_pool": AdaptivePool,
    "lrn": LRN,
    "dropout": Dropout,
    "identity": Identity,
    "flatten": Flatten,
    "linear": Linear,
    "norm": Norm,
    "activation": Activation,
    "l2_norm": L2Norm,
    "channel_affine": ChannelAffine,
}
"""The op of each name in a document."""

KINDS = {op: kind for kind, op in OPS.items()}
