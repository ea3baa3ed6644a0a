"""What stands in a box: an op's kind (its colour), a line that says what it is, and a remark below it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from nas.architecture.ops import Activation, Conv, Dropout, Linear, Pool, Residual
from nas.architecture.plan import Node
from nas.architecture.shapes import Shape, written
from nas.architecture.sketch import POOLS, group_words, leaf_text, padding_word, window
from nas.drawing.text import Span, Text, small

ACTIVATIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "silu": "SiLU",
    "gelu": "GELU",
}

Same = tuple[Node, ...]
"""One op in each of several copies of a cell that are drawn as one."""


@dataclass(frozen=True)
class Finish:
    """What comes with a convolution."""

    bias: bool
    norm: bool
    activation: str

    @classmethod
    def of(cls, op: Conv) -> "Finish":
        return cls(op.bias, op.norm is not None, op.activation)

    def __str__(self) -> str:
        """`with batch norm and ReLU`"""
        parts = ["bias"] * self.bias + ["batch norm"] * self.norm
        parts += [activation_name(self.activation)] if self.activation != "none" else []
        if not parts:
            return "without bias, norm and activation"
        return "with " + " and ".join(", ".join(parts).rsplit(", ", 1))

    def remarks(self, usual: "Finish") -> list[str]:
        """How it differs from what is usual in the picture."""
        if self == usual:
            return []
        if (self.norm, self.activation) == (False, "none"):
            return ["linear"] if self.bias else ["linear, no bias"]
        remarks = [] if self.bias == usual.bias else ["bias" if self.bias else "no bias"]
        remarks += [] if self.norm == usual.norm else ["batch norm" if self.norm else "no norm"]
        if self.activation != usual.activation:
            remarks.append("no activation" if self.activation == "none" else activation_name(self.activation))
        return remarks


@dataclass(frozen=True)
class Pen:
    """What boxes of one picture have in common: the usual finish, and letters for values that differ among copies."""

    usual: Finish | None
    letters: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def value(self, values: Sequence[str]) -> Span:
        """The value that all copies have, or the letter that stands for theirs."""
        if len(set(values)) == 1:
            return Span(values[0])
        return Span(self.letters[tuple(values)], italic=True)


def usual_finish(root: Node) -> Finish | None:
    """What most convolutions of a network come with; None if it has none."""
    finishes = Counter(Finish.of(node.op) for node in root.walk(aux=True) if isinstance(node.op, Conv))
    return finishes.most_common(1)[0][0] if finishes else None


def activation_name(activation: str) -> str:
    return ACTIVATIONS.get(activation, activation)


def values(node: Node) -> tuple[str, ...]:
    """What may differ among copies of a cell that are drawn as one."""
    match node.op:
        case Conv() | Linear() as op:
            return (str(op.channels),)
        case Residual(scale=scale):
            return (f"{scale:g}",)
        case Dropout(rate=rate):
            return (f"{rate:g}",)
        case _:
            return ()


def words(same: Same, pen: Pen) -> tuple[str, list[Text]]:
    """The kind of a leaf's box, and its text: a line that says what it is, and perhaps a remark."""
    kind, title, remarks = _words(same, pen)
    return kind, [Text(title), *([small(", ".join(remarks))] if remarks else [])]


def _words(same: Same, pen: Pen) -> tuple[str, tuple[Span, ...], list[str]]:
    node = same[0]
    number = [pen.value(column) for column in zip(*map(values, same), strict=True)]
    match node.op:
        case Conv() as op:
            remarks = [*_window_remarks(op), *group_words(op, node.input)]
            remarks += Finish.of(op).remarks(pen.usual) if pen.usual else []
            return _conv_kind(op), (Span(window(op.kernel), bold=True), Span(" "), *number), remarks
        case Pool() as op:
            title = (Span(POOLS[op.kind], bold=True), Span(f" {window(op.kernel)}"))
            ceil = any(isinstance(other.op, Pool) and other.op.ceil for other in same)
            return "pool", title, [*_window_remarks(op), *["ceil"] * ceil]
        case Linear() as op:
            remarks = ["no bias"] * (not op.bias) + ["batch norm"] * (op.norm is not None)
            remarks += [activation_name(op.activation)] * (op.activation != "none")
            return "dense", (Span("linear", bold=True), Span(" "), *number), remarks
        case Dropout():
            return "other", (Span("dropout "), *number), []
        case Activation(activation=activation):
            return "other", (Span(activation_name(activation)),), []
        case op:
            kind = "pool" if "pool" in node.kind else "other"
            return kind, (Span(leaf_text(op, node.input), bold=kind == "pool"),), []


def shape_words(shapes: Sequence[Shape], several: str) -> str:
    """The shape that all copies have, the two that follow one another, or else `several`."""
    runs = [written(shape) for shape, _ in groupby(shapes)]
    return ", then ".join(runs) if len(runs) < 3 else several


def _conv_kind(op: Conv) -> str:
    if op.kernel == (1, 1):
        return "point"
    return "square" if op.kernel[0] == op.kernel[1] else "factor"


def _window_remarks(op: Conv | Pool) -> list[str]:
    stride = window(op.kernel, op.stride).partition("/")[2]
    padding = padding_word(op.sides, op.kernel)
    remarks = [f"stride {stride}"] if stride else []
    if padding and op.kernel != (1, 1):
        remarks.append("valid" if padding == "V" else f"padding {padding[1:]}")
    return remarks
