"""Trains a found candidate again as it was trained, for weights that were not kept."""

import shlex
from pathlib import Path

from nas.compose import configuration
from nas.errors import InputError
from nas.export.source import Source
from nas.pool import cores
from nas.search.display import console, say
from nas.search.kept import kept_weights
from nas.search.options import TrainerOptions, section
from nas.search.summary import RETRAINED_WITH
from nas.training.candidate import train_candidate
from nas.training.recipe import METRIC


def trained_again(source: Source) -> Path:
    """The weights, which the study keeps from now on; trained on the data of its last run.

    Raises:
        InputError: there is no study that says how it was trained.
    """
    if source.study is None or not source.study.runs:
        raise InputError(f"--train: {source.name}: give its study, or train it with train.py and give --weights")
    command = [str(part) for part in source.study.runs[-1]["command"][1:]]
    kept = [part for part in command if part.lstrip("+").startswith(RETRAINED_WITH) and "_target_" not in part]
    config = configuration(kept)
    trainer = section(TrainerOptions, config.options["trainer"], "trainer")
    to = console()
    say(to, f"training {source.name} again ({shlex.join(kept) or 'on the default data'})")

    def report(epoch: int, metrics: dict[str, float]) -> bool:
        say(to, f"epoch {epoch + 1}: {METRIC} {metrics[METRIC]:.4f}")
        return False

    path = kept_weights(source.study.folder, source.document)
    result = train_candidate(
        source.document,
        config.data,
        threads=source.record.get("threads") or cores(),
        accelerator=trainer.accelerator,
        precision=trainer.precision,
        report=report,
        weights=path,
    )
    if result.value != source.record.get(METRIC):
        say(to, f"note: {METRIC} is {result.value:.4f} now, where the record has {source.record.get(METRIC)}")
    return path
