"""Graphs: what they compute, what they cost, which are the same, how they are shown and what is refused."""

from random import Random
from typing import Any

import pytest
import torch
from built import assert_built_as_planned
from documents import build, conv
from hypothesis import given
from hypothesis import strategies as st

from nas.architecture import Architecture
from nas.architecture.plan import ShapeError
from nas.architecture.sketch import sketch
from nas.cost import cost
from nas.drawing import draw, table
from nas.errors import InputError
from nas.network import build_network

AVERAGE = {"op": "pool", "kind": "average"}
RELU = {"op": "activation"}
DROPOUT = {"op": "dropout"}
LINEAR = {"norm": "none", "activation": "none"}


def graph(**nodes: Any) -> dict[str, Any]:
    """A graph; `x` stands for what comes in."""
    return {
        "op": "graph",
        "nodes": {name: {"in" if of == "x" else of: c for of, c in terms.items()} for name, terms in nodes.items()},
    }


def digest(**nodes: Any) -> str:
    return build(graph(**nodes)).digest


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": {"x": conv(4)}, "b": {"x": conv(6), "a": conv(6)}, "c": {"x": conv(6, 1), "a": conv(6), "b": []}},
        {"a": {"x": []}, "b": {"a": [], "x": AVERAGE}},
        {"a": {"x": None}, "b": {"x": conv(3, stride=2), "a": conv(3, stride=2)}},
        {"a": {}},
        {"a": {"x": [{"op": "global_pool"}, {"op": "linear", "width": 7}]}, "b": {"a": [{"op": "linear", "width": 9}]}},
    ],
)
def test_a_graph_is_built_as_planned(nodes: Any) -> None:
    built = graph(**nodes)
    tail = [{"op": "linear", "width": "classes"}] if "global_pool" in str(nodes) else []
    data = {"input": {"channels": 3, "size": 8}, "classes": 5}
    assert_built_as_planned(Architecture.from_document({**data, "network": [built, *tail]}) if tail else build(built))


def test_a_node_is_the_sum_of_its_chains() -> None:
    architecture = build(graph(a={"x": AVERAGE}, b={"x": [], "a": RELU}, c={"x": RELU, "b": [], "a": []}), channels=2)
    network = build_network(architecture)
    x = torch.randn(2, 2, 8, 8)
    given = x.clone()
    a = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
    expected = x.relu() + (x + a.relu()) + a
    torch.testing.assert_close(network.get_submodule("graph")(x), expected)
    assert torch.equal(x, given)


