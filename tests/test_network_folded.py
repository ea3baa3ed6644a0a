"""Batch norms folded into the layers before them compute the same."""

import pytest
import torch
from built import randomized
from documents import document
from shipped_spaces import candidate, load
from torch import Tensor, nn

from nas.architecture import Architecture
from nas.network import Network, build_network, folded, refold

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def evaluating(network: Network) -> Network:
    """In float64, with random weights and statistics."""
    return randomized(network.double()).eval()


def assert_folding_changes_nothing(network: Network, images: Tensor) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.inference_mode():
        torch.testing.assert_close(folded(network)(images), network(images), rtol=1e-11, atol=1e-11)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("name", ["bn_inception", "googlenet_bn", "inception_resnet_v1", "resnet18"])
def test_a_folded_published_network_gives_the_same_logits(name: str) -> None:
    network = evaluating(build_network(Architecture.load(name), in_channels=3, classes=10, input_size=96))
    assert_folding_changes_nothing(network, torch.randn(1, 3, 96, 96, dtype=torch.float64))
    assert not any(isinstance(module, NORMS) for module in folded(network).modules())


@pytest.mark.parametrize("space", ["inception_cell", "nasbench201"])
def test_folded_candidates_give_the_same_logits(space: str) -> None:
    for seed in range(5):
        network = build_network(candidate(load(space, size=28, channels=1), seed))
        assert_folding_changes_nothing(evaluating(network), torch.randn(2, 1, 28, 28, dtype=torch.float64))


def test_biases_missing_scales_and_linear_layers_are_folded_and_a_norm_of_its_own_stays() -> None:
    norm = {"eps": 0.01, "scale": False}
    ops = [
        {"op": "conv", "width": 4, "kernel": 3, "bias": True, "norm": norm},
        {"op": "norm"},
        {"op": "global_pool"},
        {"op": "linear", "width": 6, "norm": {}},
        {"op": "linear", "width": "classes"},
    ]
    network = evaluating(build_network(Architecture.from_document(document(*ops))))
    assert_folding_changes_nothing(network, torch.randn(2, 3, 8, 8, dtype=torch.float64))
    assert sum(isinstance(module, NORMS) for module in folded(network).modules()) == 1


def test_a_folded_copy_follows_the_network() -> None:
    network = build_network(Architecture.load("resnet18"), in_channels=3, classes=10, input_size=32)
    copy = folded(network)
    images = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    copy, network = copy.double(), evaluating(network)
    with torch.inference_mode():
        assert not torch.allclose(copy(images), network(images))
        refold(copy, network)
        torch.testing.assert_close(copy(images), network(images), rtol=1e-11, atol=1e-11)
