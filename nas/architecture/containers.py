"""The ops that hold chains: in a row, side by side, around a shortcut, as a graph, copied, or as a side classifier."""

from dataclasses import dataclass

from nas.architecture import fields as f
from nas.architecture.fields import optional
from nas.architecture.op import Kept, Op, Steps, kept_of_activation
from nas.architecture.shapes import Shape


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

    def kept(self, shape: Shape) -> Kept:
        """Of the closing activation of a sum of `shape`."""
        return kept_of_activation(self.activation, shape)


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