def test_submodules_are_called_as_the_node_and_what_it_reads() -> None:
    network = build_network(build(graph(a={"x": conv(4)}, b={"a": conv(4)})))
    names = [name for name, _ in network.named_parameters() if "conv.weight" in name]
    assert names == ["graph.a.in.conv.conv.weight", "graph.b.a.conv.conv.weight"]


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "names of nodes": ({"a": {"x": conv(3)}, "b": {"a": conv(3)}}, {"c": {"x": conv(3)}, "a": {"c": conv(3)}}),
    "order of chains": (
        {"a": {"x": AVERAGE}, "b": {"x": conv(3), "a": []}},
        {"b": {"x": AVERAGE}, "c": {"b": [], "x": conv(3)}},
    ),
    "order of nodes": (
        {"a": {"x": conv(3)}, "b": {"x": conv(3, 1)}, "c": {"a": [], "b": AVERAGE}},
        {"b": {"x": conv(3, 1)}, "a": {"x": conv(3)}, "c": {"a": [], "b": AVERAGE}},
    ),
    "an identity": ({"a": {"x": []}, "b": {"a": conv(3)}}, {"b": {"x": conv(3)}}),
    "an op that does nothing": ({"a": {"x": {"op": "dropout", "rate": 0}}, "b": {"a": conv(3)}}, {"b": {"x": conv(3)}}),
    "a sum within a sum": (
        {"a": {"x": conv(3)}, "b": {"x": conv(3, 1), "a": []}, "c": {"b": [], "x": AVERAGE}},
        {"a": {"x": conv(3)}, "b": {"x": AVERAGE, "a": []}, "c": {"b": [], "x": conv(3, 1)}},
    ),
    "a node that leads nowhere": ({"a": {"x": conv(3)}, "b": {"x": conv(3)}}, {"b": {"x": conv(3)}}),
    "what reads nothing and stays zero": (
        {"a": {}, "b": {"a": [AVERAGE, RELU], "x": conv(3)}, "c": {"b": conv(3), "a": conv(3, **LINEAR)}},
        {"b": {"x": conv(3)}, "c": {"b": conv(3)}},
    ),
    "an absent chain": (
        {"a": {"x": conv(3)}, "b": {"a": conv(3), "x": None}},
        {"a": {"x": conv(3)}, "b": {"a": conv(3)}},
    ),
    "equal pools of equal sums": (
        {"a": {"x": AVERAGE}, "b": {"x": AVERAGE}, "c": {"a": conv(3), "b": []}},
        {"a": {"x": AVERAGE}, "c": {"a": conv(3), "x": AVERAGE}},
    ),
    "which of two equal rows is written first": (
        {
            "a": {"x": conv(3)},
            "b": {"x": conv(3)},
            "c": {"a": conv(3, 1)},
            "d": {"b": conv(3, 1)},
            "e": {"c": [], "d": []},
        },
        {
            "a": {"x": conv(3)},
            "b": {"x": conv(3)},
            "d": {"b": conv(3, 1)},
            "c": {"a": conv(3, 1)},
            "e": {"c": [], "d": []},
        },
    ),
    "which of two twins is which": (
        {
            "a": {"x": conv(3)},
            "b": {"x": conv(3)},
            "c": {"a": conv(3, 1)},
            "d": {"b": conv(3, 1), "c": [], "a": AVERAGE},
        },
        {
            "a": {"x": conv(3)},
            "b": {"x": conv(3)},
            "c": {"b": conv(3, 1)},
            "d": {"a": conv(3, 1), "c": [], "b": AVERAGE},
        },
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_the_digest_ignores(one: Any, other: Any) -> None:
    assert digest(**one) == digest(**other)


DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one convolution read twice and two": (
        {"a": {"x": conv(3)}, "b": {"a": AVERAGE}, "c": {"a": conv(3), "b": []}},
        {"a": {"x": conv(3)}, "b": {"x": conv(3)}, "c": {"a": conv(3), "b": AVERAGE}},
    ),
    "who reads what": (
        {"a": {"x": conv(3)}, "b": {"x": AVERAGE}, "c": {"a": conv(3), "b": []}},
        {"a": {"x": conv(3)}, "b": {"x": AVERAGE}, "c": {"b": conv(3), "a": []}},
    ),
    "kernels": ({"a": {"x": conv(3, 1)}}, {"a": {"x": conv(3, 3)}}),
    "the constant that a sigmoid makes of zero": (
        {"a": {}, "b": {"x": conv(3), "a": {"op": "activation", "activation": "sigmoid"}}},
        {"b": {"x": conv(3)}},
    ),
    "how often something counts": (
        {"a": {"x": []}, "b": {"x": conv(3), "a": []}},
        {"a": {"x": []}, "b": {"x": conv(3), "a": None}},
    ),
    "the constant that a norm makes of zero": (
        {"a": {}, "b": {"x": [], "a": conv(3)}},
        {"b": {"x": []}},
    ),
    "two dropouts and one": (
        {"a": {"x": DROPOUT}, "b": {"x": DROPOUT, "a": []}},
        {"a": {"x": DROPOUT}, "b": {"a": []}, "c": {"a": [], "b": []}},
    ),
    "zero and nothing done": ({"a": {}}, {"a": {"x": []}}),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_the_digest_tells_apart(one: Any, other: Any) -> None:
    assert digest(**one) != digest(**other)


def test_the_digest_of_a_graph_stays_as_it_is() -> None:
    """Studies are stored under it: a change here makes them forget what they have trained."""
    assert digest(a={"x": conv(3)}, b={"x": AVERAGE, "a": conv(3)}, c={"a": [], "b": RELU}) == "28f0ba4ad15fd278"


