"""Published networks have the figures of their papers and of the code they were released in."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from documents import build

from nas.architecture import Architecture
from nas.architecture.plan import Node, plan
from nas.architecture.published import published_names, published_path
from nas.cost import cost

# Parameters and MACs at 1000 classes and native input, aux heads excluded. Of those whose code was measured; the others
# follow from their widths and are held by the golden file, by the rows below, or by figures their papers give.
MEASURED = {
    "googlenet_bn": (6_624_904, 1_498_376_192),
    "inception_v3": (23_834_568, 5_713_216_096),
    "inception_v4": (42_679_816, 12_253_974_624),
    "inception_resnet_v2": (55_843_464, 13_155_794_016),
    "nin_cifar100_table": (81_960, 56_753_408),
}
GRIDS = {
    "nin_imagenet": [54, 27, 13, 6],
    "nin_cifar10": [32, 16, 8],
    "nin_cifar100": [32, 16, 8],
    "nin_cifar100_table": [30, 28, 26],
    "googlenet": [112, 56, 28, 14, 7],
    "googlenet_bn": [112, 56, 28, 14, 7],
    "googlenet_naive": [112, 56, 28, 14, 7],
    "bn_inception": [112, 56, 28, 14, 7],
    "bn_inception_576": [112, 56, 28, 14, 7],
    "inception_v2": [149, 147, 73, 71, 35, 17, 8],
    "inception_v3": [149, 147, 73, 71, 35, 17, 8],
    "inception_v4": [149, 147, 73, 71, 35, 17, 8],
    "inception_resnet_v1": [149, 147, 73, 71, 35, 17, 8],
    "inception_resnet_v1_facenet": [79, 77, 38, 36, 17, 8, 3],
    "inception_resnet_v2": [149, 147, 73, 71, 35, 17, 8],
    "inception_resnet_v2_paper": [149, 147, 73, 71, 35, 17, 8],
    "inception_small": [32, 16, 8, 4],
}
GOOGLENET_MODULES = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]


def ops(name: str) -> dict[str, Node]:
    """The ops of a published network's own chain, by name."""
    return {node.name: node for node in Architecture.load(name).plan.children}


def totals(node: Node) -> tuple[int, int]:
    """Parameters and MACs of an op and all inside it."""
    return sum(each.parameters for each in node.walk()), sum(each.macs for each in node.walk())


