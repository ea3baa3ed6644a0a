"""The loop of a search: ask, propose, afford, train in a slot, tell; no candidate is waited for by another."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.errors import InputError
from nas.pool import Died, Done, Event, Failed, Pool, Report
from nas.search import states
from nas.search.options import Budget
from nas.search.progress import Display, Ended, Progress, Running
from nas.search.proposal import Candidate, Misfit, TrialSuggest, excess, propose
from nas.search.samplers import SeededSampler
from nas.search.study import trials
from nas.space.space import Space
from nas.tracking.tracker import Tracker
from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Result

RANDOM_AFTER = 20  # twins and misfits in a row after which proposals are drawn at random
GIVE_UP_AFTER = 300  # ... and after which the space counts as exhausted

CHECKPOINTS = "checkpoints"


@dataclass
class Driver:
    """One search over one study.

    `job` makes a pool's job of a document and the path of its checkpoint; `stopping` says whether to end now. What a
    driver knows of the past it reads from the study, so that a new one goes on where another was killed.
    """

    study: optuna.Study
    space: Space
    pool: Pool
    job: Callable[[Mapping[str, Any], Path], Job]
    trials: int
    failures: int
    budget: Budget
    seed: int
    tracker: Tracker
    display: Display
    folder: Path
    stopping: Callable[[], bool]
    on_best: Callable[[FrozenTrial], None]
    progress: Progress = field(init=False)
    _live: dict[int, tuple[Trial, Candidate]] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)  # candidate key -> number of the trial that has or gets it
    _useless: int = 0  # proposals in a row that were not trained
    _failed: int = 0  # candidates that failed, those of earlier runs too

    def run(self) -> None:
        """Returns when the budget is reached, the space is exhausted, too much has failed, or `stopping`."""
        self.progress = Progress(self.study.study_name, self.trials, self.pool.slots, time.monotonic())
        interrupted = self._remember()
        while not self.stopping():
            self._fill(interrupted)
            self.display.show(self.progress)
            if not self.pool.running:
                break
            for event in self.pool.wait(0.25):
                self._handle(event)
        with suppress(OSError):  # not empty: those of interrupted candidates are continued from
            (self.folder / CHECKPOINTS).rmdir()
        if self.exhausted:
            self.display.say(
                f"no new candidate in {GIVE_UP_AFTER} proposals ({self.progress.counts[states.TWIN]} twins, "
                f"{self.progress.counts[states.INFEASIBLE]} infeasible in all): the space is exhausted, or nothing "
                "else fits"
            )
        if self.has_failed:
            self.display.say(f"{self._failed} candidates have failed, more than study.failures={self.failures}")

    @property
    def exhausted(self) -> bool:
        """Whether the space seems to hold nothing more to train."""
        return self._useless >= GIVE_UP_AFTER

    @property
    def has_failed(self) -> bool:
        """Whether more candidates have failed than may."""
        return self._failed > self.failures

    def _remember(self) -> list[FrozenTrial]:
        """Takes in what the study holds; gives back the trials that were running when another driver ended."""
        interrupted = []
        for trial in trials(self.study):
            state = states.word(trial)
            if state is None:
                if trial.state == TrialState.RUNNING:
                    interrupted.append(trial)
                continue
            self.progress.counts[state] += 1
            self._failed += state == states.FAILED
            if state in (*states.COUNTED, states.FAILED) and "key" in trial.user_attrs:
                self._known.setdefault(trial.user_attrs["key"], trial.number)
            if state == states.COMPLETE:
                self._compare(_ended(trial))
        return interrupted

    def _fill(self, interrupted: list[FrozenTrial]) -> None:
        while self.pool.free and not self.stopping() and self._wants_more():
            if interrupted:
                started = self._readopted(interrupted.pop(0))
            else:
                started = self._next()
                if started is None:
                    return
            if started is not None:
                self._start(*started)

    def _wants_more(self) -> bool:
        given_up = self.exhausted or self.has_failed
        return not given_up and self.progress.counted + len(self._live) < self.trials

    def _readopted(self, frozen: FrozenTrial) -> tuple[Trial, Candidate] | None:
        """An interrupted trial, opened again under its own number; what it had not chosen yet it chooses now."""
        self.study.sampler.before_trial(self.study, frozen)
        trial = Trial(self.study, frozen._trial_id)
        candidate = self._candidate(trial)
        return None if candidate is None else (trial, candidate)

    def _next(self) -> tuple[Trial, Candidate] | None:
        """A new trial worth training; None if there is none to be found."""
        own = self.study.sampler
        try:
            while not (self.exhausted or self.has_failed or self.stopping()):
                if self._useless == RANDOM_AFTER:
                    self.study.sampler = SeededSampler(RandomSampler, self.seed)
                trial = self.study.ask()
                candidate = self._candidate(trial)
                if candidate is not None:
                    self._useless = 0
                    return trial, candidate
                self._useless += 1
        finally:
            self.study.sampler = own
        return None

    def _candidate(self, trial: Trial) -> Candidate | None:
        """What the trial proposes. None if that is not worth training; the trial has ended then."""
        try:
            proposal = propose(self.space, TrialSuggest(trial))
        except InputError as error:  # rare: documents with each option have been looked at before the search
            self._fail(trial, str(error), 0.0)
            return None
        if isinstance(proposal, Misfit):
            trial.set_constraint("fits", 1.0)
            self._end(trial, states.INFEASIBLE, reason=proposal.reason)
            return None
        return proposal if self._worth_training(trial, proposal) else None

    def _worth_training(self, trial: Trial, candidate: Candidate) -> bool:
        """Records the candidate; ends its trial at once if it is over budget or another's twin."""
        for key, value in candidate.facts.items():
            trial.set_user_attr(key, value)
        over = excess(candidate, self.budget)
        if over:
            for name, share in over.items():
                trial.set_constraint(name, share)
            reason = ", ".join(f"{share:.0%} over the limit of {name}" for name, share in over.items())
            self._end(trial, states.INFEASIBLE, reason=reason)
            return False
        if candidate.key in self._known:
            self._end_twin(trial, self._known[candidate.key])
            return False
        self._known[candidate.key] = trial.number
        return True

    def _end_twin(self, trial: Trial, number: int) -> None:
        """Ends a trial with what is known of the one it equals, which the sampler learns from too."""
        other = trials(self.study)[number]
        trial.set_user_attr("twin_of", number)
        reported = trials(self.study)[trial.number].intermediate_values  # before an interruption
        for epoch in other.intermediate_values.keys() - reported.keys():
            trial.report(other.intermediate_values[epoch], epoch)
        state = TrialState.FAIL if not other.state.is_finished() else other.state
        self._end(trial, states.TWIN, value=other.value, told=state, reason=f"trains like trial {number}")

    def _start(self, trial: Trial, candidate: Candidate) -> None:
        number = trial.number
        self._live[number] = (trial, candidate)
        epochs = int(candidate.document["training"]["epochs"])
        cost = candidate.cost
        self.progress.running[number] = Running(number, epochs, cost.parameters, cost.macs, time.monotonic())
        facts = {key: value for key, value in candidate.facts.items() if key != "key"}
        self.tracker.start(number, trial.params, facts)
        for epoch, value in trials(self.study)[number].intermediate_values.items():  # of a re-adopted trial
            self.tracker.report(number, epoch, {METRIC: value})
        log = self.folder / "logs" / f"{number:04d}.log"
        self.pool.start(number, self.job(candidate.document, self._checkpoint(number)), log)

    def _handle(self, event: Event) -> None:
        number = event.key
        trial, _ = self._live[number]
        match event:
            case Report(step=epoch, metrics=metrics):
                value = metrics[METRIC]
                if epoch not in trials(self.study)[number].intermediate_values:
                    trial.report(value, epoch)
                self.tracker.report(number, epoch, metrics)
                self.progress.running[number].epoch = epoch + 1
                self.progress.running[number].value = value
                self.pool.answer(number, trial.should_prune())
            case Done(result=result):
                self._finish(trial, result)
            case Failed(reason=reason):
                self._fail(trial, reason, time.monotonic() - self.progress.running[number].started)
            case Died(how=how):
                self._fail(trial, f"its process died: {how}", time.monotonic() - self.progress.running[number].started)

    def _finish(self, trial: Trial, result: Result) -> None:
        for key, value in (
            ("seconds", round(result.seconds, 3)),
            ("trained", {"epochs": result.epochs, "threads": result.threads, "device": result.device}),
            ("versions", result.versions),
        ):
            trial.set_user_attr(key, value)
        if result.pruned:
            self._end(trial, states.PRUNED, told=TrialState.PRUNED)
        else:
            self._end(trial, states.COMPLETE, value=result.value, told=TrialState.COMPLETE)

    def _fail(self, trial: Trial, reason: str, seconds: float) -> None:
        trial.set_user_attr("seconds", round(seconds, 3))
        self._failed += 1
        self._end(trial, states.FAILED, reason=reason)

    def _end(
        self, trial: Trial, state: str, *, value: float | None = None, told: TrialState | None = None, reason: str = ""
    ) -> None:
        if told is None:  # samplers learn from pruned trials with a broken constraint, and never look at failed ones
            told = TrialState.PRUNED if state == states.INFEASIBLE else TrialState.FAIL
        trial.set_user_attr(states.STATE, state)
        if reason or "reason" in trial.user_attrs:  # an interruption may have left one
            trial.set_user_attr("reason", reason)
        self.study.tell(trial, value if told == TrialState.COMPLETE else None, state=told)
        self.progress.counts[state] += 1
        self._checkpoint(trial.number).unlink(missing_ok=True)
        was_live = self._live.pop(trial.number, None) is not None
        self.progress.running.pop(trial.number, None)
        frozen = trials(self.study)[trial.number]
        ended = _ended(frozen)
        if state == states.COMPLETE and self._compare(ended):
            self.on_best(frozen)
        if was_live:
            self.progress.ended += 1
            self.display.tell(ended, self.progress)
            self.tracker.finish(
                trial.number, state, {"value": ended.value, "seconds": ended.seconds, "reason": ended.reason}
            )

    def _checkpoint(self, number: int) -> Path:
        """Of a candidate in training; it is gone when the trial has ended."""
        return self.folder / CHECKPOINTS / f"{number:04d}.pt"

    def _compare(self, ended: Ended) -> bool:
        """Whether this is the best so far; of equals the lowest number is, whichever ended first."""
        best = self.progress.best
        if best is None or (ended.value or 0.0, -ended.number) > (best.value or 0.0, -best.number):
            self.progress.best = ended
            return True
        return False


def _ended(trial: FrozenTrial) -> Ended:
    attrs = trial.user_attrs
    return Ended(
        number=trial.number,
        state=states.word(trial) or "",
        value=trial.value,
        parameters=attrs.get("parameters", 0),
        macs=attrs.get("macs", 0),
        seconds=attrs.get("seconds", 0.0),
        reason=attrs.get("reason", ""),
    )


def ended_trials(study: optuna.Study) -> list[Ended]:
    """All trials that have ended, oldest first."""
    return [_ended(trial) for trial in trials(study) if trial.state.is_finished()]
