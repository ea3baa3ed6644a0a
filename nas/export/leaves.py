"""The leaves of a network as Python: one expression each, over torch's own modules where there is one."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.architecture import ops
from nas.architecture.fields import BatchNorm, Pair, Sides
from nas.architecture.op import Op
from nas.architecture.own_ops import LAYERS_OF
from nas.architecture.plan import Node
from nas.architecture.shapes import even, is_map
from nas.errors import InputError
from nas.export.layout import Expression, call, called_with, lines, literal
from nas.export.numbers import Numbers
from nas.network import layers

ACTIVATIONS = {
    "relu": ("ReLU", "nn.ReLU({})", "torch.relu({})"),
    "relu6": ("ReLU6", "nn.ReLU6({})", "functional.relu6({})"),
    "leaky_relu": ("LeakyReLU", "nn.LeakyReLU({})", "functional.leaky_relu({})"),
    "elu": ("ELU", "nn.ELU({})", "functional.elu({})"),
    "silu": ("SiLU", "nn.SiLU({})", "functional.silu({})"),
    "gelu": ("GELU", "nn.GELU()", "functional.gelu({})"),
    "hardswish": ("Hardswish", "nn.Hardswish({})", "functional.hardswish({})"),
    "sigmoid": ("Sigmoid", "nn.Sigmoid()", "torch.sigmoid({})"),
}
"""Of each activation: its word in the name of a class, its module, and its function."""

CONVOLUTION = '''
class {name}(nn.Sequential):
    """{said}."""

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        groups: int = 1,
{pad}    ) -> None:
        super().__init__()
{body}
'''

PAD = """\
        *,
        pad: tuple[int, int, int, int],
"""


@dataclass(frozen=True)
class _Style:
    """What the convolutions of one class have in common."""

    norm: BatchNorm | None
    activation: str
    bias: bool
    padded: bool

    @property
    def name(self) -> str:
        words = ["Padded" if self.padded else "", "Conv", "Norm" if self.norm else ""]
        return "".join([*words, "" if self.activation == "none" else ACTIVATIONS[self.activation][0]])


@dataclass
class Helpers:
    """The classes and functions that a file needs beside those of its cells: name to source, in the order of need."""

    sources: dict[str, str] = field(default_factory=dict)
    _styles: dict[_Style, str] = field(default_factory=dict)

    def need(self, helper: Any) -> str:
        """The name of a class or function of ours, which needs torch alone, as the file has it, too."""
        name: str = helper.__name__
        self.sources.setdefault(name, inspect.getsource(helper))
        return name

    def chain(self, steps: Sequence[tuple[str, Expression]]) -> Expression:
        return called_with(self.need(layers.chain), steps) if steps else "nn.Identity()"

    def convolution(self, style: _Style) -> str:
        """The name of the class for convolutions of this style."""
        if style not in self._styles:
            number = sum(each.name == style.name for each in self._styles) + 1
            name = style.name if number == 1 else f"{style.name}{number}"
            self.sources[name] = _convolution(name, style, self)
            self._styles[style] = name
        return self._styles[style]


@dataclass(frozen=True)
class Place:
    """Where a leaf stands, in each copy of the class: its nodes, the channels that come in, a name for its width."""

    nodes: Sequence[Node]
    numbers: Numbers
    incoming: str
    name: str
    helpers: Helpers

    @property
    def width(self) -> str:
        return self.numbers.written(tuple(node.output[0] for node in self.nodes), self.name)


def leaf(place: Place) -> Expression:
    """Raises `InputError` for an op of the user's own that has no source."""
    node = place.nodes[0]
    if type(node.op) not in LEAVES:
        return _own(node, place.helpers)
    return LEAVES[type(node.op)](node.op, place)


def _own(node: Node, helpers: Helpers) -> Expression:
    """The op's own expression, with the class it names, as its author wrote it."""
    expression = node.op.source(node.input)
    if expression is None:
        raise InputError(
            f"{node.path}: the op {node.kind!r} is your own, and says nothing of its source; give it a method source "
            "(docs/extending.md), or export to torch-export or onnx"
        )
    name, module = expression.partition("(")[0], LAYERS_OF[type(node.op)].partition(":")[0]
    try:
        helpers.need(getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError, OSError, TypeError) as error:
        raise InputError(f"{node.path}: the source of {expression}: no class {name} in {module} ({error})") from None
    return expression


def activated(activation: str, expression: str) -> str:
    """The activation of a closing sum, as a function."""
    return expression if activation == "none" else ACTIVATIONS[activation][2].format(expression)


def _conv(op: ops.Conv, at: Place) -> Expression:
    groups = tuple(int(node.op.groups) for node in at.nodes if isinstance(node.op, ops.Conv))
    options = {
        "stride": _pair(op.stride) if op.stride != (1, 1) else "",
        "padding": _padding(op.sides),
        "groups": at.numbers.written(groups, f"{at.name}_groups") if set(groups) != {1} else "",
    }
    if op.norm is None and op.activation == "none" and even(op.sides):
        options["bias"] = "" if op.bias else "False"
        return at.helpers.chain([("conv", call("nn.Conv2d", at.incoming, at.width, _pair(op.kernel), **options))])
    name = at.helpers.convolution(_Style(op.norm, op.activation, op.bias, not even(op.sides)))
    pad = "" if even(op.sides) else _as_torch(op.sides)
    return call(name, at.incoming, at.width, _pair(op.kernel), **options, pad=pad)


