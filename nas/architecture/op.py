"""What an op is: its shape, parameters, multiply-adds, and what training keeps of it."""

from dataclasses import dataclass
from typing import ClassVar

from nas.architecture import fields as f
from nas.architecture.fields import BatchNorm, Relative, Sides, Width
from nas.architecture.shapes import Shape, elements, even

BYTES = 4
"""Of a number, in training with 32 bits."""


@dataclass(frozen=True)
class Kept:
    """What training keeps of a leaf from its forward pass until its gradients are taken.

    What comes in, what goes out, and `other` bytes an image: copies, indices and the like.
    """

    input: bool = True
    output: bool = True
    other: int = 0


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

    def kept(self, shape: Shape) -> Kept | None:
        """What training keeps of a concrete leaf; None if it hands on the very numbers that come in."""
        return Kept()

    def source(self, shape: Shape) -> str | None:
        """What makes its module in exported Python, as `Scale(64, 16)`, of a class in the module of its layer.

        For ops of the user's own (docs/extending.md); the language's are known to the export. None: it has no source.
        """
        return None

    def channel_order(self, shape: Shape) -> str:
        """What a concrete leaf makes of the order of its channels, which identity depends on.

        mixes: every output reads all channels through weights of its own, so that any order in and out can be undone
        by permuting weights. keeps: an output channel depends on the same input channel alone. fixed: neither.
        """
        return "fixed"


Steps = tuple[Op, ...]


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


FROM_RESULT = ("relu", "leaky_relu", "elu", "sigmoid")
"""Activations whose gradient follows from their result; the others keep what came in."""


def kept_of_activation(activation: str, shape: Shape) -> Kept:
    """Of an activation that is done in place, as it is behind a weighted layer and a sum."""
    other = 0 if activation in (*FROM_RESULT, "none") else BYTES * elements(shape)
    return Kept(input=False, output=activation in FROM_RESULT, other=other)


def copied(shape: Shape, sides: Sides) -> int:
    """Bytes of an image's map with its padding, where torch makes such a copy: for sides that are uneven. Else 0."""
    if even(sides):
        return 0
    top, bottom, left, right = sides
    return BYTES * shape[0] * (shape[1] + top + bottom) * (shape[2] + left + right)


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
