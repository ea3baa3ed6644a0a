"""The Lightning module: losses, metrics, averaged weights."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from training_parts import CLASSES, quick, small_data, small_network

from nas.training.batches import Steps
from nas.training.fit import fit
from nas.training.module import TrainingModule
from nas.training.recipe import METRIC
from nas.training.result import NotFinite


class WithHead(nn.Module):
    """A network with an aux head that, while it trains, gives its logits beside the last ones."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = small_network(seed=1), small_network(seed=2)

    def forward(self, x):
        return (self.body(x), {"side": self.head(x)}) if self.training else self.body(x)


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(6, 1, 8, 8, generator=generator), torch.arange(6) % CLASSES


def test_heads_add_their_weighted_losses():
    images, labels = batch()
    recipe = quick(label_smoothing=0.0)
    module = TrainingModule(WithHead(), recipe, Steps(1, 6), {"side": 0.3})
    module.on_train_epoch_start()
    loss = module.training_step((images, labels), 0)
    parts = [F.cross_entropy(net.train()(images), labels) for net in (small_network(seed=1), small_network(seed=2))]
    torch.testing.assert_close(loss, parts[0] + 0.3 * parts[1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_soft_targets_that_are_certain_give_the_loss_of_labels(smoothing):
    images, labels = batch()
    module = TrainingModule(small_network(), quick(label_smoothing=smoothing), Steps(1, 6))
    module.on_train_epoch_start()
    hard = module.training_step((images, labels), 0)
    soft = module.training_step((images, F.one_hot(labels, CLASSES).float()), 0)
    torch.testing.assert_close(hard, soft)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_metrics_are_those_of_the_network_that_is_kept(ema):
    data = small_data()
    result, network = fit(small_network(), data, quick(ema=ema), seed=0, accelerator="cpu", test=True)
    mean, std = torch.tensor(data.mean), torch.tensor(data.std)
    images = (torch.tensor(data.val.images) / 255 - mean).div(std).permute(0, 3, 1, 2)
    labels = torch.tensor(data.val.labels)
    with torch.no_grad():
        logits = network.eval()(images)
    assert result.value == pytest.approx((logits.argmax(dim=1) == labels).float().mean().item())
    assert result.metrics["val/loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4)
    assert set(result.metrics) == {METRIC, "val/loss", "train/loss"}
    assert set(result.test or {}) == {"test/accuracy", "test/loss"}


def test_the_train_loss_is_the_mean_over_the_steps():
    """With a learning rate of almost 0 and one batch an epoch, it is the loss of the initial network."""
    data = small_data(n=16)
    recipe = quick(epochs=1, lr=1e-12, flip=False, label_smoothing=0.0)
    result, _ = fit(small_network(), data, recipe, seed=0, accelerator="cpu")
    mean, std = torch.tensor(data.mean), torch.tensor(data.std)
    images = (torch.tensor(data.train.images) / 255 - mean).div(std).permute(0, 3, 1, 2)
    loss = F.cross_entropy(small_network()(images), torch.tensor(data.train.labels))
    assert result.metrics["train/loss"] == pytest.approx(loss.item(), rel=1e-4)


def test_a_loss_that_is_not_finite_ends_the_training_and_names_its_epoch():
    class Diverges(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.calls = nn.Linear(64, CLASSES), 0

        def forward(self, x):
            self.calls += self.training
            return self.linear(x.flatten(1)) / (self.calls < 7)  # five steps an epoch: not finite in epoch 1

    reported = []
    with pytest.raises(NotFinite, match=r"epoch 1 is (nan|inf)"):
        fit(Diverges(), small_data(), quick(), seed=0, accelerator="cpu", report=lambda e, m: reported.append(e))
    assert reported == [0]


def test_the_average_is_no_part_of_the_module():
    """Lightning would move, synchronise and count it."""
    module = TrainingModule(small_network(), quick(ema=0.9), Steps(1, 6))
    module.on_fit_start()
    assert len(list(module.parameters())) == len(list(small_network().parameters()))
    assert module.evaluated is not module.network