def weights(node: Node) -> int:
    """Weights of the convolutions in it, without biases and norms."""
    return sum(each.macs // (each.output[1] * each.output[2]) for each in node.walk() if each.kind == "conv")


@pytest.mark.parametrize("name", MEASURED)
def test_parameters_and_macs_are_those_of_the_released_code(name: str) -> None:
    price = cost(Architecture.load(name))
    assert (price.parameters, price.macs) == MEASURED[name]


@pytest.mark.parametrize("name", published_names())
def test_grids_are_those_of_the_paper(name: str) -> None:
    plan = Architecture.load(name).plan
    grids = {node.output[1] for node in plan.walk() if not node.children and len(node.output) == 3}
    assert sorted({plan.input[1], *grids}, reverse=True) == sorted({plan.input[1], *GRIDS[name]}, reverse=True)


@pytest.mark.parametrize("name", published_names())
def test_a_document_names_its_source_and_has_a_thousand_classes_unless_its_name_says_otherwise(name: str) -> None:
    text = published_path(name).read_text()
    assert text.startswith("# ")
    expected = {"nin_cifar10": 10, "nin_cifar100": 100, "nin_cifar100_table": 100, "inception_small": 10}
    assert Architecture.load(name).classes == expected.get(name, 1000)
    assert all(len(line) <= 120 for line in text.splitlines())


def test_nin_on_imagenet_has_the_size_of_its_snapshot_and_takes_227_pixels() -> None:
    architecture = Architecture.load("nin_imagenet")
    assert cost(architecture).parameters == 7_595_176  # 29 MB in float32
    grids = [op.output[1] for op in plan(architecture.network, (3, 227, 227), 1000).leaves() if op.kind == "conv"]
    assert [grids[index] for index in (0, 3, 6, 9)] == [55, 27, 13, 6]


def test_nin_cifar100_example_row_by_row() -> None:
    convolutions = [op for op in Architecture.load("nin_cifar100_table").plan.leaves() if op.kind == "conv"]
    assert [(op.output[::-1], op.parameters, op.macs) for op in convolutions] == [
        ((30, 30, 16), 448, 388_800),
        ((30, 30, 16), 272, 230_400),
        ((28, 28, 64), 9_280, 7_225_344),
        ((28, 28, 64), 4_160, 3_211_264),
        ((26, 26, 100), 57_700, 38_937_600),
        ((26, 26, 100), 10_100, 6_760_000),
    ]


def test_naive_and_reduced_3a_have_the_textbook_numbers_of_weights() -> None:
    naive, reduced = ops("googlenet_naive")["3a"], ops("googlenet")["3a"]
    assert (weights(naive), naive.output[0]) == (387_072, 416)
    assert (weights(reduced), reduced.output[0]) == (163_328, 256)
    pool = next(node for node in reduced.walk() if node.path.endswith("branches.pool"))
    assert weights(reduced) - weights(pool) == 157_184
    assert (totals(naive)[1], totals(reduced)[1]) == (303_464_448, 128_049_152)
    assert totals(reduced)[1] - totals(pool)[1] == 123_232_256


def test_a_reduction_saves_three_quarters_of_a_5x5() -> None:
    """819,200 weights on 128 → 256 channels; behind a 1×1 of 32, not 204,800 but 4,096 more."""

    def chain(*convolutions: Mapping[str, object]) -> int:
        ops = [{"op": "conv", "norm": "none", **each} for each in convolutions]
        return sum(op.parameters for op in build(*ops, channels=128, size=28).plan.leaves() if op.kind == "conv")

    assert chain({"width": 256, "kernel": 5}) == 819_200
    assert chain({"width": 128, "kernel": 3}) == 9 * 128 * 128
    assert chain({"width": 128, "kernel": [3, 1]}, {"width": 128, "kernel": [1, 3]}) == 6 * 128 * 128
    assert chain({"width": 32, "kernel": 1}, {"width": 256, "kernel": 5}) == 4_096 + 204_800 == 208_896


def test_googlenet_rows_fit_the_papers_table() -> None:
    """Table 1 counts weights in units of 1024; its column is loose for 4c, 4d, 4e, 5a and 5b, and 5a's MACs are off."""
    parameters = dict(zip(GOOGLENET_MODULES, [159, 380, 364, 437, 463, 580, 840, 1072, 1388], strict=True))
    macs = dict(zip(GOOGLENET_MODULES, [128, 304, 73, 88, 100, 119, 170, 54, 71], strict=True))
    there = ops("googlenet")
    for name in GOOGLENET_MODULES:
        loose = name in ("4c", "4d", "4e", "5a", "5b")
        assert weights(there[name]) / 1024 == pytest.approx(parameters[name], rel=0.1 if loose else 0.01)
        assert totals(there[name])[1] / 1e6 == pytest.approx(macs[name], rel=0.06 if name == "5a" else 0.01)
    assert weights(there["conv2"]) + weights(there["conv3"]) == 112 * 1024
    assert totals(there["conv2"])[1] + totals(there["conv3"])[1] == pytest.approx(360e6, rel=0.005)
    assert totals(there["conv1"])[1] == 118_013_952  # the table's 34M fit a separable 7×7


def test_googlenet_costs_what_the_paper_allows_itself() -> None:
    price = cost(Architecture.load("googlenet"))
    assert price.parameters == 6_998_552
    assert price.macs == pytest.approx(1.5e9, rel=0.06)


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("googlenet_bn", {"aux1": 3_188_968, "aux2": 3_191_016}),
        ("inception_v3", {"aux": 3_326_696}),
    ],
)
def test_aux_heads_have_the_parameters_of_the_released_code(name: str, heads: dict[str, int]) -> None:
    plan = Architecture.load(name).plan
    found = {
        child.name: sum(each.parameters for each in child.walk(aux=True))
        for child in plan.children
        if child.kind == "aux"
    }
    assert found == heads


def test_bn_inception_is_wider_by_a_quarter_and_costs_about_two_billion() -> None:
    for name in ("bn_inception", "bn_inception_576"):
        price = cost(Architecture.load(name))
        assert price.macs == pytest.approx(2.0e9, rel=0.02)
        assert price.macs / cost(Architecture.load("googlenet")).macs == pytest.approx(1.3, rel=0.02)


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("bn_inception", [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]),
        ("bn_inception_576", [256, 320, 576, 576, 576, 576, 576, 1024, 1024, 1024]),
    ],
)
def test_bn_inception_widths_are_those_of_its_lineage(name: str, widths: list[int]) -> None:
    there = ops(name)
    assert [there[at].output[0] for at in "3a 3b 3c 4a 4b 4c 4d 4e 5a 5b".split()] == widths


def test_inception_v3_parts_have_the_figures_of_the_released_code() -> None:
    there = ops("inception_v3")
    parts = [
        *there["stage_a"].children,
        there["a_to_b"],
        *there["stage_b"].children,
        there["b_to_c"],
        *there["stage_c"].children,
    ]
    assert [totals(part) for part in parts] == [
        (255_904, 312_345_600),
        (277_472, 338_688_000),
        (285_152, 348_096_000),
        (1_153_280, 401_937_408),
        (1_297_408, 374_063_104),
        (1_691_008, 487_702_528),
        (1_691_008, 487_702_528),
        (2_141_952, 617_914_368),
        (1_698_304, 291_004_416),
        (5_044_608, 322_437_120),
        (6_076_800, 388_497_408),
    ]


