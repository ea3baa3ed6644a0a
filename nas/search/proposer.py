"""Asks the study for candidates until one is worth training; what is equal, too large or unfit ends at once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.architecture.context import context
from nas.errors import InputError
from nas.search.known import Known
from nas.search.options import SearchOptions
from nas.search.proposal import Candidate, Misfit, TrialSuggest, excess, propose
from nas.space.enumeration import listed
from nas.space.holes import Parameters
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded
from nas.study import states
from nas.study.curves import curve, report
from nas.study.ledger import TWIN_OF, Ledger
from nas.study.objectives import accuracy
from nas.study.study import trials

PATIENCE = 20  # twins and misfits in a row after which the sampler is helped out; halved each time it was in vain
GIVE_UP_AFTER = 300  # ... and after which a space that is too large to be listed counts as exhausted
AT_ONCE = 25  # proposals after which other work comes first


@dataclass
class Proposer:
    """`end` ends a trial, as a `Driver` does. `exhausted` says why nothing new can be proposed any more; empty while it
    can."""

    study: optuna.Study
    ledger: Ledger
    space: Space
    options: SearchOptions
    seed: int
    end: Callable[..., None]
    exhausted: str = ""
    known: Known = field(init=False)
    _useless: int = 0  # proposals in a row that were not trained
    _patience: int = PATIENCE
    _remaining: Iterator[Parameters] | None = None
    _forgotten: bool = False  # some that have been looked at there are new once again
    _waiting: dict[int, list[Trial]] = field(default_factory=dict)  # twins of trials that are still running

    def __post_init__(self) -> None:
        self.known = Known(self.options.per_architecture)

    def next(self, group: int | None = None) -> tuple[Trial, Candidate] | None:
        """A new trial worth training, in this group; None if none was found for now, or ever (`exhausted`)."""
        for _ in range(AT_ONCE):
            if self.exhausted:
                break
            trial = self._asked(group)
            candidate = None if trial is None else self.candidate(trial)
            if trial is not None and candidate is not None:
                self._useless = 0
                return trial, candidate
            self._useless += trial is not None
            if self._useless >= GIVE_UP_AFTER and self._remaining is None:
                self.exhausted = f"no new candidate in {GIVE_UP_AFTER} proposals: nothing else is new and fits"
        return None

    def learn(self, trial: FrozenTrial) -> None:
        """Takes in a trial of another driver's, or of an earlier run."""
        key, state = trial.user_attrs.get("key"), states.word(trial)
        if key is None or TWIN_OF in trial.user_attrs:  # that waits, and is never trained
            return
        if state in (None, *states.COUNTED, states.FAILED):
            self.known.add(key, trial.number)
        if state == states.FAILED:
            self.known.has_failed(key)
        if state == states.SCREENED:
            self.forget(key, trial.number)

    def forget(self, key: str, number: int) -> None:
        """The candidate of trial `number` has been screened out, and may be proposed again."""
        self.known.forget(key, number)
        self._forgotten, self.exhausted = True, ""

    def _asked(self, group: int | None) -> Trial | None:
        """A trial of the sampler's; where that has proposed too much in vain, of what is left, or at random."""
        if self._useless < self._patience:
            return self.ledger.ask(group)
        if self._useless == self._patience:
            self._remaining = self._remaining or _all_documents(self.space, self.seed)
        if self._remaining is None:
            return self._made(self._drawn(), group)
        parameters = next(self._remaining, None)
        if parameters is None and self._forgotten:
            self._remaining, self._forgotten = _all_documents(self.space, self.seed), False
            return None
        if parameters is None:
            self.exhausted = "every document of the space has been looked at: nothing else is new and fits"
            return None
        if not self._is_new(parameters):
            return None
        self._patience = max(1, self._patience // 2)
        return self._made(parameters, group)

    def _drawn(self) -> Parameters:
        """Those of a document at random, as follows from the seed and the number of trials."""
        drawn = RandomSuggest(Random(f"{self.seed}:{len(trials(self.study))}"))
        with suppress(InputError):  # told of the trial
            self.space.sample(drawn, context)
        return drawn.parameters

    def _made(self, parameters: Parameters, group: int | None) -> Trial | None:
        """A trial of these parameters."""
        self.study.enqueue_trial(parameters)
        return self.ledger.ask(group)

    def _is_new(self, parameters: Parameters) -> bool:
        proposal = propose(self.space, Recorded(parameters))
        if isinstance(proposal, Misfit) or excess(proposal, self.options.budget):
            return False
        return not self.known.equals(proposal, number=-1)

    def candidate(self, trial: Trial) -> Candidate | None:
        """What the trial proposes. None if that is not worth training; the trial has ended then, or waits as a twin."""
        if TWIN_OF in trial.user_attrs:  # it has waited before
            self._twin(trial, [trial.user_attrs[TWIN_OF]])
            return None
        try:
            proposal = propose(self.space, TrialSuggest(trial))
        except InputError as error:  # rare: documents with each option have been looked at before the search
            self.end(trial, states.FAILED, str(error))
            return None
        if isinstance(proposal, Misfit):
            trial.set_constraint("fits", 1.0)
            self.end(trial, states.INFEASIBLE, proposal.reason)
            return None
        for key, value in proposal.facts.items():
            trial.set_user_attr(key, value)
        if over := excess(proposal, self.options.budget):
            for name, share in over.items():
                trial.set_constraint(name, share)
            limits = ", ".join(f"{share:.0%} over the limit of {name}" for name, share in over.items())
            self.end(trial, states.INFEASIBLE, limits)
            return None
        equals = self.known.equals(proposal, trial.number)
        if not equals:
            first = self.ledger.claim(proposal.key, trial.number)
            self.known.add(proposal.key, first)
            if first == trial.number:
                return proposal
            equals = [first]
        self._twin(trial, equals)
        return None

    def _twin(self, trial: Trial, numbers: list[int]) -> None:
        """Ends a trial with what is known of the best that it equals, or lets it wait until that is known."""
        others = [trials(self.study)[number] for number in numbers]
        best = max(others, key=lambda other: (-1.0 if (value := accuracy(other)) is None else value, -other.number))
        trial.set_user_attr(TWIN_OF, best.number)
        if best.state.is_finished():
            self._end_twin(trial)
        else:
            self._waiting.setdefault(best.number, []).append(trial)

    def has_ended(self, number: int) -> None:
        """Trial `number` has ended, and with it its twins, from which the sampler learns what came of it."""
        for twin in self._waiting.pop(number, []):
            self._end_twin(twin)

    def _end_twin(self, trial: Trial) -> None:
        frozen = trials(self.study)[trial.number]
        other = trials(self.study)[frozen.user_attrs[TWIN_OF]]
        report(self.study, trial, curve(frozen), curve(other))
        for name, share in other.constraints.items():
            trial.set_constraint(name, share)
        same = frozen.user_attrs["key"] == other.user_attrs["key"]
        reason = f"trains like trial {other.number}" if same else f"has the architecture of trial {other.number}"
        values = other.values if other.state == TrialState.COMPLETE else None
        self.end(trial, states.TWIN, reason, values=values, told=other.state)


def _all_documents(space: Space, seed: int) -> Iterator[Parameters] | None:
    """The parameters of all documents of the space in a random order; None if they are too many, or infinite."""
    documents = listed(space, context)
    if documents is None:
        return None
    Random(seed).shuffle(documents)
    return iter(documents)
