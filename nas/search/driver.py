"""The loop of a search: propose, train on what is free, tell; no candidate is waited for by another."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.pool import AnyPool, Died, Done, Event, Failed, Report
from nas.search import mirror
from nas.search.attempts import Attempt, Setback, setback
from nas.search.display import LineDisplay, number_of
from nas.search.needs import Needs
from nas.search.options import SearchOptions, StudyOptions
from nas.search.progress import Progress, Running
from nas.search.proposal import Candidate
from nas.search.proposer import Proposer
from nas.search.screening import SECONDS as SCREENING_SECONDS
from nas.search.screening import Screening
from nas.space.space import Space
from nas.study import states
from nas.study.curves import curve, report
from nas.study.files import LOGS, Places, tail
from nas.study.found import Found
from nas.study.kept import forget_weights, trial_weights
from nas.study.ledger import Ledger
from nas.study.objectives import Objectives
from nas.study.study import SECONDS, trials
from nas.tracking import Tracker
from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Answer, Latency, Result, TooSlow

_ENDING = {
    "checkpoint": "ending after this epoch of {} in training; the same command continues from there",
    "finish": "ending after the training of {}",
}


class Stop(IntEnum):
    """Whether a search goes on: until its budget is reached, until what runs is safe, or not a moment longer."""

    NO, GRACEFUL, NOW = range(3)


@dataclass
class _Live:
    """A candidate that is in training, or waits for room."""

    trial: Trial
    candidate: Candidate
    attempt: Attempt
    curve: dict[int, float]  # as the study has it
    screening: bool = False  # it is to have a score before it is trained
    seconds: float = 0.0  # in slots


@dataclass
class Driver:
    """One search over one study.

    `job` makes what a pool starts of what is a candidate's own: its document, checkpoint and so on; `stopping` is asked
    whether to go on. What a driver knows of the past it reads from the study, so that a new one goes on where another
    was killed.
    """

    study: optuna.Study
    ledger: Ledger
    space: Space
    pool: AnyPool
    job: Callable[..., Job]
    options: StudyOptions
    search: SearchOptions
    needs: Needs
    seed: int
    tracker: Tracker
    display: LineDisplay
    folder: Path
    stopping: Callable[[], Stop]
    on_best: Callable[["Driver"], None]
    progress: Progress = field(init=False)
    found: Found = field(init=False)
    proposer: Proposer = field(init=False)
    screening: Screening = field(init=False)
    _places: Places = field(init=False)
    _live: dict[int, _Live] = field(init=False, default_factory=dict)
    _queue: deque[int] = field(init=False, default_factory=deque)  # those that wait for room
    _before: float = field(init=False)  # seconds of earlier runs

    def __post_init__(self) -> None:
        study, ledger, pool, usual = self.study, self.ledger, self.pool, self.needs.usual
        devices = pool.slots * usual.devices * usual.share
        self.progress = Progress(study.study_name, self.options.trials, pool.slots, pool.clock(), devices)
        self.progress.counts = ledger.counts
        self.found = self.progress.found = Found(self.objectives)
        self.proposer = Proposer(study, ledger, self.space, self.search, self.seed, self._end)
        self.screening = Screening(study, ledger, self.search.screen, self.folder, self.proposer, self._queue.append)
        self._places = Places(self.folder)
        self._before = float(study.user_attrs.get(SECONDS, 0.0))

    @property
    def objectives(self) -> Objectives:
        return self.search.objectives

    def run(self) -> None:
        """Returns when the budget is reached, the space is exhausted, too much has failed, or it is to stop."""
        said = Stop.NO
        while (stop := self._stop()) < Stop.NOW:
            if stop > said and self.pool.running:
                self.display.say(_ENDING[self.options.at_end].format(number_of(len(self.pool.running), "candidate")))
            said = stop
            self._listen_to_others()
            proposing = self._fill()
            self.progress.now = self.pool.clock()
            self.display.show(self.progress)
            if not (self.pool.running or proposing):
                if stop > Stop.NO or self.done or self.has_failed or not self.ledger.elsewhere:
                    break
                time.sleep(0.25)  # other drivers' candidates may fail, so that more are wanted
            for event in self.pool.wait(0.0 if proposing else 0.25):
                with suppress(UpdateFinishedTrialError):  # another driver has taken it over: the ledger will say so
                    self._handle(event)
        self._keep_time()
        self._places.close()
        if self.proposer.exhausted:
            self.display.say(
                f"{self.proposer.exhausted} ({self.progress.counts[states.TWIN]} twins, "
                f"{self.progress.counts[states.INFEASIBLE]} infeasible in all)"
            )
        if self.has_failed:
            count = self.ledger.counts[states.FAILED]
            self.display.say(f"{count} candidates have failed, more than study.failures={self.options.failures}")

    @property
    def done(self) -> bool:
        """Whether there is nothing more to be done within the budget of trials and time."""
        return self.ledger.done or bool(self.proposer.exhausted) or self.time_is_over

    @property
    def has_failed(self) -> bool:
        """Whether more candidates have failed than may."""
        return self.ledger.counts[states.FAILED] > self.options.failures

    @property
    def time_is_over(self) -> bool:
        """Whether the study has had all the time it is given."""
        return self.options.seconds is not None and self._seconds >= self.options.seconds

    @property
    def _seconds(self) -> float:
        """How long the study has been searched, over all runs."""
        return self._before + self.pool.clock() - self.progress.started

    def _stop(self) -> Stop:
        return max(self.stopping(), Stop.GRACEFUL if self.time_is_over else Stop.NO)

    def _keep_time(self) -> None:
        self.study.set_user_attr(SECONDS, round(self._seconds, 3))

    def _listen_to_others(self) -> None:
        """Takes in what the study holds: at first all of it, then what other drivers do."""
        others = self.ledger.refresh()
        for trial in others:
            self.proposer.learn(trial)
            if states.word(trial) is not None:
                self._take(trial)
                self._places.remove_checkpoints(trial.number)  # its driver may have been killed just before it did
                self.proposer.has_ended(trial.number)
        for number in self.ledger.lost & self._live.keys():  # this driver has slept, and was taken for dead
            if number in self.pool.running:
                self.pool.stop(number)
            elif number in self._queue:
                self._queue.remove(number)
            del self._live[number]
            self.progress.running.pop(number, None)
            self.screening.forget(number)
        if others:
            self.screening.look()

    def _fill(self) -> bool:
        """Starts what there is room for, first come first served; whether there is room to propose for still."""
        while self._stop() == Stop.NO:
            if self._queue:
                if not self.pool.room(self._live[self._queue[0]].attempt.need):
                    return False
                self._start(self._queue.popleft())
                continue
            if self.proposer.exhausted or self.has_failed or not self.pool.room(self.needs.least):
                return False
            group = self.screening.short
            left = self.ledger.adopt(group)
            if left is None and group is None and not self.ledger.wanted:
                return False
            found = self.proposer.next(group) if left is None else self._readopted(left)
            if found is not None:
                self._enqueue(*found)
            elif left is None and not self.proposer.exhausted:
                return True
            else:
                self.screening.look()  # a group has lost a candidate, or none will grow any more
        return False

    def _readopted(self, frozen: FrozenTrial) -> tuple[Trial, Candidate] | None:
        """An interrupted trial, opened again under its own number; what it had not chosen yet it chooses now."""
        self.study.sampler.before_trial(self.study, frozen)
        trial = Trial(self.study, frozen._trial_id)
        candidate = self.proposer.candidate(trial)
        return None if candidate is None else (trial, candidate)

    def _enqueue(self, trial: Trial, candidate: Candidate) -> None:
        attempt = Attempt.from_attribute(trial.user_attrs.get("attempt"), self.needs.of(candidate.cost))
        reported = curve(trials(self.study)[trial.number])  # of a re-adopted trial
        self._live[trial.number] = _Live(trial, candidate, attempt, dict(reported))
        mirror.begins(self.tracker, trial, candidate.facts, self.space)
        for epoch, value in reported.items():
            self.tracker.report(trial.number, epoch, {METRIC: value})
        if self.screening.joins(trial, candidate):
            self._live[trial.number].screening = True
            self._queue.append(trial.number)

    def _start(self, number: int) -> None:
        live = self._live[number]
        cost, attempt = live.candidate.cost, live.attempt
        whole = self.job(
            document=live.candidate.document,
            checkpoint=self._places.checkpoint(number),
            devices=attempt.need.devices,
            micro_batch=attempt.micro_batch,
            weights=trial_weights(self.folder, number),
        )
        job = self.screening.job(whole, live.trial, live.screening)
        epochs = int(job.document["training"]["epochs"]) if job.proxy is None else 1
        self.progress.running[number] = Running(number, epochs, cost.parameters, cost.macs, self.pool.clock())
        self.pool.start(number, job, self._places.log(number), attempt.need)

    def _handle(self, event: Event) -> None:
        if event.key not in self._live:
            return  # of a trial that another driver has taken over
        live = self._live[event.key]
        if isinstance(event, Report):
            self._take_report(live, event)
            return
        seconds = self.pool.clock() - self.progress.running.pop(event.key).started
        live.seconds += seconds
        self.progress.busy += seconds * live.attempt.need.devices * live.attempt.need.share
        match event:
            case Done(result=TooSlow(latency=latency, limit=limit)):
                self._end_too_slow(live.trial, latency, limit)
            case Done(result=Result(halted=True)):
                del self._live[event.key]  # it stays running in the study, and is continued from its checkpoint
            case Done(result=result) if live.screening:
                live.screening = False
                self._places.remove_checkpoints(event.key)
                self.screening.scored(live.trial, result)
            case Done(result=result):
                self._finish(live, result)
            case Failed() | Died():
                batch_size = live.candidate.training.batch_size
                self._set_back(live, setback(event, live.attempt, batch_size, self.options.retries))

    def _take_report(self, live: _Live, event: Report) -> None:
        number, epoch, value = event.key, event.step, event.metrics[METRIC]
        running = self.progress.running[number]
        running.epoch, running.value = epoch + 1, value
        if not live.screening:  # what is brief is not compared with what is whole
            report(self.study, live.trial, live.curve, {epoch: value})
            self.tracker.report(number, epoch, event.metrics)
        if not live.screening and self._should_prune(live.trial):
            answer = Answer.PRUNE
        else:
            halt = self._stop() > Stop.NO and self.options.at_end == "checkpoint"
            answer = Answer.HALT if halt else Answer.GO_ON
        self.pool.answer(number, answer)

    def _should_prune(self, trial: Trial) -> bool:
        if not self.objectives.several:
            return trial.should_prune()
        return self.study.pruner.prune(self.study, trials(self.study)[trial.number])  # Optuna would refuse

    def _set_back(self, live: _Live, failure: Setback) -> None:
        trial, log = live.trial, self._places.log(live.trial.number)
        if failure.anew:
            self._places.remove_checkpoints(trial.number)
        if failure.again is not None:
            live.attempt = failure.again
            trial.set_user_attr("attempt", live.attempt.to_attribute())
            self._queue.appendleft(trial.number)
            self.progress.retried += 1
            self.display.say(f"trial {trial.number}: {failure.why} (retried)")
        elif failure.too_large:
            trial.set_constraint("device_memory", 1.0)
            self._end(trial, states.INFEASIBLE, failure.why)
        else:
            trial.set_user_attr("log_tail", tail(log))
            trial.set_user_attr("seconds", round(live.seconds, 3))
            self._end(trial, states.FAILED, f"{failure.why} (see {LOGS}/{log.name})")

    def _finish(self, live: _Live, result: Result) -> None:
        trial, facts = live.trial, live.candidate.facts
        trial.set_user_attr("trained", result.how)
        trial.set_user_attr("seconds", round(result.seconds + trial.user_attrs.get(SCREENING_SECONDS, 0.0), 3))
        trial.set_user_attr("versions", result.versions)
        if result.latency is not None:
            facts["latency"] = _record_latency(trial, result.latency)
        if result.pruned:
            self._end(trial, states.PRUNED)
        else:
            self._end(trial, states.COMPLETE, values=self.objectives.values(result.value, facts))

    def _end_too_slow(self, trial: Trial, latency: Latency, limit: float) -> None:
        milliseconds = _record_latency(trial, latency)
        trial.set_constraint("latency", milliseconds / limit - 1)
        self._end(trial, states.INFEASIBLE, f"{milliseconds:.3g} ms a batch, over the limit of {limit:g}")

    def _end(
        self,
        trial: Trial,
        state: str,
        reason: str = "",
        *,
        values: Sequence[float] | None = None,
        told: TrialState | None = None,
    ) -> None:
        """Ends a trial, whether it was trained or not; `told` is what Optuna is told if the state does not say that."""
        number = trial.number
        if reason or "reason" in trial.user_attrs:  # an interruption may have left one
            trial.set_user_attr("reason", reason)
        live = self._live.pop(number, None)
        if not self.ledger.end(trial, state, values=values, told=told):
            return
        self._places.remove_checkpoints(number)
        frozen = trials(self.study)[number]
        if state == states.FAILED and live is not None:
            self.proposer.known.has_failed(live.candidate.key)
        if self._take(frozen):
            self.on_best(self)
            mirror.best(self.tracker, self.folder)
        if live is not None:
            self.progress.ended += state != states.SCREENED
            self._keep_time()
            self.display.tell(frozen, self.progress)
        mirror.ends(self.tracker, frozen, live is not None, self.space, self.study, self.progress)
        if live is not None:
            self.proposer.has_ended(number)
            self.screening.left(frozen)

    def _take(self, trial: FrozenTrial) -> bool:
        """Takes in a trial that has ended; whether the Pareto front is another than before."""
        beaten = self.found.numbers | {trial.number}
        is_new = self.found.take(trial)
        forget_weights(self.folder, self.screening.spare(beaten, self.found.numbers))
        return is_new


def _record_latency(trial: Trial, latency: Latency) -> float:
    """In milliseconds a batch."""
    trial.set_user_attr("latency", asdict(latency))
    return 1000 * latency.median
