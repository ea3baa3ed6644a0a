"""Paths and shapes of a whole network, and networks whose parts do not fit one another."""

from typing import Any

import pytest
from documents import FLAT_HEAD as AUX
from documents import HEAD, build, conv, document, side_by_side

from nas.architecture import Architecture
from nas.architecture.plan import ShapeError, plan
from nas.errors import InputError

REDUCE = {"op": "pool", "kind": "max", "stride": 2}


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (
            side_by_side(keeps=[conv(4)], halves=[conv(4, stride=2)]),
            "x: branches disagree in grid: keeps 4×8×8, halves 4×4×4",
        ),
        (side_by_side(map=[conv(4)], vector=[{"op": "global_pool"}]), "x: branches disagree in grid: map 4×8×8, vec"),
        (
            {"op": "residual", "body": [conv(4)]},
            "x: a residual whose body gives 4×8×8 and whose shortcut gives 6×8×8: they disagree in width",
        ),
        (
            {"op": "residual", "body": [conv(6, stride=2)]},
            "body gives 6×4×4 and whose shortcut gives 6×8×8: they disagree",
        ),
        ({"op": "residual", "body": [conv(4, stride=2)], "projection": True}, "they disagree in grid"),
        ({"op": "residual", "body": [conv(6)], "shortcut": [conv(5)]}, "shortcut gives 5×8×8: they disagree in width"),
        (
            {"op": "residual", "body": [{"op": "flatten"}], "projection": True},
            "x: the projection of a residual needs a",
        ),
        (
            {"op": "chain", "chain": [REDUCE, conv(4, 9, padding="valid")]},
            "x.conv: a kernel of 9×9 does not fit the grid",
        ),
        (side_by_side(a=[conv(4), conv(4, 3, groups=3)]), "x.a.conv_2: 3 groups do not divide"),
        ({"op": "residual", "body": [conv(6), {"op": "linear", "width": 6}]}, "x.body.linear: linear needs a vector"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_path_and_both_shapes(op: Any, told: str) -> None:
    with pytest.raises(ShapeError) as error:
        build(conv(6), {**op, "name": "x"})
    assert told in str(error.value)


def test_a_kernel_larger_than_the_grid_is_refused_where_it_stands_in_a_cell() -> None:
    cell = side_by_side(wide=[conv(4, name="spatial", kernel=7, padding="valid")])
    with pytest.raises(
        InputError, match=r"stage\.1\.branches\.wide\.spatial: a kernel of 7×7 does not fit the grid of 2×2"
    ):
        build({"op": "cell", "name": "stage", "cell": "a", "depth": 2}, cells={"a": cell})


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ([conv()], "network: ends in 8×8×8 instead of one number for each of 5 classes"),
        ([{"op": "flatten"}, {"op": "linear", "width": 4}], "network: ends in 4 instead of one number for each of 5"),
        ([], "network: ends in 3×8×8"),
        ([conv("classes")], "network: ends in 5×8×8"),
        (
            [conv(), {"op": "aux", "name": "side", "chain": [conv()]}, *HEAD],
            "side: ends in 8×8×8 instead of one number",
        ),
        ([conv(), {"op": "aux", "chain": []}, *HEAD], "aux: ends in 8×8×8 instead of one number"),
    ],
)
def test_a_network_and_its_aux_heads_end_in_one_number_per_class(ops: list[Any], told: str) -> None:
    with pytest.raises(ShapeError) as error:
        Architecture.from_document(document(*ops))
    assert told in str(error.value)


def test_paths_follow_the_document_and_nameless_ops_are_numbered() -> None:
    cell = [
        side_by_side(a=[conv(), conv(name="last")], b=None, c=[]),
        {"op": "residual", "body": conv("in"), "name": "r"},
    ]
    stage = {"op": "cell", "name": "stage", "cell": "cell", "depth": 2}
    architecture = build(
        conv(), conv(name="conv_2"), conv(), stage, {"op": "chain", "chain": [conv()]}, cells={"cell": cell}
    )
    assert [node.path for node in architecture.plan.walk()] == [
        "",
        "conv",
        "conv_2",
        "conv_3",
        "stage",
        *(
            f"stage.{copy}{path}"
            for copy, convs in (("0", ("conv", "last")), ("1", ("conv", "last")))
            for path in (
                "",
                ".branches",
                ".branches.a",
                *(f".branches.a.{name}" for name in convs),
                ".branches.c",
                ".r",
                ".r.body",
                ".r.body.conv",
            )
        ),
        "chain",
        "chain.conv",
        "global_pool",
        "linear",
    ]


def test_inserting_a_nameless_op_leaves_the_paths_of_named_ones() -> None:
    named = [conv(name="a"), side_by_side(x=[conv(name="b")]) | {"name": "c"}]
    before = {node.path for node in build(*named).plan.walk()}
    after = {node.path for node in build(conv(), conv(8, 1), *named).plan.walk()}
    assert before <= after


def test_shapes_of_branches_add_up_and_those_of_copies_follow_one_another() -> None:
    grow = [side_by_side(kept=[], more=[conv(4)]), REDUCE]
    root = build({"op": "cell", "name": "s", "cell": "g", "depth": 3}, cells={"g": grow}, size=[16, 9]).plan
    assert [copy.output for copy in root.children[0].children] == [(7, 8, 5), (11, 4, 3), (15, 2, 2)]
    assert root.output == (5,)


def test_a_plan_can_be_made_for_another_input_and_refused_for_one_too_small() -> None:
    network = build(conv(8, 5, padding="valid"), REDUCE).network
    assert plan(network, (1, 32, 20), 7).children[1].output == (8, 14, 8)
    assert plan(network, (1, 32, 20), 7).output == (7,)
    with pytest.raises(ShapeError, match="conv: a kernel of 5×5 does not fit the grid of 4×9"):
        plan(network, (3, 4, 9), 5)


def test_an_aux_head_reads_its_tap_and_hands_on_what_came_in() -> None:
    ops = [conv(4, name="a"), conv(6, stride=2), {"op": "aux", "name": "side", "of": "a", "chain": AUX}, conv(7)]
    side = build(*ops).plan.children[2]
    assert (side.input, side.children[0].output, side.output) == ((4, 8, 8), (5,), (4, 8, 8))
    assert build(*ops).plan.children[3].input == (6, 4, 4)


def test_without_aux_no_head_can_fail_to_fit() -> None:
    head = [conv(4, 7, padding="valid"), *AUX]
    network = build(conv(4, name="a"), {"op": "aux", "name": "side", "chain": head}).network
    with pytest.raises(ShapeError, match=r"side\.conv: a kernel of 7×7 does not fit"):
        plan(network, (3, 6, 6), 5)
    assert plan(network, (3, 6, 6), 5, aux=False).output == (5,)


def test_a_very_long_network_is_planned() -> None:
    root = build({"op": "cell", "cell": "a", "depth": 9_000}, cells={"a": [conv(2, 1)]}).plan
    assert len(root.children[0].children) == 9_000


def test_both_sides_of_a_residual_may_be_as_wide_as_there_are_classes() -> None:
    sides = {"body": [conv("classes")], "shortcut": [conv("classes", 1)]}
    residual = build({"op": "residual", **sides}, classes=7).plan.children[0]
    assert residual.output == (7, 8, 8)
    parts = ("body", "body.conv", "shortcut", "shortcut.conv")
    assert [node.path for node in residual.walk()] == ["residual", *(f"residual.{part}" for part in parts)]
