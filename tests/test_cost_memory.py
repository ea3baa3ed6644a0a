"""What training keeps for the backward pass, priced from the document, is what torch keeps, to the byte."""

from contextlib import suppress
from typing import Any

import pytest
from built import kept_bytes
from documents import HEAD, build, conv, document, side_by_side
from shipped_spaces import SPACES, candidate, load

from nas.architecture import Architecture
from nas.architecture.fields import ACTIVATIONS
from nas.architecture.plan import ShapeError
from nas.architecture.published import published_names
from nas.cost import cost

UNEVEN = [0, 1, 0, 1]
POOLS = [{"op": "pool", "kind": kind, "kernel": kernel} for kind in ("max", "average") for kernel in (2, 3)]
PLAIN = [
    *({**pool, **more} for pool in POOLS for more in ({}, {"stride": 2}, {"stride": 2, "padding": "tf_same"})),
    {"op": "pool", "kind": "average", "stride": 2, "padding": UNEVEN, "count_padding": False},
    *({"op": "adaptive_pool", "kind": kind, "size": size} for kind in ("max", "average") for size in (1, 3)),
    *({"op": "activation", "activation": activation} for activation in ACTIVATIONS),
    *({"op": "lrn", "size": size} for size in (1, 4, 5)),
    *({"op": "dropout", "rate": rate} for rate in (0.0, 0.5)),
    {"op": "norm"},
    {"op": "norm", "norm": {"scale": False}},
    {"op": "identity"},
    {"op": "channel_affine", "scale": 2.0},
]
WEIGHTED = [
    *(conv(6, activation=activation, norm=norm) for activation in ACTIVATIONS for norm in ("none", "batch")),
    *(conv(6, kernel=5, form=form) for form in ("stacked", "asymmetric", "fork")),
    conv(6, kernel=2, groups="in", padding="tf_same", stride=2),
]
AROUND = [
    side_by_side(a=[conv(4)], b=[], c=[{"op": "pool", "kind": "max"}]),
    side_by_side(a=[conv(4)]),
    *({"op": "residual", "body": [conv(6)], "activation": activation} for activation in ACTIVATIONS),
    {"op": "residual", "body": [conv(4)], "shortcut": [conv(5)], "projection": True, "scale": 0.5},
    {"op": "graph", "nodes": {"a": {"in": []}, "b": {}, "c": {"a": [conv(6)], "b": [conv(6)], "in": []}}},
    {"op": "graph", "nodes": {"a": {"in": [conv(4)]}, "b": {"in": [conv(4)], "a": []}}},
    {"op": "aux", "chain": [conv(3), *HEAD]},
]


def assert_priced_as_kept(architecture: Architecture) -> None:
    assert cost(architecture).activations == kept_bytes(architecture)


@pytest.mark.parametrize("op", [*PLAIN, *WEIGHTED, *AROUND], ids=str)
def test_what_each_op_keeps_is_priced(op: dict[str, Any]) -> None:
    assert_priced_as_kept(build(conv(6, norm="none"), op, size=[9, 7]))  # nobody else keeps what comes out
    assert_priced_as_kept(build(conv(6), op, conv(3), size=8))


@pytest.mark.parametrize("op", PLAIN, ids=str)
def test_nothing_is_kept_of_images_on_their_way_to_the_first_weights(op: dict[str, Any]) -> None:
    assert_priced_as_kept(build(op, conv(3), channels=6))


@pytest.mark.parametrize("ops", [[{"op": "flatten"}], HEAD[:1], [{"op": "global_pool", "kind": "max"}]], ids=str)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_what_is_kept_of_vectors_is_priced(ops: list[Any], norm: str) -> None:
    linear = {"op": "linear", "width": 7, "norm": norm, "activation": "relu"}
    behind = [linear, {"op": "l2_norm"}, {"op": "linear", "width": "classes"}]
    assert_priced_as_kept(Architecture.from_document(document(conv(6), *ops, *behind)))


@pytest.mark.parametrize("name", published_names())
def test_published_networks_are_priced_as_torch_keeps_them(name: str) -> None:
    assert_priced_as_kept(Architecture.load(name))


@pytest.mark.parametrize("name", SPACES)
def test_random_candidates_are_priced_as_torch_keeps_them(name: str) -> None:
    space = load(name, size=33)
    priced = 0
    for seed in range(3):
        with suppress(ShapeError):
            assert_priced_as_kept(candidate(space, seed))
            priced += 1
    assert priced


def test_a_processor_keeps_what_is_kept_without_one() -> None:
    architecture = Architecture.load("inception_small")
    assert kept_bytes(architecture, "cpu") == kept_bytes(architecture)
