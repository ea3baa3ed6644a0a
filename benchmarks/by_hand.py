"""Searches as people write them without this library, over given candidate documents: what `search_speed.py` runs.

    python benchmarks/by_hand.py optuna FILE.json       Optuna's optimize over a Lightning training
    python benchmarks/by_hand.py threads FILE.json      the same with n_jobs=2 and one thread of torch for each
    python benchmarks/by_hand.py sweeper FILE.json      Hydra's Optuna sweeper over a Lightning training

with `cuda` behind them on a GPU. They train as Lightning's and Optuna's own examples do: DataLoader, AdamW, contiguous
networks, trials reported every epoch; without W&B, checkpoints and progress bars.
"""

import json
import sys
from pathlib import Path
from typing import Any

import optuna
import pytorch_lightning as pl
import torch
from optuna.samplers import RandomSampler
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from nas.architecture import Architecture
from nas.data.builtin import load_fashion_mnist_mini
from nas.data.images import ImageData, Split
from nas.network import build_network
from nas.training.recipe import Training

Document = dict[str, Any]


def network_of(document: Document, data: ImageData) -> nn.Module:
    architecture = Architecture.from_document(document["architecture"])
    return build_network(architecture, in_channels=data.channels, classes=data.classes, input_size=data.size)


class Lit(pl.LightningModule):
    def __init__(self, network: nn.Module, recipe: Training) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        images, labels = batch
        loss = F.cross_entropy(self.network(images), labels, label_smoothing=self.recipe.label_smoothing)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
        images, labels = batch
        accuracy = (self.network(images).argmax(1) == labels).float().mean()
        self.log("val_accuracy", accuracy)

    def configure_optimizers(self) -> Any:
        made = torch.optim.AdamW(self.parameters(), lr=self.recipe.lr, weight_decay=self.recipe.weight_decay)
        epochs = self.recipe.epochs
        return [made], [torch.optim.lr_scheduler.CosineAnnealingLR(made, epochs)]


class Told(pl.Callback):
    """Tells Optuna of every epoch, as its Lightning callback does."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self.trial.report(trainer.callback_metrics["val_accuracy"].item(), trainer.current_epoch)


def tensors(split: Split, data: ImageData) -> TensorDataset:
    images = torch.tensor(split.images).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (data.mean, data.std))
    return TensorDataset(((images - mean) / std).contiguous(), torch.tensor(split.labels))


def trained(document: Document, data: ImageData, device: str, callbacks: list[pl.Callback]) -> float:
    recipe = Training.from_document(document["training"])
    train = DataLoader(tensors(data.train, data), recipe.batch_size, shuffle=True, drop_last=True)
    val = DataLoader(tensors(data.val, data), recipe.batch_size)
    trainer = pl.Trainer(
        max_epochs=recipe.epochs,
        accelerator=device,
        devices=1,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,  # two threads cannot share the one that Lightning takes where rich is installed
    )
    trainer.fit(Lit(network_of(document, data), recipe), train, val)
    return float(trainer.callback_metrics["val_accuracy"])


def optimize(documents: list[Document], data: ImageData, device: str, jobs: int) -> None:
    def objective(trial: optuna.Trial) -> float:
        return trained(documents[trial.number], data, device, [Told(trial)])

    if jobs > 1:
        torch.set_num_threads(1)
    study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0))
    study.optimize(objective, n_trials=len(documents), n_jobs=jobs)
    print(study.best_value)


def sweep(file: str, number: int, device: str) -> None:
    import hydra
    from omegaconf import DictConfig

    @hydra.main(config_path=None, version_base="1.3")
    def job(config: DictConfig) -> float:
        document = json.loads(Path(file).read_text())[config.number]
        return trained(document, load_fashion_mnist_mini(), device, [])

    own = ["--multirun", "hydra/sweeper=optuna", "hydra/sweeper/sampler=grid", "hydra.sweeper.direction=maximize"]
    own += [f"hydra.sweeper.n_trials={number}", f"hydra.sweep.dir={file}.sweep"]
    sys.argv = [sys.argv[0], *own, f"+number=choice({','.join(map(str, range(number)))})"]
    job()


def main() -> None:
    kind, file, *given = sys.argv[1:]
    device = given[0] if given else "cpu"
    documents = json.loads(Path(file).read_text())
    match kind:
        case "optuna" | "threads":
            optimize(documents, load_fashion_mnist_mini(), device, 2 if kind == "threads" else 1)
        case "sweeper":
            sweep(file, len(documents), device)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
