"""Published networks at other input sizes, by the changes of their stems that they offer."""

from typing import Any

import pytest
import torch
from documents import build

from nas.architecture import Architecture
from nas.architecture.plan import ShapeError, plan
from nas.architecture.published import published_names, published_path
from nas.cost import cost
from nas.errors import InputError
from nas.network import build_network
from nas.space.reading import read_document

FOR_SMALL_IMAGES = ["inception_small", "nin_cifar10", "nin_cifar100", "nin_cifar100_table"]


def offered(name: str) -> dict[str, Any]:
    return dict(read_document(published_path(name))["architecture"].get("variants", {}))


def small(name: str) -> Architecture:
    return Architecture.load(name, variant=None if name in FOR_SMALL_IMAGES else "small")


@pytest.mark.parametrize("name", published_names())
def test_every_variant_is_a_network_at_its_own_input(name: str) -> None:
    for variant in offered(name):
        assert Architecture.load(name, variant).digest != Architecture.load(name).digest


@pytest.mark.parametrize("name", published_names())
def test_every_network_can_be_brought_to_28_to_64_pixels_aux_heads_included(name: str) -> None:
    architecture = small(name)
    for size in range(28, 65):
        plan(architecture.network, (1, size, size), 10)
    with torch.device("meta"):
        network = build_network(architecture, in_channels=1, classes=10, input_size=28, aux=True).train()
        output = network(torch.empty(2, 1, 28, 28))
    logits, heads = output if isinstance(output, tuple) else (output, {})
    assert all(each.shape == (2, 10) for each in [logits, *heads.values()])
    assert heads.keys() == network.aux_weights.keys()


@pytest.mark.parametrize("name", sorted(set(published_names()) - set(FOR_SMALL_IMAGES)))
def test_a_small_variant_changes_the_stem_alone(name: str) -> None:
    """What has weights keeps its shape, so that published weights still fit; aux heads may lose their pool."""
    full, other = Architecture.load(name), small(name)
    plans = full.plan, plan(other.network, other.input, 1000, aux=False)
    expected, got = ([op.parameters for op in each.leaves() if op.parameters] for each in plans)
    assert got == expected


def test_inception_v3_has_the_papers_three_sizes_at_about_equal_cost() -> None:
    full, middle, low = (Architecture.load("inception_v3", each) for each in (None, "at_151", "at_79"))
    assert [each.input[1] for each in (full, middle, low)] == [299, 151, 79]
    grids = [[node.output[1] for node in each.plan.children if node.kind == "cell"] for each in (full, middle, low)]
    assert grids == [[35, 17, 17, 8, 8], [35, 17, 17, 8, 8], [36, 17, 17, 8, 8]]
    costs = [cost(each).macs for each in (full, middle, low)]
    assert max(costs) < 1.07 * min(costs)


def test_the_input_transform_is_the_one_torchvision_applies() -> None:
    architecture = Architecture.load("inception_v3", "transform_input")
    first = build_network(architecture, in_channels=3, classes=10).get_submodule("input")
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    image = torch.rand(1, 3, 8, 8)
    normalised = (image - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(first(normalised), (image - 0.5) / 0.5)


def test_several_variants_can_be_taken_at_once() -> None:
    document = read_document(published_path("inception_v3"))["architecture"]
    both = Architecture.from_document({**document, "variant": ["small", "transform_input"]})
    assert both.input == (3, 32, 32)
    assert both.plan.leaves()[0].kind == "channel_affine"


def test_a_document_with_a_variant_is_written_as_what_it_became() -> None:
    written = small("googlenet").to_document()
    assert not {"variant", "variants"} & written.keys()
    assert Architecture.from_document(written) == small("googlenet")


@pytest.mark.parametrize(
    ("variants", "variant", "message"),
    [
        ({"small": {"input.size": 8}}, "smal", r"architecture\.variant: no variant 'smal'; did you mean 'small'"),
        ({"small": {"input.size": 8}}, 3, r"no variant 3;.*there are: small"),
        ({}, "small", r"no variant 'small';.*there are: none"),
        (
            {"small": {"network.stem.width": 8}},
            "small",
            r"variants\.small: network\.stem\.width: no part",
        ),
        ({"small": ["network"]}, "small", r"architecture\.variants\.small: expected a mapping of paths"),
        ([], "small", r"no variant 'small'"),
        ("small", "small", r"architecture\.variants: expected a mapping"),
    ],
)
def test_a_variant_that_cannot_be_taken_is_refused(variants: Any, variant: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(variants=variants, variant=variant)


def test_an_input_that_is_too_small_is_refused_with_the_op_and_grid_where_it_fails() -> None:
    architecture = Architecture.load("inception_v3")
    with pytest.raises(ShapeError, match=r"a_to_b\.0\.branches\.three\.conv: a kernel of 3×3 does not fit .* of 1×1"):
        build_network(architecture, in_channels=3, classes=10, input_size=32)


def test_a_head_that_does_not_fit_is_refused_only_where_it_is_asked_for() -> None:
    architecture = Architecture.load("inception_v3")
    with torch.device("meta"):
        assert build_network(architecture, in_channels=3, classes=10, input_size=107).aux_heads == ("aux",)
        with pytest.raises(ShapeError, match=r"aux\.whole: a kernel of 5×5 does not fit|aux\.pool: a kernel of 5×5"):
            build_network(architecture, in_channels=3, classes=10, input_size=107, aux=True)
