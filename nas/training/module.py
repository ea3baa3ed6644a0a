"""A classifier in training: its loss, optimizer, averaged weights and the metrics of an epoch, for Lightning."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from nas.network import folded, refold
from nas.training.average import Average
from nas.training.batches import Batch, Steps
from nas.training.graphs import Call, graphed
from nas.training.optimizers import optimizer
from nas.training.recipe import METRIC, Training
from nas.training.result import Metrics, NotFinite
from nas.training.schedule import learning_rate_factor


class TrainingModule(LightningModule):
    """Trains `network` by a recipe. `metrics` are those of the last evaluation.

    `network(x)` gives logits "n k"; in training it may give (logits, {aux head: logits}), whose losses are added
    with `aux_weights`. Sums of losses and hits stay on the device and are read once an epoch. A training loss that
    is infinite or not a number raises `NotFinite` at the end of its epoch, on all ranks.
    """

    def __init__(
        self,
        network: nn.Module,
        training: Training,
        steps: Steps,
        aux_weights: Mapping[str, float] | None = None,
        state: Mapping[str, Any] | None = None,
        graphs: bool = False,
    ) -> None:
        """`state` is what `training_state` gave at the end of an epoch: training goes on after it.

        With `graphs`, training steps are recorded as CUDA graphs and replayed (see `nas.training.graphs`).
        """
        super().__init__()
        self.network = network
        self.metrics: Metrics = {}
        self._training, self._steps = training, steps
        self._aux_weights = dict(aux_weights or {})
        self._state = state
        self._graphs = graphs
        self._graphed: tuple[torch.Size, Call] | None = None
        self._average: tuple[Average, ...] = ()  # in a tuple it is no submodule, which DDP would synchronise
        self._folded: tuple[nn.Module, ...] = ()

    @property
    def epoch(self) -> int:
        """The number of this epoch, counted over resumptions."""
        return self.current_epoch + (self._state["epochs"] if self._state else 0)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and kept: with averaged weights if the recipe asks for them."""
        return self._average[0].network if self._average else self.network

    def configure_optimizers(self) -> OptimizerLRScheduler:
        made = optimizer(self.network, self._training)
        schedule = LambdaLR(made, lambda step: learning_rate_factor(self._training, step, self._steps.number))
        return {"optimizer": made, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_fit_start(self) -> None:
        if self._training.ema:
            self._average = (Average(self.network, self._training.ema),)
        if self._state:
            self.network.load_state_dict(self._state["network"])
            self.evaluated.load_state_dict(self._state["evaluated"])
            self.trainer.optimizers[0].load_state_dict(self._state["optimizer"])
            self.trainer.lr_scheduler_configs[0].scheduler.load_state_dict(self._state["schedule"])

    def training_state(self) -> dict[str, Any]:
        """All that the next epoch depends on, besides the document: tensors and plain values."""
        return {
            "epochs": self.epoch + 1,
            "network": self.network.state_dict(),
            "evaluated": self.evaluated.state_dict(),
            "optimizer": self.trainer.optimizers[0].state_dict(),
            "schedule": self.trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        }

    def on_train_epoch_start(self) -> None:
        self._train_loss = torch.zeros((), device=self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, targets = batch
        match self._network_for(images)(images):
            case (logits, heads):
                loss = self._loss(logits, targets)
                for name, aux_logits in heads.items():
                    loss = loss + self._aux_weights[name] * self._loss(aux_logits, targets)
            case logits:
                loss = self._loss(logits, targets)
        weight = self._steps.weight(len(images))
        weighted: Tensor = loss if weight == 1 else loss * weight
        self._train_loss += weighted.detach()
        return weighted

    def _network_for(self, images: Tensor) -> Call:
        if not self._graphs:
            return self.network
        if self._graphed is None:
            self._graphed = images.shape, graphed(self.network, images)
        shape, call = self._graphed
        return call if images.shape == shape else self.network

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets, label_smoothing=self._training.label_smoothing)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if (batch_idx + 1) % self._steps.pieces == 0:
            for average in self._average:
                average.update(self.epoch * self._steps.number + batch_idx // self._steps.pieces)

    def on_validation_epoch_start(self) -> None:
        parts = self._steps.number * self._steps.pieces * self._steps.ranks
        train_loss = self._sum_over_ranks(self._train_loss)[0] / parts
        if not isfinite(train_loss):
            raise NotFinite(f"the training loss of epoch {self.epoch} is {train_loss}")
        self.metrics = {"train/loss": train_loss}
        if self._steps.ranks > 1:
            self._average_statistics(self.network)
            for average in self._average:
                self._average_statistics(average.network)
        self._start_evaluation()

    def _average_statistics(self, network: nn.Module) -> None:
        """Gives all ranks the mean of their running statistics, which follow different images.

        They are moving averages, linear in what they follow: averaged after each epoch they are what averaging in
        every step would have made of them.
        """
        parameters = dict(network.named_parameters())
        for name, value in network.state_dict().items():
            if name not in parameters and value.is_floating_point():
                value.copy_(self.trainer.strategy.reduce(value.clone(), reduce_op="mean"))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, labels = batch
        if not len(labels):  # fewer images than ranks
            return
        logits = self._folded[0](images).float()
        loss = F.cross_entropy(logits, labels, reduction="sum")
        hits = (logits.argmax(dim=1) == labels).sum()
        self._sums += torch.stack([loss, hits, torch.full_like(loss, len(labels))])

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        self.metrics = {**self.metrics, **self._evaluation("val")}

    def on_test_epoch_start(self) -> None:
        self._start_evaluation()

    def on_test_epoch_end(self) -> None:
        self.metrics = self._evaluation("test")

    def _start_evaluation(self) -> None:
        if self._folded:
            refold(self._folded[0], self.evaluated)
        else:
            self._folded = (folded(self.evaluated),)
        self._sums = torch.zeros(3, device=self.device)

    def _evaluation(self, split: str) -> Metrics:
        loss, hits, images = self._sum_over_ranks(self._sums)
        return {METRIC.replace("val", split): hits / images, f"{split}/loss": loss / images}

    def _sum_over_ranks(self, sums: Tensor) -> list[float]:
        """Waits for the device."""
        return self.trainer.strategy.reduce(sums, reduce_op="sum").reshape(-1).tolist()
