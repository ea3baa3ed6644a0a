"""Every published network learns: on a small real batch, at a small input, its loss falls."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nas.architecture import Architecture
from nas.architecture.published import published_names
from nas.data.builtin import load_fashion_mnist_mini
from nas.network import build_network
from nas.training.optimizers import optimizer
from nas.training.recipe import Training

# RMSProp as the papers of v3 and v4 set it, but for its eps of 1.0, which suits their long trainings.
RECIPE = Training.from_document(
    {"optimizer": "rmsprop", "rmsprop_eps": 1e-3, "momentum": 0.0, "lr": 2e-3, "weight_decay": 0.0}
)


def _small(name: str) -> Architecture:
    """The network at a sixteenth of its width, with its stem for small inputs where it offers one."""
    document = Architecture.load(name, "small" if _offers_small(name) else None).to_document()
    return Architecture.from_document({**document, "classes": 10, "width_multiplier": {"times": 0.0625, "minimum": 8}})


def _offers_small(name: str) -> bool:
    return max(Architecture.load(name).input[1:]) > 64


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """8 images of clothes, 3×32×32, and their classes."""
    train = load_fashion_mnist_mini().train
    images = torch.from_numpy(np.array(train.images[:8])).float().permute(0, 3, 1, 2) / 127.5 - 1
    return F.pad(images, (2, 2, 2, 2), value=-1.0).repeat(1, 3, 1, 1), torch.from_numpy(np.array(train.labels[:8]))


@pytest.mark.parametrize("name", published_names())
def test_the_loss_of_a_published_network_falls(name: str, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = batch
    torch.manual_seed(0)
    network = build_network(_small(name), in_channels=3, classes=10, input_size=32, aux=True)
    steps = optimizer(network, RECIPE)
    losses = []
    for _ in range(8):
        steps.zero_grad()
        match network(images):
            case (logits, heads):
                assert heads
                aux = sum(network.aux_weights[head] * F.cross_entropy(out, labels) for head, out in heads.items())
            case logits:
                aux = 0.0
        loss = F.cross_entropy(logits, labels)
        (loss + aux).backward()
        steps.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-2:]) / 2 < losses[0] - 0.02, losses
