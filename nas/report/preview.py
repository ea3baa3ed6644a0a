"""`python -m nas preview +search=NAME ...`: before a search, what is in its space and what it will cost."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nas.architecture.context import context
from nas.compose import Configuration, configuration
from nas.errors import InputError
from nas.pool import Died, Done, Failed, Need, Pool, Report, find_devices
from nas.search.display import console, count, duration, number_of, say
from nas.search.needs import Needs
from nas.search.options import Budget, PoolOptions, StudyOptions, TrainerOptions, section
from nas.search.proposal import Candidate, excess
from nas.search.spaces import candidate_space, drawn, quantile
from nas.space.count import count as count_documents
from nas.training.job import Job
from nas.training.result import Answer, Timed

TARGET = "nas.training.timed:run"
LIMIT = 600.0
"""Seconds after which a candidate is given up."""

PRICES = {"parameters": "parameters", "macs": "MACs", "depth": "layers", "memory": "memory (B)"}


def run(given: Namespace) -> None:
    own = [f"imports=[{','.join(given.imports)}]"] if given.imports else []  # what is timed imports them, too
    to = console()
    for line in lines(configuration([*given.overrides, *own]), given.samples, given.timed):
        say(to, line)


def lines(config: Configuration, samples: int, timed: int) -> Iterator[str]:
    """What is known, as soon as it is. Raises `InputError` for what a search would refuse."""
    if config.space is None:
        raise InputError("preview: which space? Write +search=NAME, as for train.py")
    options = config.options
    study = section(StudyOptions, options["study"], "study")
    trainer = section(TrainerOptions, options["trainer"], "trainer")
    pool = section(PoolOptions, options["pool"], "pool")
    budget = section(Budget, options["search"]["budget"], "search.budget")
    data = config.data()
    space = candidate_space(config.space, config.training, data, study.seed or 0, trainer.max_epochs)
    channels, (height, width) = data.channels, data.size
    yield (
        f"{config.space_name} on {data.name}: {len(data.train.labels):,} images to train on, "
        f"{len(data.val.labels):,} to validate, {channels}×{height}×{width}, {data.classes} classes"
    )
    yield f"documents   {count_documents(space, context)}, {number_of(len(space.holes), 'hole')}"
    found = [each for each in drawn(space, samples) if isinstance(each, Candidate) and not excess(each, budget)]
    if not found:
        raise InputError(f"none of {samples} random candidates fits the images and search.budget")
    rejected = 1 - len(found) / samples
    yield f"candidates  {samples} drawn at random" + (f", of which {rejected:.0%} are rejected" if rejected else "")
    for name, word in PRICES.items():
        values = [each.facts[name] for each in found]
        low, middle, high = (count(quantile(values, share)) for share in (0.0, 0.5, 1.0))
        yield f"  {word:<12}{low} to {high}, half of them up to {middle}"
    if timed:
        yield from _expected(config, trainer, pool, found, timed, study.trials)


def _expected(
    config: Configuration,
    trainer: TrainerOptions,
    options: PoolOptions,
    found: list[Candidate],
    timed: int,
    trials: int,
) -> Iterator[str]:
    """Trains some of the candidates for some steps, from cheap to dear, and reckons from that."""
    ordered = sorted(found, key=lambda each: each.cost.macs)
    shares = [(index + 0.5) / timed for index in range(timed)]
    chosen = {each.key: each for each in (ordered[int(share * len(ordered))] for share in shares)}
    candidates = list(chosen.values())
    need = Need(share=Needs.from_option(options.devices_per_candidate).usual.share)
    devices = find_devices(trainer.accelerator, options.slots, need)
    kind, precision = devices[0].kind, trainer.precision
    jobs = [Job(candidate.document, config.data, kind, precision) for candidate in candidates]
    imports: Sequence[str] = config.options["imports"]
    pool = Pool(
        TARGET,
        devices=devices,
        need=need,
        slots=options.slots,
        threads=options.threads,
        preload=["nas.training.candidate", *imports],
        time_limit=LIMIT,
    )
    with TemporaryDirectory() as folder, pool:
        yield (
            f"timed       some steps of {number_of(len(jobs), 'candidate')}, {pool.slots} at a time with "
            f"{number_of(pool.threads, 'thread')} each on {kind}"
        )
        times: dict[int, float] = {}
        for number, one in _timed(pool, need, jobs, Path(folder)):
            price, epochs = candidates[number].cost.macs, candidates[number].training.epochs
            times[price] = one.epoch * epochs
            yield (
                f"  {count(price)} MACs: {duration(one.epoch)} an epoch, {duration(times[price])} for {epochs}, "
                f"{count(one.memory)}B"
            )
    known = sorted(times)
    each = np.interp([one.cost.macs for one in found], known, [times[macs] for macs in known])
    whole = trials * float(each.mean()) / pool.slots
    yield (
        f"expected    {duration(whole)} for {number_of(trials, 'candidate')} if none is "
        f"pruned, {duration(float(each.min()))} to {duration(float(each.max()))} each; a sampler prefers some sizes, "
        "and pruning saves a part"
    )


def _timed(pool: Pool, need: Need, jobs: Sequence[Job], folder: Path) -> Iterator[tuple[int, Timed]]:
    """As they end. Raises `InputError` if one fails."""
    waiting = list(range(len(jobs)))
    while waiting or pool.running:
        while waiting and pool.room(need):
            number = waiting.pop(0)
            pool.start(number, jobs[number], folder / f"{number}.log", need)
        for event in pool.wait(0.25):
            match event:
                case Report(key=key):
                    pool.answer(key, Answer.GO_ON)
                case Done(key=key, result=Timed() as timed):
                    yield key, timed
                case Failed(reason=reason) | Died(how=reason):
                    raise InputError(f"preview: a candidate cannot be trained: {reason}")
