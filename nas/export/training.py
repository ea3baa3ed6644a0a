"""Trains a found candidate again as it was trained, for weights that were not kept."""

import shlex
from pathlib import Path

from nas.compose import configuration
from nas.errors import InputError
from nas.export.source import Source
from nas.pool import cores
from nas.search.display import console, say
from nas.search.options import TrainerOptions, section
from nas.search.summary import RETRAINED_WITH
from nas.study.kept import kept_weights
from nas.training.candidate import train_candidate
from nas.training.job import Job
from nas.training.recipe import METRIC


def trained_again(source: Source) -> Path:
    """The weights, which the study keeps from now on; trained on the data of its last run.

    Raises:
        InputError: there is no study that says how it was trained.
    """
    if source.study is None or not source.study.runs:
        raise InputError(f"--train: {source.name}: give its study, or train it with train.py and give --weights")
    command = [str(part) for part in source.study.runs[-1]["command"][1:]]
    kept = [part for part in command if part.lstrip("+").startswith(RETRAINED_WITH) and "imports=" not in part]
    if any("_target_" in part for part in kept):  # a study is data, and calls nothing
        raise InputError(
            f"--train: {source.name}: its data is a function's; train it with train.py, and give --weights"
        )
    config = configuration(kept)
    trainer = section(TrainerOptions, config.options["trainer"], "trainer")
    to = console()
    say(to, f"training {source.name} again ({shlex.join(kept) or 'on the default data'})")

    def report(epoch: int, metrics: dict[str, float]) -> bool:
        say(to, f"epoch {epoch + 1}: {METRIC} {metrics[METRIC]:.4f}")
        return False

    data = config.data()
    if data.fingerprint != source.record["data"]["fingerprint"]:
        raise InputError(f"--train: {data.name} has other images now than when {source.name} was found")
    path = kept_weights(source.study.folder, source.document)
    job = Job(
        source.document,
        lambda: data,
        trainer.accelerator,
        trainer.precision,
        micro_batch=source.record.get("micro_batch"),
        weights=path,
    )
    result = train_candidate(job, source.record.get("threads") or cores(), report)
    if result.value != source.accuracy:
        say(to, f"note: {METRIC} is {result.value} now, where the record has {source.accuracy}")
    return path
