"""The loop of a search: propose, train on what is free, tell; no candidate is waited for by another."""

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.pool import AnyPool, Died, Done, Event, Failed, Report
from nas.search import mirror, states
from nas.search.attempts import LOST, START_ANEW, Attempt, after_death, after_memory
from nas.search.curves import curve, report
from nas.search.display import number_of
from nas.search.files import tail
from nas.search.found import Found, ended
from nas.search.kept import forget_weights, trial_weights
from nas.search.known import Known
from nas.search.ledger import TWIN_OF, Ledger
from nas.search.needs import Needs
from nas.search.objectives import ONE, Objectives
from nas.search.options import SearchOptions, StudyOptions
from nas.search.outcome import record, record_latency
from nas.search.parents import Parents
from nas.search.places import LOGS, Places
from nas.search.progress import Display, Progress, Running
from nas.search.proposal import Candidate
from nas.search.proposer import Proposer
from nas.search.screen import Screen
from nas.search.screening import Screening
from nas.search.study import SECONDS, trials
from nas.space.space import Space
from nas.tracking.tracker import Tracker
from nas.training.job import Job
from nas.training.memory import is_out_of_memory
from nas.training.recipe import METRIC
from nas.training.result import Answer, Latency, Result, TooSlow

_ENDING = {
    "checkpoint": "ending when {} in training have finished their epoch; they are continued next time",
    "finish": "ending when {} in training have finished",
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

    `job` makes what a pool starts of a document, the path of its checkpoint and the attempt; `stopping` is asked
    whether to go on. What a driver knows of the past it reads from the study, so that a new one goes on where another
    was killed.
    """

    study: optuna.Study
    ledger: Ledger
    space: Space
    pool: AnyPool
    job: Callable[[Mapping[str, Any], Path, Attempt], Job]
    options: StudyOptions
    search: SearchOptions
    needs: Needs
    seed: int
    tracker: Tracker
    display: Display
    folder: Path
    stopping: Callable[[], Stop]
    on_best: Callable[[FrozenTrial], None]
    objectives: Objectives = ONE
    progress: Progress = field(init=False)
    proposer: Proposer = field(init=False)
    screening: Screening = field(init=False)
    found: Found = field(init=False)
    _places: Places = field(init=False)
    _live: dict[int, _Live] = field(default_factory=dict)
    _queue: deque[int] = field(default_factory=deque)  # those that wait for room
    _before: float = 0.0  # seconds of earlier runs

    def run(self) -> None:
        """Returns when the budget is reached, the space is exhausted, too much has failed, or it is to stop."""
        usual = self.needs.usual
        devices = self.pool.slots * usual.devices * usual.share
        self.progress = Progress(
            self.study.study_name, self.options.trials, self.pool.slots, self.pool.clock(), devices
        )
        self.found = Found(self.objectives, architectures=self.progress.architectures)
        self._before = float(self.study.user_attrs.get(SECONDS, 0.0))
        self.progress.counts = self.ledger.counts
        known = Known(self.search.per_architecture)
        self.proposer = Proposer(self.study, self.ledger, self.space, self.search.budget, self.seed, known, self._end)
        self._places = Places(self.folder)
        screen, parents = Screen.from_option(self.search.screen), Parents(self.study, self.folder)
        self.screening = Screening(self.study, self.ledger, screen, parents, self.proposer, self._queue.append)
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
        limit = self.options.seconds
        return limit is not None and self._before + self.pool.clock() - self.progress.started >= limit

    def _stop(self) -> Stop:
        return max(self.stopping(), Stop.GRACEFUL if self.time_is_over else Stop.NO)

    def _keep_time(self) -> None:
        seconds = self._before + self.pool.clock() - self.progress.started
        self.study.set_user_attr(SECONDS, round(seconds, 3))

    def _listen_to_others(self) -> None:
        """Takes in what the study holds: at first all of it, then what other drivers do."""
        others = self.ledger.refresh()
        for trial in others:
            state = states.word(trial)
            key = trial.user_attrs.get("key")
            waits = TWIN_OF in trial.user_attrs  # and is never trained
            if key is not None and not waits and state in (None, *states.COUNTED, states.FAILED):
                self.proposer.known.add(key, trial.number)
                if state == states.FAILED:
                    self.proposer.known.has_failed(key)
            if key is not None and state == states.SCREENED:
                self.proposer.forget(key, trial.number)
            if state is not None:
                self._take(trial)
                self._places.remove_checkpoints(trial.number)  # its driver may have been killed just before it did
                self.proposer.has_ended(trial.number)
        for number in self.ledger.lost & self._live.keys():  # this driver has slept, and was taken for dead
            if number in self.pool.running:
                self.pool.stop(number)
            elif number in self._queue:
                self._queue.remove(number)
            self._forget(number)
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
            left = self.ledger.adopt()
            group = self.screening.short
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
        whole = self.job(live.candidate.document, self._places.checkpoint(number), attempt)
        whole = replace(whole, weights=trial_weights(self.folder, number))
        job = self.screening.job(whole, live.trial, live.screening)
        epochs = int(job.document["training"]["epochs"]) if job.proxy is None else 1
        self.progress.running[number] = Running(number, epochs, cost.parameters, cost.macs, self.pool.clock())
        self.pool.start(number, job, self._places.log(number), attempt.need)

    def _handle(self, event: Event) -> None:
        number = event.key
        if number not in self._live:
            return  # of a trial that another driver has taken over
        if isinstance(event, Report):
            self._take_report(event)
            return
        trial, attempt = self._live[number].trial, self._live[number].attempt
        self._leave_slot(number)
        match event:
            case Done(result=TooSlow(latency=latency, limit=limit)):
                self._end_too_slow(trial, latency, limit)
            case Done(result=Result(halted=True)):
                del self._live[number]  # it stays running in the study, and is continued from its checkpoint
            case Done(result=result) if self._live[number].screening:
                self._live[number].screening = False
                self._places.remove_checkpoints(number)
                self.screening.scored(trial, result)
            case Done(result=result):
                self._finish(trial, result)
            case Failed(reason=reason, kind=kind) if is_out_of_memory(kind, reason):
                self._out_of_memory(number)
            case Failed(reason=reason, kind=kind) if kind in START_ANEW:
                self._places.remove_checkpoints(number)
                self._try_again(number, after_death(attempt, self.options.retries), f"{reason}; it starts anew")
            case Failed(reason=reason, kind=kind) if kind in LOST:
                self._try_again(number, after_death(attempt, self.options.retries), reason)
            case Failed(reason=reason) if os.strerror(errno.ENOSPC) in reason:
                del self._live[number]  # it is not to blame: it stays running, and is continued when there is space
                raise OSError(errno.ENOSPC, reason)
            case Failed(reason=reason):
                self._fail(trial, reason)
            case Died(how=how, over_time=True):  # it would take as long again
                self._fail(trial, f"its process was ended: {how}")
            case Died(how=how):
                self._try_again(number, after_death(attempt, self.options.retries), f"its process died: {how}")

    def _take_report(self, event: Report) -> None:
        number, epoch, value = event.key, event.step, event.metrics[METRIC]
        live = self._live[number]
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

    def _forget(self, number: int) -> None:
        del self._live[number]
        self.progress.running.pop(number, None)
        self.screening.forget(number)

    def _leave_slot(self, number: int) -> None:
        seconds = self.pool.clock() - self.progress.running.pop(number).started
        live = self._live[number]
        live.seconds += seconds
        self.progress.busy += seconds * live.attempt.need.devices * live.attempt.need.share

    def _out_of_memory(self, number: int) -> None:
        trial, attempt = self._live[number].trial, self._live[number].attempt
        batch_size = self._live[number].candidate.training.batch_size
        again = after_memory(attempt, batch_size)
        if again is None:
            images = attempt.micro_batch or batch_size
            trial.set_constraint("device_memory", 1.0)
            self._end(trial, states.INFEASIBLE, reason=f"out of memory with {images} images at a time")
        else:
            how = "alone on a device" if again.micro_batch is None else f"with {again.micro_batch} images at a time"
            self._try_again(number, again, f"out of memory; it is tried again {how}")

    def _try_again(self, number: int, attempt: Attempt | None, why: str) -> None:
        trial = self._live[number].trial
        if attempt is None:
            trial.set_user_attr("log_tail", tail(self._places.log(number)))
            tries = self.options.retries + 1
            self._fail(trial, f"{why}, on attempt {tries} of {tries}" if tries > 1 else why)
            return
        trial.set_user_attr("attempt", attempt.to_attribute())
        self._live[number].attempt = attempt
        self._queue.appendleft(number)
        self.progress.retried += 1
        self.display.say(f"trial {number}: {why} (retried)")

    def _finish(self, trial: Trial, result: Result) -> None:
        facts = {**self._live[trial.number].candidate.facts, **record(trial, result)}
        if result.pruned:
            self._end(trial, states.PRUNED, told=TrialState.PRUNED)
        else:
            values = self.objectives.values(result.value, facts)
            self._end(trial, states.COMPLETE, values=values, told=TrialState.COMPLETE)

    def _end_too_slow(self, trial: Trial, latency: Latency, limit: float) -> None:
        milliseconds = record_latency(trial, latency)
        trial.set_constraint("latency", milliseconds / limit - 1)
        self._end(trial, states.INFEASIBLE, reason=f"{milliseconds:.3g} ms a batch, over the limit of {limit:g}")

    def _fail(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr("seconds", round(self._live[trial.number].seconds, 3))
        self._end(trial, states.FAILED, reason=f"{reason} (see {LOGS}/{self._places.log(trial.number).name})")

    def _end(
        self,
        trial: Trial,
        state: str,
        *,
        values: Sequence[float] | None = None,
        told: TrialState | None = None,
        reason: str = "",
    ) -> None:
        number = trial.number
        if told is None:  # samplers learn from pruned trials with a broken constraint, and never look at failed ones
            told = TrialState.PRUNED if state == states.INFEASIBLE else TrialState.FAIL
        if reason or "reason" in trial.user_attrs:  # an interruption may have left one
            trial.set_user_attr("reason", reason)
        live = self._live.pop(number, None)
        if not self.ledger.end(trial, state, values=values if told == TrialState.COMPLETE else None, told=told):
            return
        self._places.remove_checkpoints(number)
        frozen = trials(self.study)[number]
        if state == states.FAILED and live is not None:
            self.proposer.known.has_failed(live.candidate.key)
        best = self._take(frozen)
        if best is not None:
            self.on_best(best)
            mirror.best(self.tracker, self.folder)
        if live is not None:
            self.progress.ended += state != states.SCREENED
            self._keep_time()
            said = ended(frozen)
            self.display.tell(said, self.progress)
        mirror.ends(self.tracker, frozen, live is not None, self.space, self.study, self.progress, self.found)
        if live is not None:
            self.proposer.has_ended(number)
            self.screening.left(frozen)

    def _take(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Takes in a trial that has ended; gives the best so far if the Pareto front is another than before."""
        beaten = self.found.numbers | {trial.number}
        best = self.found.take(trial)
        forget_weights(self.folder, self.screening.spare(beaten, self.found.numbers))
        if best is not None:
            self.progress.best = ended(best)
        return best
