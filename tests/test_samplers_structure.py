"""What models see of an architecture: its ways, its layers and its key."""

from random import Random
from typing import Any

import pytest
from documents import build
from shipped_spaces import load

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.samplers.structure import Structure, structure
from nas.space.operators import mutate, random_parameters
from nas.space.suggest import Recorded

CONV = {"op": "conv", "kernel": 3, "width": "in"}
POINT = {"op": "conv", "kernel": 1, "width": "in"}
POOL = {"op": "pool", "kind": "max"}


def of(*network: dict[str, Any]) -> Structure:
    return structure(build(*network, channels=4, classes=3).plan)


def graph(**nodes: dict[str, Any]) -> dict[str, Any]:
    return {"op": "graph", "nodes": nodes}


def test_ways_of_a_graph_are_all_that_lead_through_it() -> None:
    found = of(graph(one={"in": [CONV]}, two={"in": [POINT], "one": [POOL]}))
    assert found.ways == {("1x1",): 0.5, ("3x3", "max 3x3"): 0.5, ("average pool", "linear"): 0.5}
    assert found.lengths == (1 + 2, 1.5 + 2, 2 + 2)


def test_layers_count_that_lie_on_a_way_from_input_to_output() -> None:
    dead = graph(one={"in": [CONV]}, none={"in": None}, two={"in": [POINT], "none": [POOL]}, three={"two": []})
    assert of(dead).layers == of(graph(two={"in": [POINT]})).layers


def test_key_ignores_the_order_of_branches_and_what_nothing_reaches() -> None:
    sides = {"a": [CONV], "b": [POINT, POOL]}
    one = {"op": "branches", "branches": sides}
    other = {"op": "branches", "branches": dict(reversed(sides.items()))}
    assert of(one, CONV).key == of(other, CONV).key
    dead = graph(one={"in": None}, two={"in": [CONV], "one": [POINT]})
    assert of(dead).key == of(graph(two={"in": [CONV]})).key


def test_key_of_a_shared_layer_is_that_of_two_alike() -> None:
    shared = graph(one={"in": [CONV]}, two={"in": [POINT], "one": []}, three={"two": [], "one": [POOL]})
    own = graph(one={"in": [CONV]}, two={"in": [CONV]}, three={"in": [POINT], "two": [], "one": [POOL]})
    assert of(shared).key == of(own).key


@pytest.mark.parametrize("change", [{"width": 8}, {"kernel": 5}, {"activation": "none"}, {"bias": True}])
def test_key_tells_networks_apart(change: dict[str, Any]) -> None:
    assert of(CONV).key != of({**CONV, **change}).key


def test_copies_of_a_cell_do_not_make_a_way_more_frequent() -> None:
    one = graph(one={"in": [CONV]}, two={"in": [POINT], "one": [POOL]})
    assert of(one, one).ways[("1x1",)] == pytest.approx(2 / 3)
    assert of(one, one).lengths == (2 + 2, 3 + 2, 4 + 2)


def test_what_does_nothing_between_containers_is_a_block_without_layers() -> None:
    """And a layer is called by the stride of its rows: figures were taken with these features."""
    sides = {
        "op": "branches",
        "branches": {"a": [{**CONV, "kernel": [1, 5], "stride": [1, 2]}], "b": [{**POOL, "stride": [1, 2]}]},
    }
    found = of(sides, {"op": "identity"}, sides)
    assert found.ways == {("1x5/1",): 0.5, ("max 3x3/1",): 0.5, (): 0.25, ("average pool", "linear"): 0.25}


@pytest.mark.parametrize("name", ["inception_cell", "nasbench201", "inception_resnet_cell", "factorized_cell"])
def test_equal_digests_have_equal_keys(name: str) -> None:
    space, random = load(name), Random(1)
    keys: dict[str, str] = {}
    parameters = random_parameters(space, random, context)
    for _ in range(60):
        architecture = Architecture.from_document(space.sample(Recorded(parameters), context)["architecture"])
        key = structure(architecture.plan).key
        assert keys.setdefault(architecture.digest, key) == key
        parameters = mutate(space, parameters, random, context)