def test_branches_before_a_graph_are_sorted_where_every_chain_mixes_them() -> None:
    def after(behind: Any, *names: str) -> str:
        branches = {name: conv(2 + ord(name) % 2, 1) for name in names}
        return build({"op": "branches", "branches": branches}, behind).digest

    mixing = graph(a={"x": conv(4)}, b={"x": [AVERAGE, conv(4)], "a": []})
    passing = graph(a={"x": conv(5)}, b={"x": [], "a": []})
    assert after(mixing, "a", "b") == after(mixing, "b", "a")
    assert after(passing, "a", "b") != after(passing, "b", "a")


EDGES: list[Any] = [None, [], AVERAGE, [RELU, conv(3, 1, activation="none")], [RELU, conv(3, 3, activation="none")]]


@given(st.lists(st.sampled_from(range(5)), min_size=6, max_size=6), st.integers(0, 10**6))
def test_nodes_may_be_renamed_and_put_in_any_order_that_works(chosen: list[int], seed: int) -> None:
    random = Random(seed)
    terms = iter(chosen)
    nodes = {name: {of: EDGES[next(terms)] for of in ("x", "a", "b", "c")[:n]} for n, name in enumerate("abc", 1)}
    waiting, done, shuffled = ["a", "b"], {"x"}, {}
    while waiting:  # an order in which every node that is read comes first
        ready = [n for n in waiting if all(of in done for of, chain in nodes[n].items() if chain is not None)]
        name = random.choice(ready)
        waiting.remove(name)
        done.add(name)
        shuffled[name] = {of: chain for of, chain in nodes[name].items() if of in done}
    shuffled["c"] = nodes["c"]
    new = dict(zip("abcx", [*random.sample(["p", "q", "r"], 3), "x"], strict=True))
    renamed = {new[n]: {new[of]: chain for of, chain in reversed(terms.items())} for n, terms in shuffled.items()}
    assert digest(**renamed) == digest(**nodes)


def test_a_graph_can_be_read_and_drawn() -> None:
    cell = graph(a={"x": AVERAGE}, b={"x": [RELU, conv(3, **LINEAR)], "a": []}, c={"b": None})
    architecture = build({"op": "cell", "name": "s", "cell": "g", "depth": 2}, cells={"g": cell})
    assert (
        sketch(architecture.plan.children[0].children[0]) == "a = in → avg; b = (in → relu → 3×3 3 linear) + a; c = 0"
    )
    assert "in → relu" in draw(architecture)
    assert "s.0.graph.b.in.conv" in table(architecture.plan)


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ({}, "nodes are a mapping"),
        ([], "nodes are a mapping"),
        ({"choice": {"a": {}}}, "nodes are a mapping"),
        ({"in": {}}, "`in` is what comes into the graph"),
        ({"a.b": {}}, "is no name"),
        ({"a": {"b": []}, "b": {}}, "nodes.a.b: no earlier node called 'b'"),
        ({"a": {"a": []}}, "no earlier node called 'a'"),
        ({"a": [conv()]}, "expected a mapping"),
        ({"a": {"in": 3}}, "a chain is a list of ops"),
        ({"a": {"in": {"choice": {"none": None}}}}, "sample the space first"),
    ],
)
def test_a_wrong_graph_is_refused(nodes: Any, told: str) -> None:
    with pytest.raises(InputError) as refused:
        build({"op": "graph", "nodes": nodes})
    assert told in str(refused.value)


def test_a_sum_of_shapes_that_differ_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"graph\.b: a sum of shapes that differ: in 4×8×8, a 3×8×8"):
        build(graph(a={"x": []}, b={"x": conv(4), "a": []}))


def test_what_leads_nowhere_is_priced_as_it_is_built() -> None:
    dead = build(graph(a={"x": conv(3)}, b={"x": []}))
    assert cost(dead).parameters == cost(build(graph(b={"x": []}))).parameters + 3 * 3 * 9 + 6
