"""What an architecture is made of: the ways from its input to its output, and a key that networks alike share.

Both look at a graph as the sum of all ways through it, so two graphs that differ only in whether two of their ways
share a layer, or in layers that nothing reaches, have the same of both.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import groupby
from typing import TypeVar

from nas.architecture import ops
from nas.architecture.fields import Pair
from nas.architecture.plan import Node

T = TypeVar("T")

Way = tuple[str, ...]
"""Layers one after the other, in words."""

LONGEST = 6
"""Layers of a way that are kept: the last."""

ZERO = ""
"""The key of what is zero: a sum of nothing, and what is made of it."""

UNTOLD = {ops.Activation, ops.ChannelAffine, ops.Dropout, ops.Flatten, ops.Identity, ops.L2Norm, ops.LRN, ops.Norm}
"""Layers that a way does not name."""


@dataclass(frozen=True)
class Structure:
    """`ways` and `layers` say how often each occurs in a block, on average over the blocks that follow one another.

    A block is a container (branches, a residual, a graph), or a run of layers between containers. Layers count that lie
    on a way. `lengths` are the numbers of layers on the shortest, the mean and the longest way through the network.
    Equal digests have equal keys.
    """

    key: str
    ways: Mapping[Way, float]
    layers: Mapping[str, float]
    lengths: tuple[float, float, float]


def structure(root: Node) -> Structure:
    """The structure of a network's plan; side classifiers count for the key alone."""
    heads: list[str] = []
    key = _key(root, f"{root.input}", heads)
    blocks = list(_blocks(root))
    ways = [block.ways for block in blocks if block.ways]
    lengths = [[len(way) for way in block] for block in ways]
    means = (sum(len(way) * many for way, many in block.items()) / block.total() for block in ways)
    return Structure(
        key=_hashed(";".join([key, *sorted(heads)])),
        ways={way: many / len(blocks) for way, many in _total(ways).items()},
        layers={layer: many / len(blocks) for layer, many in _total(block.layers for block in blocks).items()},
        lengths=(sum(map(min, lengths)), sum(means), sum(map(max, lengths))),
    )


@dataclass(frozen=True)
class _Block:
    ways: Counter[Way]
    layers: Counter[str]


def _blocks(root: Node) -> Iterator[_Block]:
    known: dict[ops.Op, _Block] = {}
    row = _flat(root.children)
    for holds, nodes in groupby(row, lambda node: isinstance(node.op, ops.Branches | ops.Residual | ops.Graph)):
        if not holds:
            run = list(nodes)
            yield _Block(_row(run), _total(map(_layers, run)))
            continue
        for node in nodes:
            if node.op not in known:  # copies of a cell differ in nothing that is told here
                known[node.op] = _Block(_ways(node), _layers(node))
            yield known[node.op]


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    """The ops in a row, with chains and cells dissolved; what does nothing counts as a layer without a word."""
    for node in nodes:
        match node.op:
            case ops.Chain() | ops.Cell():
                yield from _flat(node.children)
            case ops.Branches() if len(node.children) == 1:
                yield from _flat(node.children)
            case ops.Aux():
                pass
            case _:
                yield node


def _ways(node: Node) -> Counter[Way]:
    match node.op:
        case ops.Graph():
            values: dict[str, Counter[Way]] = {"in": Counter({(): 1})}
            for name, chains in node.sums():
                values[name] = total = _total(_after(values[source], _ways(chain)) for source, chain in chains)
            return total
        case ops.Residual():
            return _total(map(_row, node.sides()))
        case ops.Branches():
            return _total(map(_ways, node.children))
        case ops.Chain() | ops.Cell():
            return _row(node.children)
        case op:
            word = _written(op)[1]
            return Counter({(word,) if word else (): 1})


def _row(nodes: Sequence[Node]) -> Counter[Way]:
    ways: Counter[Way] = Counter({(): 1})
    for node in nodes:
        ways = _after(ways, _ways(node))
    return ways