def test_inception_v4_parts_have_the_figures_of_the_released_code() -> None:
    there = ops("inception_v4")
    parts = {name: totals(node.children[0]) for name, node in there.items() if node.kind == "cell"}
    joins = {node.path.rpartition(".")[2]: totals(node) for node in there["stem"].walk() if node.kind == "branches"}
    assert joins == {
        "join1": (55_488, 294_672_384),
        "join2": (189_312, 972_218_368),
        "join3": (332_160, 406_425_600),
    }
    del parts["stem"]
    assert parts == {
        "stage_a": (317_632, 387_609_600),
        "a_to_b": (2_306_112, 1_097_164_800),
        "stage_b": (2_936_256, 847_264_768),
        "b_to_c": (2_747_392, 511_098_880),
        "stage_c": (4_553_088, 290_979_840),
    }


def test_inception_resnet_v2_parts_have_the_figures_of_the_released_code() -> None:
    there = ops("inception_resnet_v2")
    parts = {name: totals(node.children[0]) for name, node in there.items() if node.kind == "cell"}
    assert parts == {
        "before_a": (268_320, 327_398_400),
        "stage_a": (123_168, 149_900_800),
        "a_to_b": (2_664_960, 1_398_185_984),
        "stage_b": (1_126_784, 324_937_728),
        "b_to_c": (3_880_960, 585_424_896),
        "stage_c": (2_035_424, 130_023_424),
        "last_c": (2_035_424, 130_023_424),
    }
    assert totals(there["conv6"]) == (3_197_952, 204_472_320)


@pytest.mark.parametrize(
    ("name", "widths", "repeats"),
    [
        ("inception_resnet_v1", [256, 896, 1792], [5, 10, 5]),
        ("inception_resnet_v1_facenet", [256, 896, 1792], [5, 10, 5]),
        ("inception_resnet_v2", [320, 1088, 2080], [10, 20, 9]),
        ("inception_resnet_v2_paper", [384, 1152, 2144], [5, 10, 5]),
    ],
)
def test_residual_stages_have_the_widths_and_repeats_of_the_paper(
    name: str, widths: list[int], repeats: list[int]
) -> None:
    stages = [ops(name)[f"stage_{letter}"] for letter in "abc"]
    assert [stage.output[0] for stage in stages] == widths
    assert [len(stage.children) for stage in stages] == repeats


def test_facenet_ends_in_512_batch_normed_features() -> None:
    there = ops("inception_resnet_v1_facenet")
    assert totals(there["features"]) == (1792 * 512 + 2 * 512, 1792 * 512)
    (last,) = there["last_c"].children[0].children
    assert (last.op.scale, last.op.activation) == (1.0, "none")  # type: ignore[attr-defined]


def test_inception_resnet_v2_as_drawn_is_cheaper_than_v4_and_as_released_about_as_dear() -> None:
    v4 = cost(Architecture.load("inception_v4")).macs
    assert cost(Architecture.load("inception_resnet_v2_paper")).macs < 0.8 * v4
    assert cost(Architecture.load("inception_resnet_v2")).macs == pytest.approx(v4, rel=0.08)


def test_inception_v2_has_the_sizes_of_the_papers_table() -> None:
    there = ops("inception_v2")
    assert [there[name].output for name in "conv1 conv2 conv3 pool1 conv4 conv5 conv6".split()] == [
        (32, 149, 149),
        (32, 147, 147),
        (64, 147, 147),
        (64, 73, 73),
        (80, 71, 71),
        (192, 35, 35),
        (288, 35, 35),
    ]
    stages = [there[name].output for name in ("stage_a", "a_to_b", "stage_b", "b_to_c", "stage_c")]
    assert stages == [(288, 35, 35), (768, 17, 17), (768, 17, 17), (1280, 8, 8), (2048, 8, 8)]


def test_the_small_network_is_small() -> None:
    price = cost(Architecture.load("inception_small"), (1, 28, 28), 10)
    assert price.parameters == pytest.approx(300_000, rel=0.1)
    assert price.macs < 15e6


def test_the_family_page_has_the_figures_of_the_documents() -> None:
    page = (Path(__file__).parent.parent / "docs" / "family.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ?([\d,]*) \| ([\d,]+) \|$", page, re.MULTILINE)
    assert {name for name, *_ in rows} == set(published_names()) - {"inception_small"}
    for name, parameters, with_aux, macs in rows:
        architecture = Architecture.load(name)
        price = cost(architecture)
        assert (f"{price.parameters:,}", f"{price.macs:,}") == (parameters, macs)
        with_heads = sum(node.parameters for node in architecture.plan.walk(aux=True))
        assert with_aux == ("" if with_heads == price.parameters else f"{with_heads:,}")
