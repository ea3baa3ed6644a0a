"""The digest: what it ignores, what it tells apart, and that networks of one digest compute the same."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import torch
from built import randomized
from documents import HEAD, build, conv, document, side_by_side
from equivalence import CannotBeTheSame, carry
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.architecture import Architecture
from nas.cost import cost
from nas.network import build_network

LRN = {"op": "lrn"}
GROUPED = conv(6, 1, groups=2)
MAX = {"op": "pool", "kind": "max"}


def digest(*ops: Any, **keys: Any) -> str:
    return build(*ops, **keys).digest


def a_b(*after: Any, a: Any = None, b: Any = None, **more: Any) -> tuple[list[Any], list[Any]]:
    """Two branches and what comes behind them, once in either order."""
    a, b = a or [conv(2)], b or [conv(4)]
    return [side_by_side(a=a, b=b, **more), *after], [side_by_side(**more, b=b, a=a), *after]


SAME: dict[str, tuple[list[Any], list[Any]]] = {
    "names of ops": ([conv(name="a"), conv()], [conv(name="b"), conv(name="c")]),
    "names of branches": ([side_by_side(a=conv(4), b=conv(5))], [side_by_side(y=conv(4), x=conv(5))]),
    "order of branches before a convolution": a_b(conv()),
    "order of branches before a head": a_b(),
    "order of branches before a pool and a depthwise convolution": a_b(MAX, conv(6, groups="in"), conv()),
    "order of branches before a norm, an activation and dropout": a_b(
        {"op": "norm"}, {"op": "activation"}, {"op": "dropout"}
    ),
    "order of branches before one number per channel for all": a_b({"op": "channel_affine", "scale": 2}),
    "order of branches before branches": a_b(side_by_side(x=conv(3), y=[MAX])),
    "order of branches before a residual that can follow": a_b(
        {"op": "residual", "body": [conv(6), MAX]}, {"op": "residual", "body": [conv(3)], "projection": True}
    ),
    "order of branches in a projected residual body": (
        [{"op": "residual", "projection": True, "body": a_b()[0]}],
        [{"op": "residual", "projection": True, "body": a_b()[1]}],
    ),
    "order of branches within branches": (
        [side_by_side(x=[*a_b()[0], conv(3)], y=a_b()[0])],
        [side_by_side(y=a_b()[1], x=[*a_b()[1], conv(3)])],
    ),
    "order of branches read by an aux head": a_b({"op": "aux", "chain": HEAD}, conv()),
    "chains": ([conv(), MAX], [{"op": "chain", "chain": [conv(), {"op": "chain", "chain": MAX}]}]),
    "identities": ([conv(), MAX], [{"op": "identity"}, conv(), {"op": "dropout", "rate": 0}, MAX]),
    "no norm and no activation": (
        [conv()],
        [conv(), {"op": "norm", "norm": "none"}, {"op": "activation", "activation": "none"}],
    ),
    "a convolution of width 0": ([MAX, conv()], [MAX, conv(0, 1), conv()]),
    "a stacked kernel of 3": ([conv(kernel=3)], [conv(kernel=3, form="stacked")]),
    "stacked and written out": ([conv(kernel=5, form="stacked")], [conv(), conv()]),
    "a kernel of 1 in any form": ([conv(kernel=1)], [conv(kernel=1, form={"kind": "asymmetric", "times": 2})]),
    "asymmetric and written out": ([conv(kernel=7, form="asymmetric")], [conv(kernel=[1, 7]), conv(kernel=[7, 1])]),
    "a fork and written out": (
        [conv(8, 3, form="fork")],
        [side_by_side(wide=conv(4, [1, 3]), tall=conv(4, [3, 1]))],
    ),
    "a concatenation within a concatenation": (
        [side_by_side(a=[side_by_side(x=conv(2), y=conv(3))], b=conv(4))],
        [side_by_side(x=conv(2), b=conv(4), y=conv(3))],
    ),
    "an absent branch": ([side_by_side(a=conv(2), b=conv(3))], [side_by_side(a=conv(2), b=conv(3), c=None)]),
    "a lone branch": ([conv(), MAX], [side_by_side(a=[conv(), MAX], b=None)]),
    "a lone branch at the end of a residual body": (
        [{"op": "residual", "body": [conv(3)]}],
        [{"op": "residual", "body": side_by_side(a=[conv(3)])}],
    ),
    "same padding in numbers": ([conv(kernel=[3, 5])], [conv(kernel=[3, 5], padding=[1, 2])]),
    "same padding in four numbers": ([conv(kernel=4)], [conv(kernel=4, padding=[1, 2, 1, 2])]),
    "tf_same at stride 1": ([conv(kernel=3)], [conv(kernel=3, padding="tf_same")]),
    "widths in symbols": ([conv(3), conv(5)], [conv("in"), conv("classes")]),
    "relative widths": ([conv(8), conv(4)], [conv(8), conv({"of": "in", "times": 0.5})]),
    "groups in a symbol": ([conv(6, groups=3)], [conv(6, groups="in")]),
    "flags that say nothing": ([MAX], [MAX | {"ceil": True, "count_padding": False}]),
    "a pool of one": ([conv()], [conv(), MAX | {"kernel": 1}]),
    "per-channel numbers that are all alike": (
        [{"op": "channel_affine", "scale": 2.0, "shift": 1}],
        [{"op": "channel_affine", "scale": [2, 2, 2], "shift": [1, 1, 1]}],
    ),
    "a projection and written out": (
        [{"op": "residual", "body": conv(), "projection": True}],
        [{"op": "residual", "body": [conv(), conv(3, 1, bias=True, norm="none", activation="none")]}],
    ),
    "an empty shortcut": (
        [{"op": "residual", "body": [conv(3)]}],
        [{"op": "residual", "body": [conv(3)], "shortcut": [{"op": "identity"}]}],
    ),
    "where an aux head stands": (
        [conv(name="a"), {"op": "aux", "chain": HEAD, "of": "a"}, conv(6)],
        [conv(name="a"), conv(6), {"op": "aux", "chain": HEAD, "of": "a"}],
    ),
    "the order of aux heads at one tap": (
        [conv(), {"op": "aux", "chain": HEAD}, {"op": "aux", "chain": [conv(2), *HEAD]}, conv()],
        [conv(), {"op": "aux", "chain": [conv(2), *HEAD]}, {"op": "identity"}, {"op": "aux", "chain": HEAD}, conv()],
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_the_digest_ignores(one: list[Any], other: list[Any]) -> None:
    assert digest(*one) == digest(*other)
    assert cost(build(*one)).parameters == cost(build(*other)).parameters
    assert cost(build(*one)).macs == cost(build(*other)).macs


DIFFERENT: dict[str, tuple[list[Any], list[Any]]] = {
    "kernels": ([conv(kernel=3)], [conv(kernel=5)]),
    "orientation": ([conv(kernel=[1, 3])], [conv(kernel=[3, 1])]),
    "strides": ([conv()], [conv(stride=2)]),
    "widths": ([conv(8)], [conv(9)]),
    "paddings": ([conv(kernel=4)], [conv(kernel=4, padding=[2, 1, 2, 1])]),
    "same and tf_same at stride 2": ([conv(stride=2)], [conv(stride=2, padding="tf_same")]),
    "groups": ([conv(6)], [conv(6, groups=3)]),
    "bias": ([conv()], [conv(bias=True)]),
    "norm": ([conv()], [conv(norm="none")]),
    "eps of a norm": ([conv()], [conv(norm={"eps": 1e-3})]),
    "momentum of a norm": ([conv()], [conv(norm={"momentum": 0.01})]),
    "scale of a norm": ([conv()], [conv(norm={"scale": False})]),
    "activations": ([conv()], [conv(activation="relu6")]),
    "forms": ([conv(kernel=5, form="stacked")], [conv(kernel=5, form="asymmetric")]),
    "order of a form": (
        [conv(kernel=5, form="asymmetric")],
        [conv(kernel=5, form={"kind": "asymmetric", "first": "nx1"})],
    ),
    "order of ops": ([conv(), MAX], [MAX, conv()]),
    "kind of pool": ([MAX], [{"op": "pool", "kind": "average"}]),
    "ceil of a pool": (
        [MAX | {"stride": 2, "padding": "valid"}],
        [MAX | {"stride": 2, "padding": "valid", "ceil": True}],
    ),
    "padding that counts": (
        [{"op": "pool", "kind": "average"}],
        [{"op": "pool", "kind": "average", "count_padding": False}],
    ),
    "kind of adaptive pool": (
        [{"op": "adaptive_pool", "size": 2}],
        [{"op": "adaptive_pool", "size": 2, "kind": "max"}],
    ),
    "size of an LRN": ([LRN], [LRN | {"size": 3}]),
    "alpha of an LRN": ([LRN], [LRN | {"divide_alpha": False}]),
    "dropout": ([{"op": "dropout", "rate": 0.1}], [{"op": "dropout", "rate": 0.2}]),
    "no dropout": ([conv()], [conv(), {"op": "dropout"}]),
    "depth": ([conv(3)], [conv(3), conv(3)]),
    "chain or branches": ([conv(2), conv(3)], [side_by_side(a=conv(2), b=conv(3))]),
    "an empty branch": ([side_by_side(a=conv(2))], [side_by_side(a=conv(2), b=[])]),
    "a branch twice": ([side_by_side(a=conv(2))], [side_by_side(a=conv(2), b=conv(2))]),
    "residual or not": ([conv(3)], [{"op": "residual", "body": [conv(3)]}]),
    "residual scale": ([{"op": "residual", "body": conv(3)}], [{"op": "residual", "body": conv(3), "scale": 0.1}]),
    "residual activation": (
        [{"op": "residual", "body": conv(3)}],
        [{"op": "residual", "body": conv(3), "activation": "none"}],
    ),
    "residual projection": (
        [{"op": "residual", "body": conv(3)}],
        [{"op": "residual", "body": conv(3), "projection": True}],
    ),
    "body and shortcut": (
        [{"op": "residual", "body": conv(4, 1), "shortcut": conv(4, 3)}],
        [{"op": "residual", "body": conv(4, 3), "shortcut": conv(4, 1)}],
    ),
    "an aux head": ([conv()], [conv(), {"op": "aux", "chain": HEAD}]),
    "aux weights": ([conv(), {"op": "aux", "chain": HEAD}], [conv(), {"op": "aux", "chain": HEAD, "weight": 0.4}]),
    "aux taps": ([conv(), {"op": "aux", "chain": HEAD}, conv()], [conv(), conv(), {"op": "aux", "chain": HEAD}]),
    "order of per-channel numbers": (
        [{"op": "channel_affine", "shift": [1, 2, 3]}],
        [{"op": "channel_affine", "shift": [2, 1, 3]}],
    ),
    "order of branches before an LRN": a_b(LRN),
    "order of branches before a pool and an LRN": a_b(MAX, LRN),
    "order of branches before a grouped convolution": a_b(GROUPED),
    "order of branches before per-channel numbers": a_b({"op": "channel_affine", "shift": [1, 2, 3, 4, 5, 6]}),
    "order of branches at the end of a residual body": (
        [conv(6), {"op": "residual", "body": a_b()[0]}],
        [conv(6), {"op": "residual", "body": a_b()[1]}],
    ),
    "order of branches in a shortcut": (
        [{"op": "residual", "body": conv(6), "shortcut": a_b()[0]}],
        [{"op": "residual", "body": conv(6), "shortcut": a_b()[1]}],
    ),
    "order of branches before a residual that cannot follow": a_b({"op": "residual", "body": [LRN, conv(6)]}),
    "order of branches before a residual whose body ends in branches": a_b(
        {"op": "residual", "body": [side_by_side(a=conv(2), b=conv(4))]}
    ),
    "order of branches where an aux head cannot follow": a_b({"op": "aux", "chain": [LRN, *HEAD]}, conv()),
    "order of branches where one branch behind cannot follow": a_b(side_by_side(x=conv(3), y=[LRN])),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_the_digest_tells_apart(one: list[Any], other: list[Any]) -> None:
    assert digest(*one) != digest(*other)


def test_the_order_of_branches_counts_where_they_are_the_networks_output() -> None:
    ends = [side_by_side(a=conv(2), b=conv(3)), side_by_side(b=conv(3), a=conv(2))]
    one, other = (Architecture.from_document(document(end, {"op": "global_pool"})) for end in ends)
    assert one.digest != other.digest


def test_the_digest_ignores_cells_and_how_often_each_is_named() -> None:
    cell = [side_by_side(a=conv(2), b=[conv(3), MAX]), {"op": "residual", "body": conv(5)}]
    inline = digest(*cell, *cell)
    assert digest({"op": "cell", "cell": "x", "depth": 2}, cells={"x": cell}) == inline
    twice = [{"op": "cell", "cell": "x"}, {"op": "cell", "cell": "y"}]
    assert digest(*twice, cells={"x": cell, "y": [{"op": "chain", "chain": cell}]}) == inline
    assert digest(*cell, {"op": "cell", "cell": "x", "depth": 0}, *cell, cells={"x": cell}) == inline


@pytest.mark.parametrize(
    "body",
    [
        {"op": "cell", "cell": "x"},
        side_by_side(lone={"op": "cell", "cell": "x"}),
        [{"op": "chain", "chain": [conv(6)]}, {"op": "chain", "chain": [{"op": "identity"}]}],
        [{"op": "cell", "cell": "x"}, {"op": "cell", "cell": "x", "depth": 0}],
    ],
)
def test_branches_have_no_order_before_a_residual_however_its_body_is_wrapped(body: Any) -> None:
    written_out = digest(*a_b()[0], {"op": "residual", "body": conv(6)}, conv())
    assert digest(*a_b()[1], {"op": "residual", "body": body}, conv(), cells={"x": conv(6)}) == written_out


def test_branches_have_no_order_before_a_residual_whose_body_ends_in_several_copies_of_a_cell() -> None:
    residual = {"op": "residual", "body": {"op": "cell", "cell": "x", "depth": 2}}
    one, other = (digest(*ops, residual, conv(), cells={"x": conv(6)}) for ops in a_b())
    assert one == other == digest(*a_b()[0], {"op": "residual", "body": [conv(6), conv(6)]}, conv())


def test_branches_have_no_order_before_flatten_and_a_linear_layer() -> None:
    head = [{"op": "flatten"}, {"op": "l2_norm"}, {"op": "linear", "width": "classes"}]
    one, other = (Architecture.from_document(document(*ops, *head)) for ops in a_b())
    assert one.digest == other.digest


def test_the_digest_tells_inputs_and_classes_apart() -> None:
    assert (
        len({digest(conv(), **keys) for keys in ({}, {"size": 9}, {"size": [8, 9]}, {"channels": 1}, {"classes": 4})})
        == 5
    )


def test_the_digest_stays_as_it_is() -> None:
    """Studies are stored under it: a change here makes them forget what they have trained."""
    body = [{"op": "residual", "body": conv(8, 5, form="fork", norm={"eps": 1e-3}), "projection": True}, MAX, LRN]
    assert digest(conv(8, 3, padding=[0, 1, 2, 0]), *body) == "86228c48d968d95a"
    shortcut = {"op": "residual", "body": conv(4), "shortcut": conv(4, 1), "scale": 0.5, "activation": "none"}
    aux = {"op": "aux", "chain": HEAD, "weight": 0.4}
    plain = [{"op": "norm"}, {"op": "channel_affine", "scale": [1, 2, 3, 4]}, {"op": "dropout", "rate": 0.1}]
    assert digest(side_by_side(b=MAX, a=conv(2)), shortcut, aux, *plain) == "88c3b1b66fbeae86"


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Convolutions of a few pixels wait longer for a second thread than they take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Networks:
    """Random networks on one grid, in which no two branches are alike."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.number = 1

    def unique(self) -> int:
        self.number += 1
        return self.number

    def network(self) -> list[Any]:
        ops: list[Any] = [conv(6, 1)]
        for _ in range(self.random.randint(2, 4)):
            ops.append(self.random.choice([self.branches, self.branches, self.residual, self.leaf])(0))
            if self.random.random() < 0.2:
                ops.append({"op": "aux", "chain": [*self.chain(1), *HEAD]})
        return ops + self.random.choice(
            [
                HEAD,
                [{"op": "flatten"}, {"op": "norm"}, {"op": "linear", "width": 4}, {"op": "linear", "width": "classes"}],
                [conv("classes", 1), {"op": "global_pool"}],
            ]
        )

    def chain(self, level: int) -> list[Any]:
        """Distinct from every other one, also where it only passes on what comes in."""
        marked = {"op": "dropout", "rate": self.unique() / 1000}
        return [self.op(level) for _ in range(self.random.randint(0, 2))] + [marked]

    def op(self, level: int) -> Any:
        return self.random.choice([self.leaf, self.leaf, self.branches if level < 3 else self.leaf, self.residual])(
            level
        )

    def leaf(self, level: int) -> Any:
        return self.random.choice(
            [
                conv(self.unique(), 1),
                conv(self.unique(), [1, 3], norm="none", bias=True),
                conv("in", 3, groups="in"),
                {"op": "chain", "chain": [conv(4, 1), conv(6, 1, groups=2)]},
                {"op": "chain", "chain": [conv(6, 1), {"op": "residual", "body": self.halves()}]},
                MAX,
                {"op": "norm"},
                LRN,
                {"op": "activation", "activation": "silu"},
            ]
        )

    def halves(self) -> Any:
        return side_by_side(a=[conv(self.unique(), 1), conv(2, 1)], b=[conv(4, 1)])

    def branches(self, level: int) -> Any:
        names = "abc"[: self.random.randint(1, 3)]
        return side_by_side(**{name: self.chain(level + 1) for name in names})

    def residual(self, level: int) -> Any:
        if level > 2:
            return MAX
        end = self.random.choice([{"projection": True}, {"end": conv("in", 1)}, {"shortcut": conv(self.unique(), 1)}])
        body = self.chain(level + 1)
        if "shortcut" in end:
            return {"op": "residual", "body": [*body, conv(end["shortcut"]["width"], 1)], "shortcut": end["shortcut"]}
        if "end" in end:
            return {"op": "residual", "body": [conv("in", 1), *self.keeping(body)]}
        return {"op": "residual", "body": body, "projection": True, "scale": 0.3}

    def keeping(self, chain: list[Any]) -> list[Any]:
        """Of a chain, the ops that keep its width."""
        return [op for op in chain if op["op"] in ("pool", "norm", "lrn", "dropout", "activation")]


