"""Trains a network on images by a recipe, epoch by epoch, with a lean Lightning trainer."""

import logging
import platform
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from nas.data.images import ImageData
from nas.errors import InputError
from nas.training import ranks
from nas.training.batches import ImageDataModule, steps
from nas.training.checkpoint import load_checkpoint, save_checkpoint
from nas.training.module import TrainingModule
from nas.training.recipe import Training
from nas.training.result import Answer, Metrics, Reporter, Result
from nas.training.seeds import derived_seed

BEGINNING: Mapping[str, Any] = {"history": [], "seconds": 0.0, "state": None}
"""What a training has before its first epoch, of what a checkpoint holds after some."""


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
    micro_batch: int | None = None,
    sync_batch_norm: bool = False,
    report: Reporter | None = None,
    checkpoint: Path | None = None,
    candidate: str = "",
    test: bool = False,
    graphs: bool = True,
    callbacks: Sequence[Callback] = (),
) -> tuple[Result, nn.Module]:
    """Trains `network` in place; gives the result and the network that was evaluated (the average, with EMA).

    `checkpoint` is written after every epoch and continued from if it exists; `candidate` names whose it is. `report`
    hears of every epoch of this call before it is written down, so an epoch that was interrupted between the two is
    reported again, with the same metrics. The test split is read only with `test`, and not if `report` ended the
    training.

    Several devices take part as ranks that the caller has started (`nas.training.ranks`), each of which calls this
    function with the same arguments; `report` is asked on rank 0. A batch is shared by the ranks, and its gradient is
    the mean over its images. Batch norms see a rank's share, or with `sync_batch_norm` (on CUDA) the whole batch.

    With `micro_batch`, a device takes at most so many images at a time, batch norms see no more than those, and the
    optimizer steps once a batch as without. A checkpoint may be continued with other devices and micro-batches.

    `graphs` lets one CUDA device that takes its batches whole replay recorded steps (`nas.training.graphs`); elsewhere
    it changes nothing.

    Raises `NotFinite` for a training that diverges, `UnreadableCheckpoint` for a broken checkpoint, `InputError` for
    that of another candidate, OSError if a checkpoint cannot be written (the one before it stays).
    """
    here = ranks.devices_here(devices)
    saved = load_checkpoint(checkpoint, candidate) if checkpoint is not None and checkpoint.exists() else BEGINNING
    cut = steps(len(data.train.labels), training, devices, micro_batch)
    history, seconds = list(saved["history"]), saved["seconds"]
    epochs = _Epochs(seed, training.epochs, report, checkpoint, candidate, history, seconds)
    images = ImageDataModule(data, training, seed, cut)
    with _quiet():
        trainer = Trainer(
            accelerator=accelerator,
            devices=here,
            num_nodes=devices // here,
            strategy=ranks.strategy(devices, network, (data.channels, *data.size)),
            precision=precision,
            plugins=[ranks.Place()],
            sync_batchnorm=sync_batch_norm,
            max_epochs=training.epochs - len(history),
            accumulate_grad_batches=cut.pieces,
            gradient_clip_val=training.clip_gradient or None,
            callbacks=[*callbacks, epochs],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=tempfile.gettempdir(),
        )
        device = trainer.strategy.root_device.type
        if sync_batch_norm and devices > 1 and device != "cuda":
            raise InputError(f"sync_batch_norm: batch norm is synchronised on CUDA devices only, not on {device!r}")
        graphs = graphs and device == "cuda" and devices == cut.pieces == 1
        module = TrainingModule(network, training, cut, aux_weights, saved["state"], graphs)
        with _interruptible():
            trainer.fit(module, datamodule=images)
            ended = epochs.answer != Answer.GO_ON
            if test and not ended:
                trainer.test(module, datamodule=images, verbose=False)
        ranks.leave()
    result = Result(
        history=tuple(history),
        seconds=epochs.seconds,
        pruned=epochs.answer == Answer.PRUNE,
        halted=epochs.answer == Answer.HALT,
        device=device,
        threads=torch.get_num_threads(),
        versions=versions(),
        test=module.metrics if test and not ended else None,
        devices=devices,
        micro_batch=cut.piece if cut.pieces > 1 else None,
    )
    return result, module.evaluated


def versions() -> dict[str, str]:
    """Of what decides the numbers of a training."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "pytorch_lightning": version("pytorch_lightning"),
    }


@dataclass(eq=False)
class _Epochs(Callback):
    """What surrounds every epoch: its seeds before it; its record, report and checkpoint after it."""

    seed: int
    epochs: int
    report: Reporter | None
    checkpoint: Path | None
    candidate: str
    history: list[Metrics]  # of those that are done; grows
    seconds: float  # that they have taken
    answer: Answer = Answer.GO_ON
    _started: float = field(default_factory=time.perf_counter)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = len(self.history)
        trainer.datamodule.set_epoch(epoch)  # type: ignore[attr-defined]
        # what the network draws (dropout, drop path) follows from the epoch too, so that nothing needs to be stored
        torch.manual_seed(derived_seed(self.seed, "network", epoch, trainer.global_rank))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        epoch, metrics = len(self.history), pl_module.metrics
        self.history.append(metrics)
        now = time.perf_counter()
        self.seconds, self._started = self.seconds + now - self._started, now
        asked = self.report(epoch, metrics) if trainer.is_global_zero and self.report is not None else None
        answer = Answer(trainer.strategy.broadcast(int(asked or 0)))
        last = epoch + 1 == self.epochs
        self.answer = Answer.GO_ON if last else answer
        trainer.should_stop = trainer.should_stop or self.answer != Answer.GO_ON
        if self.checkpoint is not None and trainer.is_global_zero and self.answer != Answer.PRUNE:
            content = {"history": self.history, "seconds": self.seconds, "state": pl_module.training_state()}
            save_checkpoint(self.checkpoint, self.candidate, content)


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
            warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream does not match")  # of graphs
            warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")  # for a name of torch 2.14
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
