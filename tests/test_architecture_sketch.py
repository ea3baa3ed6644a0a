"""A cell in one line of text."""

from typing import Any

import pytest
from documents import HEAD, build, conv, document, side_by_side

from nas.architecture import Architecture
from nas.architecture.sketch import cell_sketches, sketch


def line(*ops: Any, **keys: Any) -> str:
    """The sketch of the first op of a network of these."""
    return sketch(build(*ops, **keys).plan.children[0])


V3 = {
    "a": "1×1 64 | 1×1 48 → 5×5 64 | 1×1 64 → 3×3 96 → 3×3 96 | avg → 1×1 32",
    "a_to_b": "3×3/2 384 V | 1×1 64 → 3×3 96 → 3×3/2 96 V | max 3×3/2 V",
    "b": "1×1 192 | 1×1 128 → 1×7 128 → 7×1 192 | 1×1 128 → 7×1 128 → 1×7 128 → 7×1 128 → 1×7 192 | avg → 1×1 192",
    "b_to_c": "1×1 192 → 3×3/2 320 V | 1×1 192 → 1×7 192 → 7×1 192 → 3×3/2 192 V | max 3×3/2 V",
    "c": "1×1 320 | 1×1 384 → [1×3 384 | 3×1 384] | 1×1 448 → 3×3 384 → [1×3 384 | 3×1 384] | avg → 1×1 192",
}
RESNET_V2 = {
    "a": "x + 0.17·([1×1 32 | 1×1 32 → 3×3 32 | 1×1 32 → 3×3 48 → 3×3 64] → linear 320)",
    "b": "x + 0.1·([1×1 192 | 1×1 128 → 1×7 160 → 7×1 192] → linear 1088)",
    "c": "x + 0.2·([1×1 192 | 1×1 192 → 1×3 224 → 3×1 256] → linear 2080)",
}


def test_the_modules_of_inception_v3_read_as_papers_write_them() -> None:
    assert cell_sketches(Architecture.load("inception_v3")) == V3


def test_residual_cells_say_scale_and_projection() -> None:
    assert RESNET_V2.items() <= cell_sketches(Architecture.load("inception_resnet_v2")).items()


def test_the_first_copy_of_a_cell_stands_for_all() -> None:
    cells = {"c": side_by_side(one=[conv("$w", 1)], pool=[{"op": "pool", "kind": "max"}])}
    stages = [{"op": "cell", "cell": "c", "name": f"s{w}", "values": {"w": w}} for w in (4, 8)]
    assert cell_sketches(build(*stages, cells=cells)) == {"c": "1×1 4 | max"}


def test_cells_without_branches_or_within_others_have_no_sketch_of_their_own() -> None:
    cells = {
        "stem": [conv(4), conv(8)],
        "inner": side_by_side(one=[conv(4, 1)], all=[]),
        "outer": [{"op": "cell", "cell": "inner"}],
    }
    network = [{"op": "cell", "cell": name} for name in ("stem", "outer")]
    assert cell_sketches(build(*network, cells=cells)) == {"outer": "1×1 4 | x"}


def test_cells_are_found_inside_chains_branches_and_residuals() -> None:
    cells = {"c": {"op": "residual", "body": [conv(8)]}}
    cell = {"op": "cell", "cell": "c"}
    assert cell_sketches(build(side_by_side(a=[{"op": "chain", "chain": [cell]}]), channels=8, cells=cells)) == {
        "c": "x + (3×3 8)"
    }


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (conv(16, [1, 7], stride=[1, 2]), "1×7/1×2 16"),
        (conv(16, 3, stride=2, padding=[0, 1, 0, 1]), "3×3/2 16 p0,1,0,1"),
        (conv(16, 3, padding=2), "3×3 16 p2"),
        (conv(16, 3, activation="none"), "3×3 16 linear"),
        (conv(16, 1, activation="none", bias=True, norm="none"), "linear 16"),
        (conv(16, 3, activation="silu"), "3×3 16 silu"),
        (conv("in", 3, groups="in"), "3×3 4 depthwise"),
        (conv(8, 3, groups=2), "3×3 8 2 groups"),
        ({"op": "pool", "kind": "average"}, "avg"),
        ({"op": "pool", "kind": "max", "kernel": 3, "stride": 2, "padding": 0, "ceil": True}, "max 3×3/2 V ceil"),
        ({"op": "adaptive_pool", "size": 4}, "avg to 4×4"),
        ({"op": "lrn"}, "LRN 5"),
        ({"op": "dropout", "rate": 0.4}, "dropout 0.4"),
        ({"op": "norm"}, "batch norm"),
        ({"op": "activation", "activation": "gelu"}, "gelu"),
        ({"op": "channel_affine", "scale": 2}, "affine per channel"),
        ({"op": "identity"}, "x"),
        ({"op": "dropout", "rate": 0.0}, "x"),
        (side_by_side(only=[conv(8, 1)]), "1×1 8"),
    ],
    ids=str,
)
def test_every_leaf_says_what_it_is(op: dict[str, Any], expected: str) -> None:
    assert line(op, channels=4) == expected


def test_forms_are_written_as_they_are_carried_out() -> None:
    assert line(conv(8, 5, form="stacked")) == "3×3 8 → 3×3 8"
    assert line(conv(8, 5, form="fork")) == "1×5 4 | 5×1 4"


def test_a_residual_says_its_shortcut_and_its_activation_unless_relu() -> None:
    project = {"op": "residual", "body": [conv(8, 3)], "shortcut": [conv(8, 1, activation="none")], "scale": 0.3}
    assert line({**project, "activation": "none"}) == "(linear 8) + 0.3·(3×3 8), no activation"
    assert line({"op": "residual", "body": [conv("in", 3)], "activation": "silu"}) == "x + (3×3 3) → silu"


def test_a_residual_within_a_chain_is_set_apart() -> None:
    chain = [conv(3), {"op": "residual", "body": [conv("in", 3)]}]
    assert line({"op": "chain", "chain": chain}) == "3×3 3 → (x + (3×3 3))"


def test_equal_copies_of_a_cell_are_counted() -> None:
    cells = {"c": [conv("$w"), conv(8, 1)]}
    op = {"op": "cell", "cell": "c", "depth": 3, "each": {"w": [4, 4, 6]}}
    assert line(op, cells=cells) == "2 × (3×3 4 → 1×1 8) → 1 × (3×3 6 → 1×1 8)"


def test_a_whole_network_has_a_sketch() -> None:
    aux = {"op": "aux", "chain": HEAD}
    architecture = Architecture.from_document(document(conv(8), aux, {"op": "flatten"}, HEAD[-1]))
    assert sketch(architecture.plan) == "3×3 8 → aux (global avg → linear 5) → flatten → linear 5"
