"""A cell in one line of text, as papers write modules: `1×1 64 | 1×1 48 → 5×5 64 | avg → 1×1 32`.

`→` is one after the other, `|` side by side and concatenated (in brackets inside of a chain), `/2` a stride, `V` no
padding. A convolution is its kernel and width; without an activation it is `linear`. A pool without numbers is 3×3.
"""

from itertools import groupby

from nas.architecture import Architecture, ops
from nas.architecture.fields import Pair, Sides
from nas.architecture.plan import Node, in_row
from nas.architecture.shapes import Shape

WHOLE = "network"
"""What a sketch is called that is of no cell."""

POOLS = {"average": "avg", "max": "max"}
ACTIVATIONS = {"relu": [], "none": ["linear"]}
"""What a convolution says of them instead of their name."""


def sketch(node: Node) -> str:
    """The line of text for an op of a plan and all that is in it."""
    return _chain(node.steps())


def cell_sketches(architecture: Architecture) -> dict[str, str]:
    """The sketch of each cell that has branches or a residual, by the cell's name; its first copy stands for all.

    A cell inside another is part of the other's sketch and has none of its own.
    """
    sketches: dict[str, str] = {}
    _collect(architecture.plan, sketches)
    return sketches


def sketches(architecture: Architecture) -> dict[str, str]:
    """Those of its cells; of a network without any, a line for it all."""
    return cell_sketches(architecture) or {WHOLE: sketch(architecture.plan)}


def _collect(node: Node, sketches: dict[str, str]) -> None:
    match node.op:
        case ops.Cell(cell=name):
            if node.children and has_branches(node.children[0]):
                sketches.setdefault(name, sketch(node.children[0]))
        case ops.Chain() | ops.Branches() | ops.Residual() | ops.Graph():
            for child in node.children:
                _collect(child, sketches)


def has_branches(node: Node) -> bool:
    """Whether there are branches (be it one), a residual or a graph in it."""
    return any(isinstance(inner.op, ops.Branches | ops.Residual | ops.Graph) for inner in node.walk())


def _chain(nodes: tuple[Node, ...]) -> str:
    """Empty, it is `x`: what comes in goes out."""
    if len(nodes) == 1:
        return _op(nodes[0])
    return " → ".join(_inside(node) for node in nodes) or "x"


def _inside(node: Node) -> str:
    """An op within a longer chain: what would bind less than the arrow is set apart."""
    match node.op:
        case ops.Branches():
            return f"[{_op(node)}]"
        case ops.Residual() | ops.Graph():
            return f"({_op(node)})"
        case _:
            return _op(node)


def _op(node: Node) -> str:
    match node.op:
        case ops.Branches():
            return " | ".join(_chain(branch.steps()) for branch in node.children)
        case ops.Residual():
            return _residual(node, node.op)
        case ops.Cell():
            runs = [(text, len(list(same))) for text, same in groupby(map(sketch, node.children))]
            return " → ".join(f"{count} × ({text})" for text, count in runs)
        case ops.Graph():
            return "; ".join(graph_lines(node))
        case ops.Aux():
            return f"aux ({sketch(node.children[0])})"
        case op:
            return leaf_text(op, node.input)


def _residual(node: Node, op: ops.Residual) -> str:
    body, shortcut = (_chain(in_row(side)) for side in node.sides())
    scale = "" if op.scale == 1 else f"{op.scale:g}·"
    kept = f"({shortcut})" if " " in shortcut else shortcut
    closing = {"relu": "", "none": ", no activation"}.get(op.activation, f" → {op.activation}")
    return f"{kept} + {scale}({body}){closing}"


def graph_lines(node: Node) -> list[str]:
    """A line for each node of a graph: `b = in + (a → avg)`."""
    lines: list[str] = []
    for name, chains in node.sums():
        terms = [" → ".join([source, *map(_inside, chain.steps())]) for source, chain in chains]
        lines.append(f"{name} = " + (" + ".join(f"({t})" if " " in t and len(terms) > 1 else t for t in terms) or "0"))
    return lines


def leaf_text(op: ops.Op, shape: Shape) -> str:
    """A concrete leaf for an input of `shape`: `3×3/2 384 V`, `max 3×3/2 V`, `linear 1000`."""
    match op:
        case ops.Conv(kernel=(1, 1), activation="none", stride=(1, 1), groups=1):
            return f"linear {op.channels}"
        case ops.Conv():
            words = [window(op.kernel, op.stride), str(op.channels), *_padding_words(op.sides, op.kernel)]
            return " ".join([*words, *group_words(op, shape), *ACTIVATIONS.get(op.activation, [op.activation])])
        case ops.Pool():
            words = [window(op.kernel, op.stride), *_padding_words(op.sides, op.kernel)]
            return " ".join([POOLS[op.kind], *(words if words != ["3×3"] else []), *(["ceil"] if op.ceil else [])])
        case ops.GlobalPool(kind=kind):
            return f"global {POOLS[kind]}"
        case ops.AdaptivePool(kind=kind, size=size):
            return f"{POOLS[kind]} to {window(size)}"
        case ops.Linear(activation=activation):
            return f"linear {op.channels}" + ("" if activation == "none" else f" {activation}")
        case ops.Dropout(rate=rate):
            return f"dropout {rate:g}"
        case ops.LRN(size=size):
            return f"LRN {size}"
        case ops.Activation(activation=activation):
            return activation
        case _:
            return WORDS.get(type(op), ops.KINDS[type(op)])


WORDS: dict[type[ops.Op], str] = {
    ops.ChannelAffine: "affine per channel",
    ops.Flatten: "flatten",
    ops.Identity: "x",
    ops.L2Norm: "L2 norm",
    ops.Norm: "batch norm",
}
"""Ops that have nothing to tell but what they are."""


def window(kernel: Pair, stride: Pair = (1, 1)) -> str:
    """`3×3`, with its stride `3×3/2`."""
    by = "" if stride == (1, 1) else f"/{stride[0]}" if stride[0] == stride[1] else f"/{stride[0]}×{stride[1]}"
    return f"{kernel[0]}×{kernel[1]}{by}"


def padding_word(sides: Sides, kernel: Pair) -> str:
    """Nothing for padding that keeps the grid at stride 1, `V` for none, else the numbers."""
    total = (sides[0] + sides[1], sides[2] + sides[3])
    if total == (kernel[0] - 1, kernel[1] - 1) and sides[0] <= sides[1] and sides[2] <= sides[3]:
        return ""
    if not any(sides):
        return "V"
    return f"p{sides[0]}" if len(set(sides)) == 1 else "p" + ",".join(map(str, sides))


def group_words(op: ops.Conv, shape: Shape) -> list[str]:
    """What is to be said of a convolution's groups."""
    if op.groups == 1:
        return []
    return ["depthwise"] if op.groups == shape[0] else [f"{op.groups} groups"]


def _padding_words(sides: Sides, kernel: Pair) -> list[str]:
    word = padding_word(sides, kernel)
    return [word] if word else []