def shuffled(node: Any, random: Random) -> Any:
    """A document with its branches in another order."""
    match node:
        case {"op": "branches", "branches": branches}:
            names = random.sample(list(branches), len(branches))
            return {"op": "branches", "branches": {name: shuffled(branches[name], random) for name in names}}
        case dict():
            return {key: shuffled(value, random) for key, value in node.items()}
        case list():
            return [shuffled(item, random) for item in node]
        case _:
            return node


def trainable(architecture: Architecture) -> Any:
    network = randomized(build_network(architecture, aux=True).double()).eval()
    network.training = True  # the heads' outputs too, but no dropout and no batch statistics
    return network


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_networks_that_differ_in_branch_order_have_one_digest_where_they_can_compute_the_same(seed: int) -> None:
    random = Random(seed)
    ops = Networks(random).network()
    one, other = (
        Architecture.from_document(document(*each, size=3)) for each in (ops, shuffled(copy.deepcopy(ops), random))
    )
    first, second = trainable(one), trainable(other)
    try:
        carry(first, second, (one.plan, other.plan))
    except CannotBeTheSame:
        assert one.digest != other.digest
        return
    images = torch.rand(2, 3, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(second(images), first(images), rtol=1e-9, atol=1e-9)
    assert one.digest == other.digest
    assert (cost(one).parameters, cost(one).macs) == (cost(other).parameters, cost(other).macs)


def test_a_shipped_cell_in_any_branch_order_is_one_network_twice_over() -> None:
    cell = side_by_side(
        point=[conv(3, 1)],
        far=[conv(2, 1), conv(4, 5, form="asymmetric")],
        fork=[conv(5, 3, form="fork")],
        pool=[{"op": "pool", "kind": "average"}, conv(6, 1)],
    )
    network = [
        conv(4),
        {"op": "cell", "name": "one", "cell": "x", "depth": 2},
        MAX,
        {"op": "residual", "name": "two", "body": {"op": "cell", "cell": "x"}, "projection": True, "scale": 0.2},
    ]
    one, other = (build(*network, cells={"x": each}, size=5) for each in (cell, shuffled(cell, Random(1))))
    assert one.network != other.network
    assert one.digest == other.digest
    first, second = trainable(one), trainable(other)
    images = torch.rand(2, 3, 5, 5, dtype=torch.float64)
    assert not torch.allclose(first(images), second(images))
    carry(first, second, (one.plan, other.plan))
    torch.testing.assert_close(second(images), first(images), rtol=1e-9, atol=1e-9)
