"""What is trained after a search: its best candidates again under several seeds, and what they are held against."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from nas.data.images import joined_fingerprint
from nas.errors import InputError
from nas.samplers.catalogue import Catalogue
from nas.samplers.expectation import believed
from nas.search import states
from nas.search.baselines import Baseline, Weights, candidate_of, in_skeleton, settings
from nas.search.display import number_of
from nas.search.driver import Driver
from nas.search.objectives import ONE, Objectives, gains
from nas.search.options import Budget, FinalsOptions
from nas.search.proposal import Candidate, excess, propose
from nas.search.statistics import Spread, spread
from nas.search.study import trials
from nas.search.trainings import BOTH, FINAL, TUNING, Run, Trained, Trainings, test_accuracy
from nas.space.holes import Scalar
from nas.space.space import Space
from nas.space.suggest import Recorded
from nas.training.recipe import Training

FINALIST, CONTROL, BASELINE, PLACED = "finalist", "control", "baseline", "placed"
"""What a network is: of the search, of its control, from elsewhere, or a finalist's cells in a skeleton."""


@dataclass(frozen=True)
class Network:
    """One that takes part; finalists and those of the control were trials, with values in their search."""

    name: str
    kind: str
    candidate: Candidate
    trial: int | None = None
    search_values: Sequence[float] = ()
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    weights: Weights | None = None  # to begin with


class How(NamedTuple):
    """What a training ran on, and how many images a device took at a time (None: its share of a batch)."""

    device: str
    devices: int
    threads: int
    micro_batch: int | None

    def __str__(self) -> str:
        pieces = "" if self.micro_batch is None else f", {self.micro_batch} images at a time"
        return f"{self.devices} {self.device} with {number_of(self.threads, 'thread')} each{pieces}"


@dataclass(frozen=True)
class Standing:
    """What came of a network: validation and test by seed; `over` says by how much it exceeds which limit, `how` on
    what its trainings ran."""

    network: Network
    values: Mapping[int, float]
    tests: Mapping[int, float]
    failed: int
    over: Mapping[str, float]
    how: frozenset[How]

    @property
    def validation(self) -> Spread | None:
        return spread(list(self.values.values())) if self.values else None

    @property
    def test(self) -> Spread | None:
        return spread(list(self.tests.values())) if self.tests else None


def finalists(driver: Driver, kind: str) -> list[Network]:
    """The best complete trials of different architectures, as networks to be trained anew: the most accurate, and then
    those that a model of all trials believes to be best, because the best of many is mostly lucky; where a search has
    several objectives those of its Pareto front, in the order of its rule for the best."""
    space, top, epochs = driver.space, driver.search.finals.top, driver.search.finals.epochs
    complete = [trial for trial in trials(driver.study) if states.word(trial) == states.COMPLETE]
    if driver.objectives.several:
        complete = [trial for trial in complete if trial.number in driver.found.numbers]
    found: dict[str, Network] = {}
    ranked = driver.objectives.ranked(complete)
    if not driver.objectives.several and top > 1:
        worth = believed(driver.study, Catalogue(space))
        ranked[1:] = sorted(ranked[1:], key=lambda trial: -worth.get(trial.number, -math.inf))
    for trial in ranked:
        if len(found) < top and trial.user_attrs["digest"] not in found:
            candidate = propose(space, Recorded(trial.params))
            assert isinstance(candidate, Candidate), "a complete trial was a candidate"
            recipe = candidate.training if epochs is None else replace(candidate.training, epochs=epochs)
            name = f"trial {trial.number}" if kind == FINALIST else f"{kind} trial {trial.number}"
            candidate = under(candidate, recipe, candidate.document["seed"])
            found[candidate.digest] = Network(name, kind, candidate, trial.number, trial.values, dict(trial.params))
    return list(found.values())


def final_seeds(seed: int, number: int) -> list[int]:
    """Training seeds other than the search's, and other than those of a study with another seed."""
    return [1000 * (seed + 1) + index for index in range(number)]


def under(candidate: Candidate, training: Training, seed: int) -> Candidate:
    """The candidate under this recipe and seed, with everything in its document written out."""
    architecture = candidate.architecture.to_document()
    document = {"architecture": architecture, "training": training.to_document(), "seed": seed}
    return replace(candidate, document=document, training=training)


