"""Published networks compute what torchvision and timm compute, to the last digits of float64."""

from collections.abc import Iterable

import pytest
import torch
from published_networks import PAIRS, PAIRS_WITH_AUX, Pair, same_random_weights
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nas.architecture import Architecture
from nas.cost import cost
from nas.weights.names import namings

SMALL = (75, 107)
"""A size that all of them take without aux heads, and that is not square, so that rows and columns differ."""


def images(size: int | tuple[int, int]) -> Tensor:
    height, width = size if isinstance(size, tuple) else (size, size)
    return torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def assert_identical(ours: Tensor, theirs: Tensor) -> None:
    """Equal but for the order of additions: about 1e-14 of the logits' spread."""
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12 * float(theirs.std()))


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if str(pair) != "inception_v3-timm"], ids=str)
def test_logits_and_batch_statistics_are_identical(pair: Pair) -> None:
    ours, theirs = same_random_weights(pair, SMALL)
    with torch.no_grad():
        assert_identical(ours.eval()(images(SMALL)), theirs.eval()(images(SMALL)))
        assert_identical(ours.train()(images(SMALL)), theirs.train()(images(SMALL)))
    for mine, other in zip(_statistics(ours), _statistics(theirs), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)


def _statistics(network: nn.Module) -> list[Tensor]:
    """Running means and variances, in an order that does not depend on names."""
    found = [value for name, value in network.state_dict().items() if "running" in name]
    return sorted(found, key=lambda value: (len(value), round(float(value.sum()), 9)))


def test_googlenet_aux_logits_are_identical_in_training_and_absent_in_eval() -> None:
    ours, theirs = same_random_weights(PAIRS_WITH_AUX[0], 64)
    with torch.no_grad():
        logits, heads = ours.train()(images(64))
        expected, expected_2, expected_1 = theirs.train()(images(64))  # torchvision returns the later head first
        assert_identical(logits, expected)
        assert_identical(heads["aux1"], expected_1)
        assert_identical(heads["aux2"], expected_2)
        assert_identical(ours.eval()(images(64)), theirs.eval()(images(64)))


@pytest.mark.parametrize("pair", [PAIRS_WITH_AUX[1], pytest.param(PAIRS_WITH_AUX[2], marks=pytest.mark.slow)], ids=str)
def test_inception_v3_aux_logits_are_identical_at_native_size(pair: Pair) -> None:
    ours, theirs = same_random_weights(pair)
    with torch.no_grad():
        logits, heads = ours.train()(images(299))
        expected, expected_aux = theirs.train()(images(299))
    assert_identical(logits, expected)
    assert_identical(heads["aux"], expected_aux)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_logits_are_identical_at_native_size(pair: Pair) -> None:
    ours, theirs = same_random_weights(pair)
    size = ours.input_shape[1]
    with torch.no_grad():
        assert_identical(ours.eval()(images(size)), theirs.eval()(images(size)))
        assert_identical(ours.train()(images(size)), theirs.train()(images(size)))


@pytest.mark.parametrize("pair", [*PAIRS, *PAIRS_WITH_AUX[:2]], ids=str)
def test_parameters_macs_and_every_layers_shape_are_equal(pair: Pair) -> None:
    ours, theirs = pair.ours().train(pair.aux), pair.theirs().train(pair.aux)
    assert _parameters(ours) == _parameters(theirs)
    (naming,) = [each for each in namings() if each.network == pair.name]
    there = {name for name, _ in ours.named_modules()}
    layers = {at: name for at, name in naming.layers.items() if at in there}
    macs, shapes = _run(ours, ours.input_shape, layers.keys())
    expected_macs, expected_shapes = _run(theirs, ours.input_shape, layers.values())
    assert {layers[at]: shape for at, shape in shapes.items()} == expected_shapes
    assert macs == expected_macs
    if not pair.aux:
        assert cost(Architecture.load(pair.name)).macs * 2 == macs


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _run(network: nn.Module, shape: tuple[int, ...], layers: Iterable[str]) -> tuple[int, dict[str, tuple[int, ...]]]:
    """MACs for a batch of two, and the output shape of each of the layers."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in layers:
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: shapes.update({name: tuple(output.shape)})
        )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.empty(2, *shape, device="meta"))
    return counter.get_total_flops() // 2, shapes
