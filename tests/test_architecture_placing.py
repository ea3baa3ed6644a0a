"""Found and published cells, placed in skeletons of other widths, depths and stems."""

from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import documents
import pytest
import yaml
from shipped_spaces import load

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.parts import with_parts
from nas.architecture.placing import Source, placed, read_sources, skeleton_names, skeleton_path
from nas.cost import cost
from nas.errors import InputError
from nas.space.reading import read_document
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded

STAGED = ["inception_cell", "inception_resnet_cell", "factorized_cell", "inception_network", "nasbench201"]


def space(name: str, *overrides: str) -> Space:
    return load(name, *overrides, size=32)


def sampled(of: Space, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """A document as it is found, in full, and the parameters it was made of."""
    suggest = RandomSuggest(Random(seed))
    document = of.sample(suggest, context)
    found = {**document, "architecture": Architecture.from_document(document).to_document()}
    return found, suggest.parameters


def skeleton(name: str = "cifar", size: int = 32) -> dict[str, Any]:
    own = {"input": {"channels": 3, "size": size}, "classes": 10}
    return {**own, **read_document(skeleton_path(name))["architecture"]}


def skeleton_of(document: dict[str, Any]) -> dict[str, Any]:
    """A found document's network with places for its cells; stem and head stay."""
    kept = deepcopy(document["architecture"])
    for op in kept["network"]:
        if op.get("name", "").startswith(("stage", "reduction")):
            del op["cell"]
    kept["cells"] = {name: kept["cells"][name] for name in ("stem", "head") if name in kept["cells"]}
    return kept


def small(*places: dict[str, Any], **keys: Any) -> dict[str, Any]:
    ops = [{"op": "cell", **place} for place in places]
    return documents.document(*ops, *documents.HEAD, channels=8, size=16, classes=2, **keys)


def found(cells: dict[str, Any], *ops: dict[str, Any], **keys: Any) -> Source:
    return Source("found", {"architecture": small(*ops, cells=cells, **keys)})


def digest(document: dict[str, Any]) -> str:
    return Architecture.from_document(document).digest


@pytest.mark.parametrize("name", ["inception_cell", "inception_resnet_cell", "factorized_cell", "nasbench201"])
def test_cells_put_back_where_they_were_found_give_the_same_network(name: str) -> None:
    for seed in range(3):
        document, _ = sampled(space(name), seed)
        again = placed(skeleton_of(document), {"": Source("found", document)})
        assert digest(again) == digest(document["architecture"])


def test_cells_in_a_wider_and_deeper_skeleton_are_those_of_the_space_at_that_width_and_depth() -> None:
    """What the space itself gives for the same choices of the cells, with another width, depth and stem."""
    narrow = space("inception_cell")
    wide = space(
        "inception_cell",
        "search/architecture/cells/stem=imagenet",
        "search.architecture.network.stem.values.width=40",
        *(f"search.architecture.network.stage_{n}.depth=5" for n in (1, 2, 3)),
    )
    for seed in range(4):
        document, parameters = sampled(narrow, seed)
        wanted = wide.sample(Recorded(parameters), context)["architecture"]
        own, _ = sampled(wide)
        assert digest(placed(skeleton_of(own), {"": Source("found", document)})) == digest(wanted)


@pytest.mark.parametrize("name", STAGED)
def test_what_any_staged_space_finds_fits_the_small_skeleton_at_every_width(name: str) -> None:
    document, _ = sampled(space(name), 1)
    prices = []
    for width in (16, 64):
        wide = skeleton()
        wide["network"][0]["values"]["width"] = width
        prices.append(cost(Architecture.from_document(placed(wide, {"": Source(name, document)}))).parameters)
    assert 3 * prices[0] < prices[1]


def test_skeletons_that_are_shipped_take_a_searched_cell_and_have_no_network_without_one() -> None:
    document, _ = sampled(space("inception_cell"))
    assert skeleton_names() == ["cifar", "imagenet"]
    for name, size in (("cifar", 32), ("imagenet", 224)):
        with pytest.raises(InputError, match=r"cell needs the name of a cell"):
            Architecture.from_document(skeleton(name, size))
        made = placed(skeleton(name, size), {"": Source("found", document)})
        assert min(Architecture.from_document(made).plan.children[-2].output[1:]) in (7, 8)


def test_a_placed_document_stands_alone_and_the_given_ones_stay_as_they_were() -> None:
    document, _ = sampled(space("inception_cell"))
    given = skeleton()
    before = yaml.safe_dump([given, document])
    made = Architecture.from_document(placed(given, {"": Source("found", document)}))
    assert yaml.safe_dump([given, document]) == before
    assert Architecture.from_document(yaml.safe_load(yaml.safe_dump(made.to_document(), sort_keys=False))) == made


@pytest.mark.parametrize(("cell", "width"), [("googlenet_bn.4a", 128), ("inception_v4.b", 64), ("inception_v3.c", 32)])
def test_a_published_cell_is_scaled_so_that_it_is_as_wide_as_its_place(cell: str, width: int) -> None:
    """Rounded down, branch by branch."""
    document = small({"name": "stage_1", "values": {"width": width}})
    made = Architecture.from_document(placed(document, read_sources(cell)))
    assert width - 10 <= made.plan.children[0].output[0] <= width


def test_a_place_without_a_width_takes_a_cell_as_it_is() -> None:
    made = placed(small({"name": "stage_1", "depth": 2}), read_sources("inception_v3.a"))
    written = with_parts(small({"name": "stage_1", "cell": "inception_v3.a", "depth": 2}), {})
    assert digest(made) == digest(written)


def test_sources_can_be_given_by_place_and_by_kind_of_place() -> None:
    given = {"stage": "inception_v3.a", "stage_3": "inception_v3.c", "reduction": "inception_v3.a_to_b"}
    made = placed(skeleton(), read_sources(given))
    cells = {op["name"]: op.get("cell") for op in made["network"]}
    assert cells == {
        "stem": "stem",
        "stage_1": "inception_v3_a",
        "reduction_1": "inception_v3_a_to_b",
        "stage_2": "inception_v3_a",
        "reduction_2": "inception_v3_a_to_b",
        "stage_3": "inception_v3_c",
        "head": "head",
    }


def test_cells_of_one_name_from_two_sources_stay_apart() -> None:
    inner = {"op": "cell", "cell": "inner"}
    three = {"normal": inner, "inner": {"op": "conv", "width": "in", "kernel": 3}}
    five = {"normal": inner, "inner": {"op": "conv", "width": "in", "kernel": 5}}
    op = {"name": "stage_1", "cell": "normal"}
    sources = {"stage_1": found(three, op), "stage_2": Source("other", found(five, op).written)}
    made = Architecture.from_document(placed(small({"name": "stage_1"}, {"name": "stage_2"}), sources))
    assert [node.op.kernel for node in made.plan.walk() if node.kind == "conv"] == [(3, 3), (5, 5)]


def test_found_cells_mean_the_same_under_the_defaults_of_a_skeleton() -> None:
    cells = {"normal": {"op": "conv", "width": 8, "kernel": 3}}
    source = found(cells, {"name": "stage_1", "cell": "normal"}, defaults={"conv": {"norm": "none", "bias": True}})
    made = placed(small({"name": "stage_1"}, defaults={"conv": {"activation": "silu", "stride": 2}}), {"": source})
    (conv,) = (node.op for node in Architecture.from_document(made).plan.walk() if node.kind == "conv")
    assert (conv.norm, conv.bias, conv.activation, conv.stride) == (None, True, "relu", (1, 1))


def test_values_and_multipliers_of_the_place_where_a_cell_was_found_come_along() -> None:
    cells = {"normal": {"op": "conv", "width": 32, "kernel": "$kernel"}}
    source = found(
        cells, {"name": "stage_1", "cell": "normal", "values": {"kernel": 5}, "width_multiplier": 0.5, "depth": 3}
    )
    as_it_was = Architecture.from_document(placed(small({"name": "stage_1"}), {"": source}))
    (conv,) = (node.op for node in as_it_was.plan.walk() if node.kind == "conv")
    assert (conv.kernel, conv.width) == ((5, 5), 16)
    scaled = Architecture.from_document(placed(small({"name": "stage_1", "values": {"width": 24}}), {"": source}))
    assert [node.op.width for node in scaled.plan.walk() if node.kind == "conv"] == [24]


def test_a_place_that_the_found_network_has_not_takes_the_cell_of_all_others_of_its_kind() -> None:
    cells = {"a": {"op": "conv", "width": "in", "kernel": 3}, "b": {"op": "conv", "width": "in", "kernel": 5}}
    one = found(cells, {"name": "stage_1", "cell": "a"}, {"name": "stage_2", "cell": "a"})
    two = found(cells, {"name": "stage_1", "cell": "a"}, {"name": "stage_2", "cell": "b"})
    assert placed(small({"name": "stage_7"}), {"": one})["network"][0]["cell"] == "a"
    with pytest.raises(InputError, match=r"network\.stage_7: found has no op.*stage_1 \(a\), stage_2 \(b\)"):
        placed(small({"name": "stage_7"}), {"": two})
    assert placed(small({"name": "stage_7", "cell": "b"}), {"": two})["network"][0]["cell"] == "b"


@pytest.mark.parametrize(
    ("place", "given", "message"),
    [
        ({"name": "stage_1"}, "inception_v9.a", r"cell: no published network 'inception_v9'; did you mean"),
        ({"name": "stage_1"}, "inception_v3.zz", r"cell: inception_v3\.zz: the network has no such cell"),
        ({"name": "stage_1"}, "nothing.yaml", r"no file 'nothing.yaml'"),
        ({"name": "stage_1"}, 3, r"cell: expected a source, or sources by place"),
        ({"name": "stage_1"}, {}, r"cell: expected a source"),
        ({"name": "stage_1"}, {"stag": "inception_v3.a"}, r"cell: no place 'stag'; did you mean 'stage'\?"),
        ({"name": "reduction_1"}, "inception_v3.a", r"cell: no place 'stage'; .*there are: reduction, reduction_1"),
        ({"name": "stage_1", "values": {"width": "wide"}}, "inception_v3.a", r"network\.stage_1\.values\.width"),
        ({"name": "stage_1", "cell": "c"}, "inception_v3.a", r"network\.stage_1\.cell: no cell in .* called 'c'"),
        ({"name": "stage_1"}, {"reduction": "inception_v3.a"}, r"cell: no place 'reduction'"),
        (
            {"name": "stage_1", "values": [3]},
            "inception_v3.a",
            r"network\.stage_1\.values: expected a mapping of names",
        ),
    ],
)
def test_what_cannot_be_placed_is_refused_with_its_place(place: dict[str, Any], given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        placed(small(place), read_sources(given))


def test_each_place_needs_a_cell() -> None:
    with pytest.raises(
        InputError, match=r"^network\.reduction_1: no cell is given for it; give sources by place, such"
    ):
        placed(small({"name": "stage_1"}, {"name": "reduction_1"}), read_sources({"stage": "inception_v3.a"}))


def test_a_cell_that_no_op_uses_by_itself_has_no_width_to_be_scaled_by() -> None:
    cells = {"normal": {"op": "cell", "cell": "inner"}, "inner": {"op": "conv", "width": 8, "kernel": 3}}
    source = found(cells, {"name": "stage_1", "cell": "normal"})
    place = {"name": "stage_1", "cell": "inner", "values": {"width": 16}}
    with pytest.raises(
        InputError, match=r"^network\.stage_1: no op of found's network uses the cell 'inner' by itself"
    ):
        placed(small(place), {"": source})
    made = Architecture.from_document(placed(small({**place, "width_multiplier": 3}), {"": source}))
    assert made.plan.children[0].output[0] == 24


def test_a_cell_that_is_handed_to_a_cell_keeps_its_name_or_is_refused() -> None:
    cells = {"normal": {"op": "cell", "cell": "$which"}, "inner": {"op": "conv", "width": 8, "kernel": 3}}
    source = found(cells, {"name": "stage_1", "cell": "normal", "values": {"which": "inner"}})
    assert Architecture.from_document(placed(small({"name": "stage_1"}), {"": source})).plan.children[0].output[0] == 8
    skeleton = small({"name": "stage_1"}, cells={"inner": {"op": "conv", "width": 4, "kernel": 1}})
    with pytest.raises(InputError, match=r"network\.stage_1: the skeleton has a cell called as one of found's; rename"):
        placed(skeleton, {"": source})


def test_a_source_that_holds_no_network_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("training: {epochs: 1}\n")
    with pytest.raises(InputError, match=r"^cell: .*recipe\.yaml: no architecture in it, so no cells either$"):
        read_sources(str(tmp_path / "recipe.yaml"))
    with pytest.raises(InputError, match=r"^cell: wrong: architecture: "):
        placed(small({"name": "stage_1"}), {"": Source("wrong", {"architecture": {"network": []}})})


def test_a_document_without_a_place_is_no_skeleton() -> None:
    document = read_document(skeleton_path("cifar"))["architecture"]
    complete = {**document, "network": [op for op in document["network"] if "cell" in op]}
    with pytest.raises(InputError, match=r"no place for a cell"):
        placed(complete, read_sources("inception_v3.a"))


def test_a_cell_that_does_not_fit_is_refused_when_the_document_is_read() -> None:
    cells = {"normal": {"op": "residual", "body": {"op": "conv", "width": 8, "kernel": 3}}}
    source = found(cells, {"name": "stage_1", "cell": "normal"})
    made = placed({**small({"name": "stage_1"}), "input": {"channels": 5, "size": 16}}, {"": source})
    with pytest.raises(InputError, match=r"stage_1"):
        Architecture.from_document(made)


def test_a_skeleton_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match=r"no skeleton 'cifra'; did you mean 'cifar'"):
        skeleton_path("cifra")
    with pytest.raises(InputError, match=r"architecture: cells need a skeleton"):
        skeleton_path(None)
