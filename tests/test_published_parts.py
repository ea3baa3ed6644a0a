"""Cells of published networks as parts of other networks and of search spaces."""

from typing import Any

import documents
import pytest
import yaml

from nas.architecture import Architecture
from nas.architecture.published import published_names, published_path
from nas.cost import cost
from nas.errors import InputError
from nas.space.reading import read_document
from nas.space.space import Space
from nas.space.suggest import Recorded

PARTS = [
    "nin_imagenet.mlpconv",
    "googlenet_naive.3a",
    "googlenet.3a",
    "googlenet_bn.module",
    "bn_inception.4a",
    "bn_inception.3c",
    "inception_v3.a",
    "inception_v3.a_to_b",
    "inception_v3.b",
    "inception_v3.b_to_c",
    "inception_v3.c",
    "inception_v4.stem",
    "inception_v4.a",
    "inception_v4.b",
    "inception_v4.c",
    "inception_resnet_v1.a",
    "inception_resnet_v2.a",
    "inception_resnet_v2.b",
    "inception_resnet_v2.c",
    "inception_resnet_v1_facenet.a_to_b",
]
VALUES = {
    "nin_imagenet.mlpconv": {"width": 8, "then": 8, "last": 8, "kernel": 3},
    "googlenet_bn.module": {"point": 8, "to_3": 8, "three": 8, "to_5": 8, "five": 8, "pool": 8},
}


def document(*ops: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return documents.document(*ops, *documents.HEAD, channels=192, size=36, classes=10, **keys)


def part(name: str, **fields: Any) -> dict[str, Any]:
    return {"op": "cell", "cell": name, **fields}


def parameters(document: dict[str, Any]) -> int:
    return cost(Architecture.from_document(document)).parameters


@pytest.mark.parametrize("name", PARTS)
def test_every_published_cell_can_stand_in_another_network_and_be_scaled(name: str) -> None:
    op = part(name, values=VALUES.get(name, {}))
    assert 0 < parameters(document({**op, "width_multiplier": 0.5})) < parameters(document(op))


@pytest.mark.parametrize("name", PARTS)
def test_a_document_with_parts_is_written_so_that_it_stands_alone(name: str) -> None:
    """Also where the defaults of the document are others than those of the part."""
    op = part(name, values=VALUES.get(name, {}))
    others = {"conv": {"norm": "none", "bias": True, "activation": "silu"}, "pool": {"ceil": True, "padding": 1}}
    architecture = Architecture.from_document(document(op, defaults=others))
    written = architecture.to_document()
    assert "." not in "".join(written["cells"])
    assert f"cell: {name}" not in yaml.safe_dump(written)
    assert Architecture.from_document(written) == architecture
    assert Architecture.from_document(written).digest == architecture.digest
    own_defaults = Architecture.from_document(document(op))
    assert [node.parameters for node in own_defaults.plan.walk()] == [n.parameters for n in architecture.plan.walk()]
    assert architecture.digest == own_defaults.digest


def test_a_network_put_together_of_its_parts_is_the_same_network() -> None:
    original = read_document(published_path("inception_v3"))["architecture"]
    names = {op["name"] for op in original["network"] if op.get("name")} - {"aux"}
    network = [
        {"op": "cell", "cell": f"inception_v3.{op['name']}", "name": op["name"]} if op.get("name") in names else op
        for op in original["network"]
    ]
    for op in network:
        if op["op"] == "aux":
            op["of"] = "stage_b"
    taken = {key: value for key, value in original.items() if key not in ("cells", "variants")}
    assert Architecture.from_document({**taken, "network": network}).digest == Architecture.load("inception_v3").digest


def test_a_part_has_the_cost_it_has_at_home() -> None:
    architecture = Architecture.from_document(document(part("inception_v3.a", values={"pool": 32})))
    assert sum(op.parameters for op in architecture.plan.leaves() if op.kind == "conv") == 255_904


def test_multipliers_of_a_cell_and_of_the_document_both_apply() -> None:
    halved_twice = document(part("inception_v3.a", width_multiplier=0.5), width_multiplier=0.5)
    assert parameters(halved_twice) == parameters(document(part("inception_v3.a", width_multiplier=0.25)))
    rounded = document(part("inception_v3.a", width_multiplier={"times": 0.3, "multiple_of": 8, "minimum": 16}))
    widths = {op.output[0] for op in Architecture.from_document(rounded).plan.leaves() if op.kind == "conv"}
    assert widths == {16, 24}


def test_parts_can_be_choices_of_a_search_space() -> None:
    op = {
        "op": "cell",
        "name": "stage",
        "cell": {"choice": ["inception_v3.a", "inception_v4.a"]},
        "width_multiplier": {"choice": [0.25, 0.5]},
    }
    space = Space.from_document({"architecture": document(op)})
    assert list(space.holes) == ["network.stage.cell", "network.stage.width_multiplier"]
    chosen = {"network.stage.cell": "inception_v4.a", "network.stage.width_multiplier": 0.5}
    sampled = space.sample(Recorded(chosen))["architecture"]
    assert parameters(sampled) == parameters(document(part("inception_v4.a", width_multiplier=0.5)))


def test_taking_parts_does_not_change_the_given_document() -> None:
    given = document(part("inception_v3.c"))
    before = yaml.safe_dump(given)
    Architecture.from_document(given)
    assert yaml.safe_dump(given) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "inception_v9.b",
            r"network\.0\.cell: no published network 'inception_v9'; did you mean .*There are: bn_incep",
        ),
        ("inception_v3.bb", r"network\.0\.cell: no part of inception_v3 called 'bb'.*There are: .*stage_a"),
        ("inception_v3.aux", r"no part of inception_v3 called 'aux'"),
        ("../secret.b", r"no published network"),
        ("inception_v3.", r"no part of inception_v3 called ''"),
        ("nin_imagenet.mlpconv", r"no value 'width'"),
    ],
)
def test_a_part_that_there_is_not_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Architecture.from_document(document(part(name)))


def test_a_misspelt_value_of_a_cell_with_default_values_is_refused() -> None:
    with pytest.raises(InputError, match=r"no value of cell 'inception_v3_a' called 'poool'; did you mean 'pool'"):
        Architecture.from_document(document(part("inception_v3.a", values={"poool": 3})))


def test_a_cell_of_ones_own_under_the_name_of_a_copy_is_refused() -> None:
    with pytest.raises(InputError, match=r"cells\.inception_v3_a: .*choose another"):
        Architecture.from_document(document(part("inception_v3.a"), cells={"inception_v3_a": {"op": "identity"}}))


def test_published_documents_have_no_width_multiplier_that_a_part_would_lose() -> None:
    for name in published_names():
        assert "width_multiplier" not in read_document(published_path(name))["architecture"]
