"""What an architecture costs, by hand for small ones and as the published figures for large ones."""

from dataclasses import replace
from typing import Any

import pytest
from built import assert_built_as_planned
from documents import FLAT_HEAD, build, conv, side_by_side

from nas.architecture import Architecture
from nas.cost import cost
from nas.errors import InputError

AUX = {"op": "aux", "chain": FLAT_HEAD}


def test_a_convolution_and_a_linear_layer_cost_their_multiply_adds() -> None:
    built = build(conv(8, [3, 5], stride=2, bias=True), size=[8, 6])
    total = cost(built)
    convolution, pool, linear = built.plan.leaves()
    assert convolution.parameters == 8 * 3 * 15 + 8 + 16
    assert convolution.macs == 8 * 3 * 15 * 4 * 3
    assert (pool.parameters, pool.macs) == (0, 0)
    assert (linear.parameters, linear.macs) == (8 * 5 + 5, 8 * 5)
    assert total.parameters == convolution.parameters + linear.parameters
    assert total.macs == convolution.macs + linear.macs
    assert total.depth == 2
    images, before_norm, result, averages = 3 * 8 * 6, 8 * 4 * 3, 8 * 4 * 3, 8
    assert total.activations == 4 * (images + before_norm + result + averages)


@pytest.mark.parametrize(("norm", "extra"), [("none", 0), ("batch", 12), ({"scale": False}, 6)])
def test_a_norm_costs_its_learned_numbers(norm: object, extra: int) -> None:
    assert build(conv(6, norm=norm)).plan.leaves()[0].parameters == 6 * 3 * 9 + extra


def test_groups_divide_the_weights() -> None:
    depthwise = build(conv(6, groups="in", norm="none")).plan.leaves()[0]
    assert (depthwise.parameters, depthwise.macs) == (6 * 9, 6 * 9 * 64)


def test_aux_heads_count_in_training_alone() -> None:
    with_head, without = cost(build(conv(4), AUX, conv(6))), cost(build(conv(4), conv(6)))
    assert with_head == replace(without, aux_parameters=4 * 64 * 5 + 5)  # what it reads is kept by the next op anyway
    deeper = cost(build(conv(4), {"op": "aux", "chain": [conv(2, 1), *AUX["chain"]]}, conv(6)))
    assert deeper.activations == with_head.activations + 4 * 2 * (2 * 64)
    assert (deeper.depth, deeper.parameters, deeper.macs) == (without.depth, without.parameters, without.macs)


def test_aux_heads_are_priced_at_another_number_of_classes() -> None:
    assert cost(build(conv(4), AUX), classes=7).aux_parameters == 4 * 64 * 7 + 7


def test_one_weight_is_enough_for_a_gradient_and_one_multiplication_for_a_layer() -> None:
    images = result = 64
    assert cost(build(conv(1, 1, norm="none"), channels=1)).activations == 4 * (images + result + 1)
    assert cost(build(conv(1, 1, norm="none"), channels=1, size=1)).depth == 2


def test_memory_is_that_of_a_batch_and_of_all_that_is_trained() -> None:
    total = cost(build(conv(4), AUX))
    trained = total.parameters + total.aux_parameters
    assert total.memory(batch=10, copies=4) == 10 * total.activations + 4 * 4 * trained


@pytest.mark.parametrize(
    ("ops", "depth"),
    [
        ([], 1),
        ([conv(), {"op": "pool", "kind": "max"}, {"op": "norm"}, conv()], 3),
        ([side_by_side(a=[conv()], b=[conv(), conv()], c=[])], 3),
        ([conv(form="stacked", kernel=7)], 4),
        ([conv(form="fork", kernel=7)], 2),
        ([conv(4), {"op": "residual", "body": [conv(8), conv(9)], "projection": True}], 5),
        ([{"op": "residual", "body": [conv(4)], "shortcut": [conv(4), conv(4)]}], 3),
        (
            [
                {
                    "op": "graph",
                    "nodes": {"a": {"in": [conv(3)]}, "b": {"in": [], "a": [conv(3)]}, "c": {"b": [], "in": []}},
                }
            ],
            3,
        ),
        ([{"op": "graph", "nodes": {"a": {"in": [conv(3)]}, "b": {}}}], 1),
    ],
)
def test_depth_counts_the_weighted_layers_of_the_longest_path(ops: list[Any], depth: int) -> None:
    assert cost(build(*ops)).depth == depth


@pytest.mark.parametrize(("name", "depth"), [("googlenet", 22), ("inception_v3", 48)])
def test_depth_is_what_papers_call_the_number_of_layers(name: str, depth: int) -> None:
    assert cost(Architecture.load(name)).depth == depth


def test_every_op_is_listed_once_under_its_path() -> None:
    built = build(side_by_side(a=[conv(4)], b=[]), {"op": "residual", "body": [conv(7)], "projection": True})
    assert [(op.path, op.kind) for op in built.plan.leaves() if op.macs] == [
        ("branches.a.conv", "conv"),
        ("residual.body.conv", "conv"),
        ("residual.projection", "conv"),
        ("linear", "linear"),
    ]


def test_cost_is_taken_at_another_input_and_number_of_classes() -> None:
    architecture = build(conv(8, 3), size=8)
    assert cost(architecture, (3, 8, 8), 5) == cost(architecture, [3, 8, 8]) == cost(architecture)
    assert cost(architecture, (1, 16, 8), 7).macs == 8 * 9 * 128 + 8 * 7
    assert cost(architecture, classes=7).parameters == cost(architecture).parameters + 2 * (8 + 1)


def test_an_input_that_does_not_fit_is_refused() -> None:
    architecture = build(conv(8, 5, padding="valid"), size=8)
    with pytest.raises(InputError, match="conv: a kernel of 5×5 does not fit the grid of 4×4"):
        cost(architecture, (3, 4, 4))
    with pytest.raises(InputError, match="conv: conv needs a map"):
        cost(architecture, (3,))


def test_an_aux_head_that_does_not_fit_does_not_matter() -> None:
    head = {"op": "aux", "chain": [conv(2, 5, padding="valid"), *AUX["chain"]]}
    architecture = build(conv(4), head, size=8)
    assert cost(architecture, (3, 4, 4)).parameters == cost(architecture).parameters


def test_inception_v3_costs_what_the_reference_says_and_is_built_as_planned() -> None:
    architecture = Architecture.load("inception_v3")
    total = cost(architecture)
    assert (total.parameters, total.macs) == (23_834_568, 5_713_216_096)
    assert_built_as_planned(architecture)
    assert_built_as_planned(architecture, aux=True)
