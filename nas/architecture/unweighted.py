"""The ops between weighted layers: pools, norms, activations, dropout and the like."""

from dataclasses import dataclass, replace

from nas.architecture import fields as f
from nas.architecture.fields import BatchNorm, Pair, Sides, optional, required
from nas.architecture.op import BYTES, Concrete, Kept, Op, copied, norm_parameters
from nas.architecture.shapes import Shape, elements, even, grid_of, need_map, need_vector, sides, windows
from nas.errors import InputError

INDEX = 8
"""Bytes that max pooling keeps for each number it puts out: where it was."""


class Channelwise(Op):
    """An op of which each channel depends on the same channel alone."""

    def channel_order(self, shape: Shape) -> str:
        return "keeps"


@dataclass(frozen=True, kw_only=True)
class Pool(Channelwise, Concrete):
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

    def reached(self, shape: Shape) -> Sides:
        """The padding, less what no window reaches if its sides differ: what is copied with it would be pooled too."""
        if even(self.sides):
            return self.sides
        top, bottom, left, right = self.sides
        _, *grid = self.output(shape)
        reach = [(n - 1) * stride + kernel for n, stride, kernel in zip(grid, self.stride, self.kernel, strict=True)]
        return top, min(bottom, max(reach[0] - shape[1] - top, 0)), left, min(right, max(reach[1] - shape[2] - left, 0))

    def kept(self, shape: Shape) -> Kept:
        padded = copied(shape, self.reached(shape))
        return Kept(not padded, False, padded + (INDEX * elements(self.output(shape)) if self.kind == "max" else 0))


@dataclass(frozen=True, kw_only=True)
class GlobalPool(Channelwise):
    """The average or maximum over the whole grid: a map becomes a vector."""

    kind: str = optional(f.one_of("average", "max"), "average")

    def output(self, shape: Shape) -> Shape:
        need_map(shape, "global_pool")
        return shape[:1]

    def kept(self, shape: Shape) -> Kept:
        return Kept(self.kind == "max", self.kind == "max")


@dataclass(frozen=True, kw_only=True)
class AdaptivePool(Channelwise):
    """Pooling to a grid of `size`, with windows as torch chooses them."""

    size: Pair = required(f.pair(1))
    kind: str = optional(f.one_of("average", "max"), "average")

    def output(self, shape: Shape) -> Shape:
        need_map(shape, "adaptive_pool")
        return (shape[0], *self.size)

    def kept(self, shape: Shape) -> Kept:
        if self.kind == "max":
            return Kept(True, False, INDEX * elements(self.output(shape)))
        return Kept(self.size != (1, 1), False)  # to a single number it is a mean, which keeps nothing


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

    def kept(self, shape: Shape) -> Kept:
        padded = (shape[0] + self.size - 1) * shape[1] * shape[2]  # squares, with the channels that windows reach
        return Kept(True, False, BYTES * (padded + 2 * elements(shape)))


@dataclass(frozen=True, kw_only=True)
class Dropout(Channelwise):
    """Each element is dropped with probability `rate` in training."""

    rate: float = optional(f.number(0, 1), 0.5)

    def kept(self, shape: Shape) -> Kept | None:
        return Kept(False, False, BYTES * elements(shape)) if self.rate else None  # its mask


@dataclass(frozen=True, kw_only=True)
class Identity(Channelwise):
    """What comes in goes out."""

    def kept(self, shape: Shape) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class Flatten(Channelwise):
    """A map becomes a vector, channels first, then rows.

    A linear layer behind it mixes whole channels; nothing else reads a flat map's order.
    """

    def output(self, shape: Shape) -> Shape:
        return (elements(shape),)

    def kept(self, shape: Shape) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class Norm(Channelwise):
    """Batch norm on its own, on a map or a vector."""

    norm: BatchNorm | None = optional(f.norm, BatchNorm())

    def concrete(self, shape: Shape, classes: int) -> Op:
        return self if self.norm else Identity(name=self.name)

    def parameters(self, shape: Shape) -> int:
        return norm_parameters(self.norm, shape[0])

    def kept(self, shape: Shape) -> Kept:
        return Kept(True, False)


@dataclass(frozen=True, kw_only=True)
class Activation(Channelwise):
    """An activation on its own."""

    activation: str = optional(f.one_of(*f.ACTIVATIONS), "relu")

    def concrete(self, shape: Shape, classes: int) -> Op:
        return Identity(name=self.name) if self.activation == "none" else self

    def kept(self, shape: Shape) -> Kept:
        from_result = self.activation in ("relu", "sigmoid")  # not in place: the others keep what comes in
        return Kept(not from_result, from_result)


@dataclass(frozen=True, kw_only=True)
class L2Norm(Channelwise):
    """A vector divided by its Euclidean length."""

    def output(self, shape: Shape) -> Shape:
        need_vector(shape, "l2_norm")
        return shape

    def kept(self, shape: Shape) -> Kept:
        return Kept(True, False, 2 * BYTES)  # the length, and what is divided by


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

    def kept(self, shape: Shape) -> Kept:
        return Kept(False, False)

    def channel_order(self, shape: Shape) -> str:
        return "keeps" if len(self.scale) == len(self.shift) == 1 else "fixed"
