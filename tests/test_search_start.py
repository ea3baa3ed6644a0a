"""Where a search starts from, and which published cells a space contains."""

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from documents import HEAD, conv, document, side_by_side
from shipped_spaces import load

from nas.architecture import Architecture
from nas.architecture.cell_matching import cell_parameters, places, planned
from nas.architecture.context import context
from nas.architecture.sketch import sketch
from nas.errors import InputError
from nas.report.contained import published_cells, published_cells_in, published_networks_in
from nas.search.start import StartingPoint, starting_points
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded, first

INCEPTION = load("inception_cell", size=28, channels=1)


def cell_of(space: Space, parameters: Any, op: str) -> str:
    """The sketch of the cell that a document with these parameters has."""
    candidate = space.sample(Recorded(parameters, RandomSuggest(Random(0))), context)
    nodes = Architecture.from_document(candidate["architecture"]).plan.children
    return sketch(next(node for node in nodes if node.name == op).children[0])


@cache
def point(source: str) -> StartingPoint:
    """Found once for all tests, as it takes seconds."""
    (found,) = starting_points(INCEPTION, [source])
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("inception_v3.a", ["5×5", "3×3", "avg"]),
        ("googlenet.3a", ["3×3", "5×5", "max"]),
        ("bn_inception.4a", ["3×3", "avg"]),
        ("inception_resnet_v2.a", ["x + 0.", "3×3"]),
    ],
)
def test_a_published_cell_gives_the_parameters_of_its_structure(source: str, expected: list[str]) -> None:
    found = point(source)
    assert found.about == "the structure of the cell, in stage_1"
    assert all(name.startswith("cells.") for name in found.parameters)
    made = cell_of(INCEPTION, found.parameters, "stage_1")
    assert all(part in made for part in expected), made


def test_the_widths_of_a_cell_come_near_to_its_own_as_shares_of_what_comes_in() -> None:
    found = point("googlenet.3a")  # on 192: 64, 96 to 128, 16 to 32, 32
    inside = {name.removeprefix("cells.inception.branches."): value for name, value in found.parameters.items()}
    assert inside["far.present.reduce.width"] == "eighth"
    assert inside["far.present.spatial.width.times"] == 0.25
    assert inside["pool.max.project.width.times"] == 0.125
    assert inside["near.spatial.width.times"] >= 0.5


def test_a_candidate_starts_again_as_it_was(tmp_path: Path) -> None:
    suggest = RandomSuggest(Random(3))
    candidate = INCEPTION.sample(suggest, context)
    architecture = Architecture.from_document(candidate)
    for name, written in (("raw", candidate["architecture"]), ("best", architecture.to_document())):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            yaml.safe_dump({**candidate, "architecture": written, "record": {"trial": 1}}), encoding="utf-8"
        )
        (point,) = starting_points(INCEPTION, [str(path)])
        again = INCEPTION.sample(Recorded(point.parameters, first), context)
        assert Architecture.from_document(again).digest == architecture.digest
        assert again["training"] == candidate["training"]


def test_a_colleagues_candidate_for_other_images_keeps_what_of_its_training_the_space_has(tmp_path: Path) -> None:
    theirs = load("inception_cell", size=32, channels=3).sample(RandomSuggest(Random(1)), context)
    theirs["training"] |= {"lr": 0.123, "weight_decay": 0.02, "epochs": 99}
    (tmp_path / "best.yaml").write_text(yaml.safe_dump(theirs), encoding="utf-8")
    (point,) = starting_points(INCEPTION, [str(tmp_path / "best.yaml")])
    assert {name for name in point.parameters if name.startswith("training.")} == {"training.weight_decay"}


def test_a_file_with_an_op_is_a_cell(tmp_path: Path) -> None:
    op = side_by_side(mine=[conv(8, 1), conv(16, 3)], other=[{"op": "pool", "kind": "max"}, conv(4, 1)])
    (tmp_path / "cell.yaml").write_text(yaml.safe_dump(op), encoding="utf-8")
    (point,) = starting_points(INCEPTION, [str(tmp_path / "cell.yaml")])
    assert point.parameters["cells.inception.branches.point"] == "absent"
    assert point.parameters["cells.inception.branches.pool"] == "max"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("inception_v3.b", "no cell of the space can have"),
        ("inception_v3.z", "no part of inception_v3 called 'z'"),
        ("inception_v33.a", "did you mean 'inception_v3'"),
        ("inception_small", "the network is not in the space: "),
        ("no_such_network", "no published network 'no_such_network'"),
        ("missing.yaml", "no file 'missing.yaml'"),
    ],
)
def test_a_source_that_is_not_in_the_space_is_refused_with_its_name(source: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        starting_points(INCEPTION, [source])
    assert str(refused.value).startswith(f"search.start_from: {source}: ")
    assert told in str(refused.value)


def test_a_file_that_holds_neither_network_nor_op_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("training: {lr: 0.1}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"other\.yaml: neither an architecture nor an op is in it; it has training"):
        starting_points(INCEPTION, [str(tmp_path / "other.yaml")])


def test_a_space_contains_the_published_cells_of_its_structure() -> None:
    found = published_cells_in(INCEPTION)
    assert {"googlenet.3a", "inception_v3.a", "inception_resnet_v2.a"} <= set(found["stage_1"])
    assert {"inception_v3.a_to_b", "bn_inception.3c"} <= set(found["reduction_1"])
    assert not {"inception_v3.b", "inception_v3.c", "googlenet_naive.3a"} & set(found["stage_1"])
    assert all(names for names in (published_cells(), found["stage_1"]))


def test_a_cell_is_contained_only_where_the_conditions_let_it() -> None:
    form = {"if": {"context": "grid", "at_most": 8}, "then": "asymmetric", "else": "full"}
    cell = conv({"choice": [4, 8]}, 7, name="c", form=form)
    for size, contained in ((8, True), (16, False)):
        architecture = document({"op": "cell", "name": "s", "cell": "a"}, *HEAD, cells={"a": cell}, size=size)
        space = Space.from_document({"architecture": architecture})
        (place,) = places(space)
        row_then_column = planned([conv(64, [1, 7]), conv(64, [7, 1])], place.input, 5)
        assert (cell_parameters(space, place, row_then_column) is not None) == contained


def test_a_published_network_is_contained_where_a_space_leaves_it_possible() -> None:
    small = Architecture.load("inception_small").to_document()
    architecture = {**small, "input": {"channels": 1, "size": 28}}
    width = architecture["network"][0]["width"]
    architecture["network"][0]["width"] = {"choice": [width, 2 * width]}
    assert published_networks_in(Space.from_document({"architecture": architecture})) == ["inception_small"]
    architecture["network"][0]["width"] = {"choice": [width + 1, 2 * width]}
    assert published_networks_in(Space.from_document({"architecture": architecture})) == []


def test_a_space_in_which_nothing_fits_says_so() -> None:
    cell = conv(2, {"choice": [11, 13]}, name="c", padding="valid")
    architecture = document({"op": "cell", "name": "s", "cell": "a"}, *HEAD, cells={"a": cell})
    with pytest.raises(InputError, match="none of 20 random candidates fits the input"):
        places(Space.from_document({"architecture": architecture}))
