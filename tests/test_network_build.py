"""The built network: its names, its aux heads, its drop-path, and what it is built for."""

from typing import Any

import pytest
import torch
from built import assert_built_as_planned, parameters
from documents import HEAD, build, conv, side_by_side
from torch import Tensor, nn

from nas.errors import InputError
from nas.network import build_network, set_drop_path

WITH_HEADS = [
    conv(4, name="stem"),
    {"op": "aux", "name": "early", "weight": 0.2, "chain": HEAD},
    conv(6, stride=2, name="deep"),
    {"op": "aux", "name": "late", "weight": 0.4, "of": "stem", "chain": [conv(2), *HEAD]},
    {"op": "aux", "name": "last", "chain": HEAD},
]


def test_submodules_are_called_and_registered_as_the_document_says() -> None:
    cell = side_by_side(wide=[conv(4, name="reduce"), conv(5, 7, form="asymmetric", name="spatial")], pool=[])
    architecture = build(
        conv(8, name="stem"),
        {"op": "cell", "name": "stage", "cell": "x", "depth": 2},
        {"op": "residual", "name": "sum", "body": conv(3), "shortcut": conv(4), "projection": True},
        cells={"x": cell},
    )
    network = build_network(architecture)
    assert [name for name in network.state_dict() if name.endswith("weight") and "norm" not in name] == [
        "stem.conv.weight",
        *(
            f"stage.{copy}.branches.wide.{op}.conv.weight"
            for copy in (0, 1)
            for op in ("reduce", "spatial.1x7", "spatial.7x1")
        ),
        "sum.body.conv.conv.weight",
        "sum.projection.conv.weight",
        "sum.shortcut.conv.conv.weight",
        "linear.linear.weight",
    ]
    paths = [node.path for node in architecture.plan.walk() if node.path]
    modules = [name for name, _ in network.named_modules()]
    assert [path for path in modules if path in paths] == paths


def test_copies_of_a_cell_have_weights_of_their_own() -> None:
    twice = build({"op": "cell", "name": "x", "cell": "x", "depth": 2}, conv(3), cells={"x": conv(3)})
    network = build_network(twice)
    assert len({id(parameter) for parameter in network.parameters()}) == 3 * 3 + 2
    first, second = (network.get_submodule(f"x.{copy}.conv.conv").weight for copy in (0, 1))
    assert not torch.equal(first, second)


def test_branches_are_concatenated_in_the_documents_order() -> None:
    network = build_network(build(side_by_side(b=[{"op": "identity"}], a=[conv(2, 1)])))
    x = torch.rand(2, 3, 8, 8)
    assert torch.equal(network.get_submodule("branches")(x)[:, :3], x)


@pytest.mark.parametrize("activation", ["relu", "none", "silu"])
@pytest.mark.parametrize("scale", [1.0, 0.1, -2.0])
@pytest.mark.parametrize("projection", [True, False])
@pytest.mark.parametrize("shortcut", [True, False])
def test_a_residual_is_its_formula(activation: str, scale: float, projection: bool, shortcut: bool) -> None:
    op: dict[str, Any] = {"op": "residual", "body": conv(3, 1), "scale": scale, "activation": activation, "name": "sum"}
    op |= {"shortcut": conv(3, 3)} if shortcut else {}
    network = build_network(build({**op, "projection": projection})).eval()
    x = torch.rand(2, 3, 8, 8)
    changed = network.get_submodule("sum.projection")(network.get_submodule("sum.body")(x))
    kept = network.get_submodule("sum.shortcut")(x)
    expected = {"relu": torch.relu, "none": lambda y: y, "silu": nn.functional.silu}[activation](kept + scale * changed)
    torch.testing.assert_close(network.get_submodule("sum")(x), expected)


def test_aux_heads_are_built_only_if_asked_for() -> None:
    architecture = build(*WITH_HEADS)
    without, with_heads = (build_network(architecture, aux=aux) for aux in (False, True))
    assert without.aux_weights == {}
    assert without.aux_heads == with_heads.aux_heads == ("early", "late", "last")
    assert with_heads.aux_weights == {"early": 0.2, "late": 0.4, "last": 0.3}
    assert [name for name, _ in without.named_children()] == ["stem", "deep", "global_pool", "linear"]
    assert [name for name, _ in with_heads.named_children()] == [
        *("stem", "early", "deep", "late", "last", "global_pool", "linear"),
    ]
    assert parameters(without) < parameters(with_heads)
    assert set(without.state_dict()) < set(with_heads.state_dict())


def test_aux_heads_answer_in_training_alone() -> None:
    network = build_network(build(*WITH_HEADS), aux=True)
    x = torch.rand(2, 3, 8, 8)
    logits, heads = network.train()(x)
    assert logits.shape == (2, 5)
    assert {name: head.shape for name, head in heads.items()} == dict.fromkeys(("early", "late", "last"), (2, 5))
    assert isinstance(network.eval()(x), Tensor)
    assert isinstance(build_network(build(*WITH_HEADS)).train()(x), Tensor)
    assert isinstance(build_network(build(conv()), aux=True).train()(x), Tensor)