def _linear(op: ops.Linear, at: Place) -> Expression:
    linear = call("nn.Linear", at.incoming, at.width, bias="" if op.bias else "False")
    steps: list[tuple[str, Expression]] = [("linear", linear)]
    if op.norm is not None:
        steps.append(("norm", _batch_norm(op.norm, "nn.BatchNorm1d", at.width, at.helpers)))
    if op.activation != "none":
        steps.append(("activation", _activation(op.activation, True)))
    return at.helpers.chain(steps)


def _pool(op: ops.Pool, at: Place) -> Expression:
    sides = op.reached(at.nodes[0].input)
    uncounted = op.kind == "average" and even(sides) and not op.count_padding
    pool = call(
        "nn.MaxPool2d" if op.kind == "max" else "nn.AvgPool2d",
        _pair(op.kernel),
        stride=_pair(op.stride) if op.stride != op.kernel else "",
        padding=_padding(sides),
        ceil_mode="True" if op.ceil else "",
        count_include_pad="False" if uncounted else "",
    )
    if even(sides):
        return pool
    pad = _as_torch(sides)
    if op.kind == "max":
        return call("nn.Sequential", call("nn.ConstantPad2d", pad, 'float("-inf")'), pool)
    if op.count_padding:
        return call("nn.Sequential", call("nn.ZeroPad2d", pad), pool)
    return call(at.helpers.need(layers.PaddedAverage), call("nn.ZeroPad2d", pad), pool)


def _global_pool(op: ops.GlobalPool, at: Place) -> Expression:
    return call(at.helpers.need(layers.GlobalAverage if op.kind == "average" else layers.GlobalMax))


def _adaptive_pool(op: ops.AdaptivePool, at: Place) -> Expression:
    return f"nn.Adaptive{'Avg' if op.kind == 'average' else 'Max'}Pool2d({_pair(op.size)})"


def _lrn(op: ops.LRN, at: Place) -> Expression:
    alpha = op.alpha if op.divide_alpha else op.alpha * op.size  # torch divides by the size
    return call("nn.LocalResponseNorm", str(op.size), alpha=repr(alpha), beta=repr(op.beta), k=repr(op.k))


def _norm(op: ops.Norm, at: Place) -> Expression:
    assert op.norm is not None, "without a norm it is an identity"
    module = "nn.BatchNorm2d" if is_map(at.nodes[0].input) else "nn.BatchNorm1d"
    return _batch_norm(op.norm, module, at.incoming, at.helpers)


LEAVES: dict[type[Op], Callable[[Any, Place], Expression]] = {
    ops.Conv: _conv,
    ops.Linear: _linear,
    ops.Pool: _pool,
    ops.GlobalPool: _global_pool,
    ops.AdaptivePool: _adaptive_pool,
    ops.LRN: _lrn,
    ops.Norm: _norm,
    ops.ChannelAffine: lambda op, at: call(
        at.helpers.need(layers.ChannelAffine), scale=literal(op.scale), shift=literal(op.shift)
    ),
    ops.Dropout: lambda op, at: f"nn.Dropout({op.rate!r})",
    ops.Flatten: lambda op, at: "nn.Flatten()",
    ops.Activation: lambda op, at: _activation(op.activation, False),
    ops.L2Norm: lambda op, at: call(at.helpers.need(layers.UnitLength)),
}
"""The expression of each concrete leaf that does something."""


def _pair(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else literal(pair)


def _padding(sides: Sides) -> str:
    """As an option of torch's layers, which pad both sides alike or not at all."""
    top, _, left, _ = sides
    return _pair((top, left)) if even(sides) and (top or left) else ""


def _as_torch(sides: Sides) -> str:
    top, bottom, left, right = sides
    return literal((left, right, top, bottom))


def _activation(activation: str, inplace: bool) -> str:
    """In place only over a tensor that nobody else reads."""
    return ACTIVATIONS[activation][1].format("inplace=True" if inplace else "")


def _batch_norm(norm: BatchNorm, module: str, width: str, helpers: Helpers) -> Expression:
    eps, momentum = repr(norm.eps) if norm.eps != 1e-5 else "", repr(norm.momentum) if norm.momentum != 0.1 else ""
    whole = call(module, width, eps=eps, momentum=momentum)
    return whole if norm.scale else call(helpers.need(layers.without_gamma), whole)


def _convolution(name: str, style: _Style, helpers: Helpers) -> str:
    """The source of the class for convolutions of this style."""
    bias = "" if style.bias == (style.norm is None) else " with bias" if style.bias else " without bias"
    words = ["zero padding"] * style.padded + [f"convolution{bias}"] + ["batch norm"] * (style.norm is not None)
    given = ("channels", "width", "kernel", "stride", "padding")
    conv = call("nn.Conv2d", *given, groups="groups", bias="" if style.bias else "False")
    body = ["        self.pad = nn.ZeroPad2d(pad)"] if style.padded else []
    body += lines(conv, 8, "self.conv = ")
    if style.norm is not None:
        body += lines(_batch_norm(style.norm, "nn.BatchNorm2d", "width", helpers), 8, "self.norm = ")
    if style.activation != "none":
        words.append(ACTIVATIONS[style.activation][0])
        body.append(f"        self.activation = {_activation(style.activation, True)}")
    said = ", ".join(words)
    pad = PAD if style.padded else ""
    return CONVOLUTION.format(name=name, said=said[0].upper() + said[1:], pad=pad, body="\n".join(body))