def _after(ways: Counter[Way], others: Counter[Way]) -> Counter[Way]:
    made: Counter[Way] = Counter()
    for first, many in ways.items():
        for then, more in others.items():
            made[(*first, *then)[-LONGEST:]] += many * more
    return made


def _layers(node: Node) -> Counter[str]:
    match node.op:
        case ops.Graph():
            return _total(map(_layers, _alive(node)))
        case ops.Chain() | ops.Cell() | ops.Branches() | ops.Residual():
            return _total(map(_layers, node.children))
        case op:
            word = _written(op)[1]
            return Counter({word: 1} if word else {})


def _alive(node: Node) -> list[Node]:
    """The chains of a graph that lie on a way from its input to its output."""
    sums = list(node.sums())
    edges = [(source, name, chain) for name, chains in sums for source, chain in chains]
    reached, needed = {"in"}, {sums[-1][0]}
    for source, name, _ in edges:
        reached |= {name} if source in reached else set()
    for source, name, _ in reversed(edges):
        needed |= {source} if name in needed else set()
    return [chain for source, name, chain in edges if source in reached and name in needed]


def _total(several: Iterable[Counter[T]]) -> Counter[T]:
    total: Counter[T] = Counter()
    for some in several:
        total.update(some)
    return total


def _key(node: Node, x: str, heads: list[str]) -> str:
    """The key of what the node makes of `x`: a sum is its terms with + between, what is concatenated has |."""
    match node.op:
        case ops.Chain() | ops.Cell():
            return _key_of_row(node.children, x, heads)
        case ops.Branches():
            return _joined("|", [_key(branch, x, heads) or "0" for branch in node.children])
        case ops.Residual() as op:
            body, shortcut = (_key_of_row(side, x, heads) for side in node.sides())
            scaled = _hashed(f"{op.scale} {body}") if body and op.scale != 1 else body
            total = _joined("+", [scaled, shortcut])
            return _hashed(f"{op.activation} {total}") if total and op.activation != "none" else total
        case ops.Graph():
            values = {"in": x}
            for name, chains in node.sums():
                x = values[name] = _joined("+", [_key(chain, values[source], heads) for source, chain in chains])
            return x
        case ops.Aux():
            heads.extend(_key(head, "", []) or _hashed(repr(node.op)) for head in node.children)
            return x
        case ops.Identity() | ops.Dropout(rate=0.0):
            return x
        case op:
            return _hashed(f"{_written(op)[0]} {x}") if x else ZERO


def _key_of_row(nodes: Sequence[Node], x: str, heads: list[str]) -> str:
    for node in nodes:
        x = _key(node, x, heads)
    return x


def _joined(sign: str, keys: Sequence[str]) -> str:
    """Sums within sums are one sum, and so are concatenations; their order is not told."""
    other = "|" if sign == "+" else "+"
    parts = [_hashed(key) if other in key else key for key in keys if key]
    return sign.join(sorted(sign.join(parts).split(sign))) if parts else ZERO


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@lru_cache(maxsize=4096)
def _written(op: ops.Op) -> tuple[str, str]:
    """A layer with all its fields; and in a word without widths, which is empty for those that are not told."""
    given = " ".join(f"{getattr(op, field.name)}" for field in fields(op) if field.name != "name")
    return f"{ops.KINDS[type(op)]} {given}", _word(op)


def _word(op: ops.Op) -> str:
    match op:
        case ops.Conv():
            return f"{_window(op.kernel, op.stride)}{'' if op.groups == 1 else ' grouped'}"
        case ops.Pool():
            return f"{op.kind} {_window(op.kernel, op.stride)}"
        case ops.GlobalPool() | ops.AdaptivePool():
            return f"{op.kind} pool"
        case _:
            return "" if type(op) in UNTOLD else ops.KINDS[type(op)]


def _window(kernel: Pair, stride: Pair) -> str:
    """By the stride of its rows. Hashes of words order what models add up: another spelling changes proposals."""
    return f"{kernel[0]}x{kernel[1]}" + ("" if stride == (1, 1) else f"/{stride[0]}")