def test_aux_heads_read_their_taps() -> None:
    network = build_network(build(*WITH_HEADS), aux=True).eval()
    network.training = True
    x = torch.rand(2, 3, 8, 8)
    _, heads = network(x)
    stem = network.get_submodule("stem")(x)
    deep = network.get_submodule("deep")(stem)
    torch.testing.assert_close(heads["early"], network.get_submodule("early")(stem))
    torch.testing.assert_close(heads["late"], network.get_submodule("late")(stem))
    torch.testing.assert_close(heads["last"], network.get_submodule("last")(deep))


def test_aux_heads_send_gradients_to_what_they_read() -> None:
    network = build_network(build(*WITH_HEADS), aux=True)
    _, heads = network(torch.rand(2, 3, 8, 8))
    heads["early"].sum().backward()
    assert network.get_parameter("stem.conv.weight").grad is not None
    assert network.get_parameter("deep.conv.weight").grad is None


def test_a_network_with_heads_is_built_as_planned() -> None:
    assert_built_as_planned(build(*WITH_HEADS), aux=True)


def test_a_network_is_built_for_another_input_and_other_classes() -> None:
    architecture = build(conv(4), size=8)
    network = build_network(architecture, in_channels=1, classes=7, input_size=(9, 12))
    assert network(torch.rand(2, 1, 9, 12)).shape == (2, 7)
    assert (network.input_shape, network.classes) == ((1, 9, 12), 7)
    assert build_network(architecture).input_shape == (3, 8, 8)
    assert build_network(architecture, input_size=16).input_shape == (3, 16, 16)


def test_an_input_that_does_not_fit_is_refused_before_anything_is_built() -> None:
    with pytest.raises(InputError, match="conv: a kernel of 5×5 does not fit the grid of 4×4"):
        build_network(build(conv(4, 5, padding="valid")), input_size=4)


def test_without_heads_a_head_that_does_not_fit_is_no_obstacle() -> None:
    head = {"op": "aux", "chain": [conv(2, 5, padding="valid"), *HEAD]}
    architecture = build(conv(4), head, size=8)
    assert build_network(architecture, input_size=4).input_shape == (3, 4, 4)
    with pytest.raises(InputError, match=r"aux\.conv: a kernel of 5×5"):
        build_network(architecture, input_size=4, aux=True)


def test_building_draws_the_same_weights_from_the_same_seed() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        weights.append(build_network(build(*WITH_HEADS)).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


DROPPED = [
    conv(4, 1),
    {"op": "residual", "body": [conv(4, 1)], "scale": 0.5, "name": "sum"},
    side_by_side(a=[conv(2, 1)], b=[{"op": "identity"}]) | {"name": "both"},
    side_by_side(only=[conv(3, 1)]) | {"name": "lone"},
]


def dropping(rate: float) -> nn.Module:
    network = build_network(build(*DROPPED, size=2))
    set_drop_path(network, rate)
    return network


def test_drop_path_rests_in_evaluation_and_can_be_taken_back() -> None:
    network = dropping(0.9)
    x = torch.rand(64, 3, 2, 2)
    assert torch.equal(network.eval()(x), network(x))
    network.train()
    assert not torch.equal(network(x), network(x))
    set_drop_path(network, 0.0)
    assert torch.equal(network(x), network(x))


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_drop_path_drops_whole_branches_of_a_sample_and_keeps_the_expectation(rate: float) -> None:
    torch.manual_seed(0)
    network = dropping(rate).eval()
    for name in ("sum", "both"):
        network.get_submodule(name).training = True
    x = torch.rand(1, 4, 2, 2).expand(20_000, 4, 2, 2)

    both = network.get_submodule("both")
    apart = both(x)
    convolved = both.get_submodule("a")(x[:1])
    for part, kept in ((apart[:, :2], convolved), (apart[:, 2:], x[:1])):
        whole = (part - kept / (1 - rate)).abs().amax((1, 2, 3)) < 1e-5
        none = part.abs().amax((1, 2, 3)) == 0
        assert (whole | none).all()
        assert none.float().mean().item() == pytest.approx(rate, abs=0.02)

    total = network.get_submodule("sum")
    assert isinstance(total.activation, nn.ReLU)
    change = total(x).mean(0) - x[0]
    expected = 0.5 * total.get_submodule("body")(x[:1])[0]
    torch.testing.assert_close(change, expected, atol=0.03, rtol=0.05)


def test_branches_are_dropped_independently_and_a_lone_branch_never() -> None:
    torch.manual_seed(0)
    network = dropping(0.5).eval()
    for name in ("both", "lone"):
        network.get_submodule(name).training = True
    x = torch.rand(4000, 4, 2, 2) + 0.5
    there = network.get_submodule("both")(x)
    first, second = (part.abs().amax((1, 2, 3)) > 0 for part in (there[:, :2], there[:, 2:]))
    assert (first & second).float().mean().item() < 0.35
    lone = network.get_submodule("lone")
    torch.testing.assert_close(lone(there), lone.get_submodule("only")(there))