@dataclass
class Finals:
    """The order of what is trained, and what comes of it.

    All finalists, and those of the control, are trained under the same seeds, which no search has used; the one with
    the highest mean on validation wins, or with several objectives the best by their rule, of that mean and the costs.
    Baselines are trained by its recipe. With `tune`, it, the control's winner and the baselines are then tried with as
    many settings each, all under the search's seed, and the best setting is trained under the seeds. After all of this
    the test split is read. Finalists placed in a skeleton are trained to see how they rank there, and for nothing else.
    """

    options: FinalsOptions
    seed: int
    space: Space
    budget: Budget
    fingerprint: str
    about: tuple[Any, ...]  # what else makes values comparable: precision and the like
    finalists: Sequence[Network]
    control: Sequence[Network]
    baselines: Sequence[Baseline]
    trainings: Trainings
    say: Callable[[str], None]
    objectives: Objectives = ONE
    _beside: dict[str, list[Network]] = field(default_factory=dict)  # baselines made, by the winner's name
    _runs: dict[tuple[str, str, Training, int], Run] = field(default_factory=dict)

    @cached_property
    def seeds(self) -> list[int]:
        return final_seeds(self.seed, self.options.seeds)

    def run(self) -> bool:
        """Trains all of it, or what is left of it; False if it is to stop before its end."""
        if not self.trainings.run(self.wanted):
            return False
        self.trainings.forget_checkpoints([] if self.options.test else self._tests())
        self.trainings.forget_weights([run for run in self.wanted() if run.purpose == FINAL], self.best())
        return True

    def best(self) -> Run | None:
        """What becomes best.yaml: the winner under the first seed that went well; None if none did."""
        first, *_ = self.standings()
        good = [run for run in self.repeats(first.network) if run.candidate.document["seed"] in first.values]
        return good[0] if good else None

    def wanted(self) -> list[Run]:
        """All runs that can be named so far, those done among them."""
        own = (*self.finalists, *self.control)
        runs = [run for network in (*own, *self.placed.values()) for run in self.repeats(network)]
        compared = self.compared()
        if compared is None:
            return runs
        if self.options.tune:
            runs += [run for network in compared for run in self._tunings(network)]
        tuned = [self.tuned(network) for network in compared]
        runs += [run for network in tuned if network is not None for run in self.repeats(network)]
        if all(run.key in self.trainings.trained for run in runs):
            runs += self._tests() if self.options.test else []
            runs += self._both() if self.options.final else []
        return runs

    def winner(self, of: Sequence[Network]) -> Network | None:
        """The best by mean on validation, of those that failed least; None before all are trained."""
        standings = [self.standing(network) for network in of]
        if not standings or any(len(each.values) + each.failed < len(self.seeds) for each in standings):
            return None
        least = min(each.failed for each in standings)
        among = [each for each in standings if each.failed == least]
        means = [each.validation.mean if each.validation else 0.0 for each in among]
        points = [gains([mean, *each.network.search_values[1:]]) for mean, each in zip(means, among, strict=True)]
        scores = self.objectives.scores(points)
        return among[scores.index(max(scores))].network  # of equals the first, which was better in the search

    @cached_property
    def placed(self) -> dict[str, Network]:
        """By name, finalists and those of the control with their cells in the skeleton, each architecture once; those
        left out that do not fit there."""
        made: dict[str, Network] = {}
        own = {network.candidate.digest: network for network in (*self.control, *self.finalists)}
        for network in own.values() if self.options.skeleton else ():
            try:
                candidate = in_skeleton(str(self.options.skeleton), network.candidate, self.options.epochs)
            except InputError as error:
                self.say(f"finals: {network.name} is left out of {self.options.skeleton}: {error}")
                continue
            made[network.name] = Network(f"{network.name} in {self.options.skeleton}", PLACED, candidate)
        return made

    def compared(self) -> list[Network] | None:
        """The winner, that of the control, and the baselines, before tuning; None before the winner is known."""
        winner, rival = self.winner(self.finalists), self.winner(self.control)
        if winner is None or (self.control and rival is None):
            return None
        if winner.name not in self._beside:
            self._beside[winner.name] = list(self._made(winner))
        return [winner, *([] if rival is None else [rival]), *self._beside[winner.name]]

    def tuned(self, network: Network) -> Network | None:
        """The network under its best setting; None while that is not known."""
        if not self.options.tune:
            return network
        runs = self._tunings(network)
        done = [self.trainings.trained[run.key] for run in runs if run.key in self.trainings.trained]
        if len(done) < len(runs):
            return None
        best = max(range(len(runs)), key=lambda index: (_value(done[index]), -index))
        return replace(network, candidate=runs[best].candidate)

    def repeats(self, network: Network) -> list[Run]:
        """The network under each of the seeds."""
        return [self._run(network, FINAL, network.candidate.training, seed) for seed in self.seeds]

    def standing(self, network: Network) -> Standing:
        done = [self.trainings.trained[r.key] for r in self.repeats(network) if r.key in self.trainings.trained]
        tests = {each.seed: self.trainings.tested.get(each.key) for each in done}
        over = excess(network.candidate, self.budget)
        latency = max((each.latency for each in done if each.latency is not None), default=0.0)
        if self.budget.latency and latency > self.budget.latency:
            over["latency"] = latency / self.budget.latency - 1
        return Standing(
            network,
            {each.seed: each.value for each in done if each.value is not None},
            {seed: test_accuracy(test) for seed, test in tests.items() if test},
            sum(each.value is None for each in done),
            over,
            frozenset(How(each.device, each.devices, each.threads, each.micro_batch) for each in done if each.device),
        )

    def standings(self) -> list[Standing]:
        """What there is so far: the winner and what it is held against, then the other finalists."""
        compared = self.compared() or []
        tuned = [self.tuned(network) or network for network in compared]
        names = [network.name for network in compared]
        rest = [network for network in (*self.finalists, *self.control) if network.name not in names]
        return [self.standing(network) for network in (*tuned, *rest)]

    def in_skeleton(self) -> list[tuple[Standing, Standing]]:
        """The finalists and those of the control, each with itself in the skeleton, where both could be trained."""
        own = [network for network in (*self.finalists, *self.control) if network.name in self.placed]
        pairs = [(self.standing(network), self.standing(self.placed[network.name])) for network in own]
        return [(small, large) for small, large in pairs if small.values and large.values]

    def _made(self, winner: Network) -> Iterator[Network]:
        for each in self.baselines:
            try:
                made = candidate_of(each, self.space, winner.candidate, winner.parameters, self.options.equal)
            except InputError as error:
                self.say(f"finals: {each.source} is left out: {error}")
                continue
            yield Network(each.name, BASELINE, made, weights=each.weights)

    def _tunings(self, network: Network) -> list[Run]:
        tried = settings(network.candidate.training, self.options.tune, self.seed)
        return [self._run(network, TUNING, training, self.seed) for training in tried]

    def _tests(self) -> list[Run]:
        tuned = [self.tuned(network) for network in self.compared() or []]
        runs = [run for network in tuned if network is not None for run in self.repeats(network)]
        return [replace(run, test=True) for run in runs if self._is_complete(run)]

    def _both(self) -> list[Run]:
        winner = self.tuned((self.compared() or [])[0])
        assert winner is not None, "all has been tuned"
        return [self._run(winner, BOTH, winner.candidate.training, self.seeds[0], join=True)]

    def _is_complete(self, run: Run) -> bool:
        return run.key in self.trainings.trained and self.trainings.trained[run.key].value is not None

    def _run(self, network: Network, purpose: str, training: Training, seed: int, join: bool = False) -> Run:
        known = (network.name, purpose, training, seed)
        if known not in self._runs:
            candidate = under(network.candidate, training, seed)
            data = joined_fingerprint(self.fingerprint) if join else self.fingerprint
            begin = network.weights
            about = [candidate.document, data, self.about, *([] if begin is None else [begin.fingerprint])]
            key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
            self._runs[known] = Run(
                network.name, purpose, candidate, key, join, start=None if begin is None else begin.path
            )
        return self._runs[known]


def _value(trained: Trained) -> float:
    return -1.0 if trained.value is None else trained.value
