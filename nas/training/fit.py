"""Trains a network on images by a recipe, epoch by epoch, with a lean Lightning trainer."""

import logging
import os
import platform
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from nas.data.images import ImageData
from nas.errors import InputError
from nas.training.batches import ImageDataModule, steps_per_epoch
from nas.training.checkpoint import load_checkpoint, save_checkpoint
from nas.training.module import Classifier
from nas.training.recipe import Training
from nas.training.result import Metrics, Result
from nas.training.seeds import derived_seed

Report = Callable[[int, Metrics], bool]  # (epoch from 0, its metrics) -> whether to stop here


def fit(
    network: nn.Module,
    data: ImageData,
    training: Training,
    *,
    seed: int,
    aux_weights: Mapping[str, float] | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    precision: Any = "32-true",
    report: Report | None = None,
    checkpoint: Path | None = None,
    candidate: str = "",
    test: bool = False,
) -> tuple[Result, nn.Module]:
    """Trains `network` in place; gives the result and the network that was evaluated (the average, with EMA).

    `checkpoint` is written after every epoch and continued from if it exists; `candidate` names whose it is. `report`
    hears of every epoch of this call before it is written down, so an epoch that was interrupted between the two is
    reported again, with the same metrics. The test split is read only with `test`, and not if `report` ended the
    training.

    Several devices take part as ranks that the caller has started (LOCAL_RANK and the rendezvous in the environment),
    each of which calls this function; `report` is asked on rank 0.

    Raises `NotFinite` for a training that diverges, `InputError` for a checkpoint that is not this candidate's.
    """
    if devices > 1 and "LOCAL_RANK" not in os.environ:
        raise InputError(f"devices: {devices} devices need a process each; this one was started alone")
    if test and data.test is None:
        raise InputError(f"test: data {data.name!r} has no test split")
    saved = load_checkpoint(checkpoint, candidate) if checkpoint is not None and checkpoint.exists() else None
    steps = steps_per_epoch(len(data.train.labels), training)
    module = Classifier(network, training, steps, aux_weights, saved["state"] if saved else None)
    epochs = _Epochs(seed, training.epochs, report, checkpoint, candidate, saved)
    images = ImageDataModule(data, training, seed)
    with _quiet():
        trainer = Trainer(
            accelerator=accelerator,
            devices=devices,
            strategy="ddp" if devices > 1 else "auto",
            precision=precision,
            plugins=[LightningEnvironment()],
            max_epochs=training.epochs - len(epochs.history),
            gradient_clip_val=training.clip_gradient or None,
            callbacks=[epochs],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=tempfile.gettempdir(),
        )
        with _interruptible():
            trainer.fit(module, datamodule=images)
            if test and not epochs.pruned:
                trainer.test(module, datamodule=images, verbose=False)
    result = Result(
        history=tuple(epochs.history),
        seconds=epochs.seconds,
        pruned=epochs.pruned,
        device=trainer.strategy.root_device.type,
        threads=torch.get_num_threads(),
        versions=versions(),
        test=module.metrics if test and not epochs.pruned else None,
    )
    return result, module.evaluated


def versions() -> dict[str, str]:
    """Of what decides the numbers of a training."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "pytorch_lightning": version("pytorch_lightning"),
    }


class _Epochs(Callback):
    """What surrounds every epoch: its seeds before it; its record, report and checkpoint after it."""

    def __init__(
        self,
        seed: int,
        epochs: int,
        report: Report | None,
        checkpoint: Path | None,
        candidate: str,
        saved: Mapping[str, Any] | None,
    ) -> None:
        self.history: list[Metrics] = list(saved["history"]) if saved else []
        self.seconds: float = saved["seconds"] if saved else 0.0
        self.pruned = False
        self._seed, self._epochs = seed, epochs
        self._report, self._checkpoint, self._candidate = report, checkpoint, candidate
        self._started = time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = len(self.history)
        trainer.datamodule.set_epoch(epoch)  # type: ignore[attr-defined]
        # what the network draws (dropout, drop path) follows from the epoch too, so that nothing needs to be stored
        torch.manual_seed(derived_seed(self._seed, "network", epoch, trainer.global_rank))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        epoch, metrics = len(self.history), pl_module.metrics
        self.history.append(metrics)
        now = time.perf_counter()
        self.seconds, self._started = self.seconds + now - self._started, now
        asked = trainer.is_global_zero and self._report is not None and self._report(epoch, metrics)
        last = epoch + 1 == self._epochs
        self.pruned = bool(trainer.strategy.broadcast(asked)) and not last
        trainer.should_stop = trainer.should_stop or self.pruned
        if self._checkpoint is not None and trainer.is_global_zero and not self.pruned:
            content = {"history": self.history, "seconds": self.seconds, "state": pl_module.training_state()}
            save_checkpoint(self._checkpoint, self._candidate, content)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's notes on devices, tips and how it ended, and warnings of what is meant so."""
    logs = [logging.getLogger("pytorch_lightning"), logging.getLogger("lightning_fabric")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C as `KeyboardInterrupt`, where Lightning would end the process and leave the signal ignored."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as end:
        if not isinstance(end.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
