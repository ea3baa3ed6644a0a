"""What is trained after a search: its best candidates again under several seeds, and what they are held against."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random

from nas.architecture import Architecture
from nas.architecture.placing import Source, placed, skeleton_path
from nas.cost import cost
from nas.data.images import joined_fingerprint
from nas.errors import InputError
from nas.samplers.catalogue import Catalogue
from nas.samplers.expectation import believed
from nas.search.baselines import Baseline, Weights, candidate_of, under
from nas.search.display import number_of
from nas.search.driver import Driver
from nas.search.proposal import Candidate, excess, propose, trained_candidate
from nas.search.statistics import Spread, spread
from nas.search.trainings import BOTH, FINAL, TUNING, Run, Trained, Trainings, test_accuracy
from nas.space.holes import Scalar
from nas.space.reading import read_document
from nas.space.space import Space
from nas.space.suggest import RandomSuggest
from nas.study import states
from nas.study.objectives import gains
from nas.study.study import pinned, trials
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


@dataclass(frozen=True)
class Standing:
    """What came of a network: what has been trained of it, test accuracy by seed, and by how much it exceeds which
    limit."""

    network: Network
    trained: Sequence[Trained]
    tests: Mapping[int, float]
    over: Mapping[str, float]

    @property
    def values(self) -> dict[int, float]:
        """Validation by seed."""
        return {each.seed: each.value for each in self.trained if each.value is not None}

    @property
    def failed(self) -> int:
        return sum(each.value is None for each in self.trained)

    @property
    def validation(self) -> Spread | None:
        return spread(list(self.values.values())) if self.values else None

    @property
    def mean(self) -> float:
        """Of validation; 0 if all has failed."""
        return self.validation.mean if self.validation else 0.0

    @property
    def test(self) -> Spread | None:
        return spread(list(self.tests.values())) if self.tests else None

    @property
    def how(self) -> list[str]:
        """On what its trainings ran."""
        return sorted({each.how for each in self.trained if each.how})


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
            candidate = trained_candidate(space, trial.params)
            recipe = candidate.training if epochs is None else replace(candidate.training, epochs=epochs)
            candidate = under(candidate, recipe, candidate.document["seed"])
            name = f"trial {trial.number}" if kind == FINALIST else f"{kind} trial {trial.number}"
            found[candidate.digest] = Network(name, kind, candidate, trial.number, trial.values, dict(trial.params))
    return list(found.values())


def final_seeds(seed: int, number: int) -> list[int]:
    """Training seeds other than the search's, and other than those of a study with another seed."""
    return [1000 * (seed + 1) + index for index in range(number)]


