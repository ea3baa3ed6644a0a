"""`python -m nas preview +search=NAME ...`: before a search, what is in its space and what it will cost."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from nas.architecture.context import context
from nas.compose import Configuration, configuration
from nas.errors import InputError
from nas.pool import Died, Done, Failed, Need, Pool, Report, find_devices
from nas.search.display import console, count, duration, number_of, say
from nas.search.needs import Needs
from nas.search.options import Budget, PoolOptions, StudyOptions, TrainerOptions, section
from nas.search.proposal import Candidate, excess, propose
from nas.search.search import candidate_space
from nas.search.spaces import quantile
from nas.space.count import count as count_documents
from nas.space.space import Space
from nas.space.suggest import RandomSuggest
from nas.training.job import Job
from nas.training.result import Answer, Timed

TARGET = "nas.training.timed:run"
LIMIT = 600.0
"""Seconds after which a candidate is given up."""


@dataclass(frozen=True)
class Prepared:
    """A search that has not begun: its space, options and data."""

    config: Configuration
    name: str
    space: Space
    study: StudyOptions
    trainer: TrainerOptions
    pool: PoolOptions
    budget: Budget


def run(given: Namespace) -> None:
    for option, least in (("samples", 1), ("timed", 0)):
        if getattr(given, option) < least:
            raise InputError(f"--{option}: expected a whole number of at least {least}; got {getattr(given, option)}")
    own = [f"imports=[{','.join(given.imports)}]"] if given.imports else []  # what is timed imports them, too
    config = configuration([*given.overrides, *own])
    to = console()
    for line in lines(config, given.samples, given.timed):
        say(to, line)


def lines(config: Configuration, samples: int, timed: int) -> Iterator[str]:
    """What is known, as soon as it is."""
    ready, about = prepared(config)
    yield f"{ready.name} on {about}"
    yield f"documents   {count_documents(ready.space, context)}, {number_of(len(ready.space.holes), 'hole')}"
    drawn = [propose(ready.space, RandomSuggest(Random(f"0 {index}"))) for index in range(samples)]
    fitting = [each for each in drawn if isinstance(each, Candidate)]
    found = [each for each in fitting if not excess(each, ready.budget)]
    if not found:
        raise InputError(f"none of {samples} random candidates fits the images and search.budget")
    rejected = 1 - len(found) / samples
    yield f"candidates  {samples} drawn at random" + (f", of which {rejected:.0%} are rejected" if rejected else "")
    for name, values in _prices(found).items():
        low, middle, high = (count(quantile(values, share)) for share in (0.0, 0.5, 1.0))
        yield f"  {name:<12}{low} to {high}, half of them up to {middle}"
    if timed:
        yield from _expected(ready, found, timed)


def prepared(config: Configuration) -> tuple[Prepared, str]:
    """The search and a few words on its data. Raises `InputError` for what a search would refuse."""
    if config.space is None or config.space_name is None:
        raise InputError("preview: which space? Write +search=NAME, as for train.py")
    options = config.options
    study = section(StudyOptions, options["study"], "study")
    trainer = section(TrainerOptions, options["trainer"], "trainer")
    data = config.data()
    space = candidate_space(config.space, config.training, data, study.seed or 0, trainer.max_epochs)
    pool = section(PoolOptions, options["pool"], "pool")
    budget = section(Budget, options["search"]["budget"], "search.budget")
    channels, (height, width) = data.channels, data.size
    about = (
        f"{data.name}: {len(data.train.labels):,} images to train on, {len(data.val.labels):,} to validate, "
        f"{channels}×{height}×{width}, {data.classes} classes"
    )
    return Prepared(config, config.space_name, space, study, trainer, pool, budget), about


def _prices(found: Sequence[Candidate]) -> Mapping[str, Sequence[int]]:
    return {
        "parameters": [each.cost.parameters for each in found],
        "MACs": [each.cost.macs for each in found],
        "layers": [each.cost.depth for each in found],
        "memory (B)": [each.memory() for each in found],
    }


def _expected(ready: Prepared, found: Sequence[Candidate], number: int) -> Iterator[str]:
    """Trains some of the candidates for some steps, from cheap to dear, and reckons from that."""
    ordered = sorted(found, key=lambda each: each.cost.macs)
    shares = [(index + 0.5) / number for index in range(number)]
    chosen = {each.key: each for each in (ordered[int(share * len(ordered))] for share in shares)}
    usual = Needs.from_option(ready.pool.devices_per_candidate).usual
    need = Need(share=usual.share)
    devices = find_devices(ready.trainer.accelerator, ready.pool.slots, need)
    imports: Sequence[str] = ready.config.options["imports"]
    preload = ["nas.training.candidate", *imports]
    with (
        TemporaryDirectory() as folder,
        Pool(
            TARGET,
            devices=devices,
            need=need,
            slots=ready.pool.slots,
            threads=ready.pool.threads,
            preload=preload,
            time_limit=LIMIT,
        ) as pool,
    ):
        slots = pool.slots
        yield (
            f"timed       some steps of {number_of(len(chosen), 'candidate')}, {slots} at a time with "
            f"{number_of(pool.threads, 'thread')} each on {devices[0].kind}"
        )
        times: dict[int, float] = {}
        for candidate, timed in _timed(pool, need, Path(folder), ready, list(chosen.values())):
            seconds = timed.epoch * candidate.training.epochs
            times[candidate.cost.macs] = seconds
            yield (
                f"  {count(candidate.cost.macs)} MACs: {duration(timed.epoch)} an epoch, {duration(seconds)} for "
                f"{candidate.training.epochs}, {count(timed.memory)}B"
            )
    known = sorted(times)
    each = np.interp([one.cost.macs for one in found], known, [times[macs] for macs in known])
    trials = ready.study.trials
    whole = trials * float(each.mean()) / slots
    yield (
        f"expected    {duration(whole)} for {number_of(trials, 'candidate')} if none is pruned, "
        f"{duration(float(each.min()))} to {duration(float(each.max()))} each; a sampler prefers some sizes, and "
        "pruning saves a part"
    )


def _timed(
    pool: Pool, need: Need, folder: Path, ready: Prepared, candidates: list[Candidate]
) -> Iterator[tuple[Candidate, Timed]]:
    """As they end. Raises `InputError` if one fails."""
    waiting: list[int] = list(range(len(candidates)))
    while waiting or pool.running:
        while waiting and pool.room(need):
            key = waiting.pop(0)
            candidate = candidates[key]
            job = Job(candidate.document, ready.config.data, pool.devices[0].kind, ready.trainer.precision)
            pool.start(key, job, folder / f"{key}.log", need)
        for event in pool.wait(0.25):
            match event:
                case Report(key=key):
                    pool.answer(key, Answer.GO_ON)
                case Done(key=key, result=Timed() as timed):
                    yield candidates[key], timed
                case Failed(reason=reason) | Died(how=reason):
                    raise InputError(f"preview: a candidate cannot be trained: {reason}")