class Finals:
    """The order of what is trained, and what comes of it.

    All finalists, and those of the control, are trained under the same seeds, which no search has used; the one with
    the highest mean on validation wins, or with several objectives the best by their rule, of that mean and the costs.
    Baselines are trained by its recipe. With `tune`, it, the control's winner and the baselines are then tried with as
    many settings each, all under the search's seed, and the best setting is trained under the seeds. After all of this
    the test split is read. Finalists placed in a skeleton are trained to see how they rank there, and for nothing else.
    """

    def __init__(self, driver: Driver, control: Driver | None, baselines: Sequence[Baseline]) -> None:
        self.driver, self.options, self.trainings = driver, driver.search.finals, Trainings(driver)
        self.finalists = finalists(driver, FINALIST)
        self.control = [] if control is None else finalists(control, CONTROL)
        self.baselines = baselines
        self.seeds = final_seeds(driver.seed, self.options.seeds)
        self.compared: list[Network] = []  # the winner, that of the control, and the baselines; as tuned, once they are
        self._pin = pinned(driver.study)

    def run(self) -> bool:
        """Trains all of it, or what is left of it, and says so; whether it has come to its end and has a winner."""
        say = self.driver.display.say
        beside = [number_of(len(self.baselines), "baseline")]
        beside += [f"the best of {len(self.control)} of the control"] if self.control else []
        skeleton = f"; {len(self.placed)} of them in {self.options.skeleton}, too" if self.placed else ""
        say(
            f"finals: {number_of(len(self.finalists) + len(self.control), 'candidate')} trained anew under "
            f"{number_of(len(self.seeds), 'seed')}{skeleton}; then the winner beside {' and '.join(beside)}"
        )
        if not self._train():
            say("finals: interrupted; the same command goes on with them")
        elif self.best() is None:
            say("finals: all trainings have failed; best.yaml is what the search found")
        else:
            return True
        return False

    def _train(self) -> bool:
        """False if it is to stop before its end."""
        options, train = self.options, self.trainings.run
        own = self._repeats(*self.finalists, *self.control, *self.placed.values())
        if not train(own):
            return False
        winner = self._winner(self.finalists)
        rivals = [self._winner(self.control)] if self.control else []
        self.compared = [winner, *rivals, *self._made(winner)]
        if options.tune:
            if not train([run for network in self.compared for run in self._tunings(network)]):
                return False
            self.compared = [self._tuned(network) for network in self.compared]
        repeats = self._repeats(*self.compared)
        if not train(repeats):
            return False
        tests = [replace(run, test=True) for run in repeats if self._value(run) is not None]
        both = [self._run(self.compared[0], BOTH, self.compared[0].candidate.training, self.seeds[0], join=True)]
        if not train([*(tests if options.test else ()), *(both if options.final else ())]):
            return False
        self.trainings.forget_checkpoints(() if options.test else tests)
        self.trainings.forget_weights([*own, *repeats], self.best())
        return True

    def best(self) -> Run | None:
        """What becomes best.yaml: the winner under the first seed that went well; None if none did."""
        return next((run for run in self._repeats(self.compared[0]) if self._value(run) is not None), None)

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
                self.driver.display.say(f"finals: {network.name} is left out of {self.options.skeleton}: {error}")
                continue
            made[network.name] = Network(f"{network.name} in {self.options.skeleton}", PLACED, candidate)
        return made

    def standing(self, network: Network) -> Standing:
        known = [self.trainings.trained.get(run.key) for run in self._repeats(network)]
        done = [each for each in known if each is not None]
        tests = {each.seed: self.trainings.tested.get(each.key) for each in done}
        over, limit = excess(network.candidate, self.driver.search.budget), self.driver.search.budget.latency
        latency = max((each.latency for each in done if each.latency is not None), default=0.0)
        if limit and latency > limit:
            over["latency"] = latency / limit - 1
        return Standing(network, done, {seed: test_accuracy(test) for seed, test in tests.items() if test}, over)

    def standings(self) -> list[Standing]:
        """The winner and what it is held against, then the other finalists."""
        names = [network.name for network in self.compared]
        rest = [network for network in (*self.finalists, *self.control) if network.name not in names]
        return [self.standing(network) for network in (*self.compared, *rest)]

    def pairs(self) -> list[tuple[Standing, Standing]]:
        """The finalists and those of the control, each with itself in the skeleton, where both could be trained."""
        own = [network for network in (*self.finalists, *self.control) if network.name in self.placed]
        pairs = [(self.standing(network), self.standing(self.placed[network.name])) for network in own]
        return [(small, large) for small, large in pairs if small.values and large.values]

    def _winner(self, of: Sequence[Network]) -> Network:
        """The best of those that failed least."""
        standings = [self.standing(network) for network in of]
        least = min(each.failed for each in standings)
        among = [each for each in standings if each.failed == least]
        scores = self.driver.objectives.scores([gains([each.mean, *each.network.search_values[1:]]) for each in among])
        return among[scores.index(max(scores))].network  # of equals the first, which was better in the search

    def _made(self, winner: Network) -> Iterator[Network]:
        for each in self.baselines:
            try:
                made = candidate_of(each, self.driver.space, winner.candidate, winner.parameters, self.options.equal)
            except InputError as error:
                self.driver.display.say(f"finals: {each.source} is left out: {error}")
                continue
            yield Network(each.name, BASELINE, made, weights=each.weights)

    def _repeats(self, *networks: Network) -> list[Run]:
        """Each network under each of the seeds."""
        return [
            self._run(network, FINAL, network.candidate.training, seed) for network in networks for seed in self.seeds
        ]

    def _tunings(self, network: Network) -> list[Run]:
        seed = self.driver.seed
        tried = settings(network.candidate.training, self.options.tune, seed)
        return [self._run(network, TUNING, training, seed) for training in tried]

    def _tuned(self, network: Network) -> Network:
        """The network under its best setting, the first of equals."""
        best = max(self._tunings(network), key=lambda run: -1.0 if (value := self._value(run)) is None else value)
        return replace(network, candidate=best.candidate)

    def _value(self, run: Run) -> float | None:
        return self.trainings.trained[run.key].value

    def _run(self, network: Network, purpose: str, training: Training, seed: int, join: bool = False) -> Run:
        candidate = under(network.candidate, training, seed)
        data, begin = self._pin["data"]["fingerprint"], network.weights
        data = joined_fingerprint(data) if join else data
        about = [candidate.document, data, [self._pin["trainer"]], *([] if begin is None else [begin.fingerprint])]
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        return Run(network.name, purpose, candidate, key, join, start=None if begin is None else begin.path)


def in_skeleton(skeleton: str, candidate: Candidate, epochs: int | None = None) -> Candidate:
    """The candidate's cells in a skeleton, a shipped one or the file of one, as `cell=` places them.

    Its recipe is the skeleton's over the candidate's own, for `epochs` if they are given.

    Raises:
        InputError: there is no such skeleton, or they do not fit there.
    """
    written = read_document(skeleton_path(skeleton))
    own = {key: candidate.document["architecture"][key] for key in ("input", "classes")}
    cells = {"": Source("the candidate", candidate.document)}
    architecture = Architecture.from_document(placed({**own, **written["architecture"]}, cells))
    recipe = {**candidate.training.to_document(), **(written.get("training") or {})}
    training = Training.from_document(recipe | ({} if epochs is None else {"epochs": epochs}))
    there = replace(candidate, architecture=architecture, cost=cost(architecture))
    return under(there, training, candidate.document["seed"])


def check_skeleton(skeleton: str, space: Space) -> None:
    """Raises `InputError` if cells of the space cannot be placed in the skeleton."""
    try:
        candidate = propose(space, RandomSuggest(Random(0)))
        if isinstance(candidate, Candidate):
            in_skeleton(skeleton, candidate)
    except InputError as error:
        raise InputError(f"search.finals.skeleton: {error}") from None


def settings(training: Training, trials: int, seed: int) -> list[Training]:
    """The recipe as it is, and then with other learning rates and weight decays, each 1/8 to 8 times its own.

    The factors follow from `seed` alone, so that all networks of a study get the same. A weight decay of 0 counts as
    1e-4.
    """
    random = Random(f"{seed} tuning")
    decay = training.weight_decay or 1e-4
    tried = [training]
    for _ in range(trials - 1):
        rate, much = (8 ** random.uniform(-1, 1) for _ in range(2))
        tried.append(replace(training, lr=_short(training.lr * rate), weight_decay=_short(decay * much)))
    return tried


def _short(number: float) -> float:
    return float(f"{number:.3g}")
