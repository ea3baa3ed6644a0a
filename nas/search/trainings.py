"""Trains documents in a pool, each once, whatever interrupts it: what has ended is written to a table as it comes."""

import csv
import errno
import io
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nas.pool import AnyPool, Died, Done, Event, Failed, Report
from nas.search import files, states
from nas.search.attempts import LOST, START_ANEW, Attempt, after_death, after_memory
from nas.search.display import duration
from nas.search.driver import Stop
from nas.search.kept import kept_weights
from nas.search.needs import Needs
from nas.search.places import CHECKPOINTS, LOGS
from nas.search.progress import Display, Progress, Running
from nas.search.proposal import Candidate
from nas.training.job import Job
from nas.training.memory import is_out_of_memory
from nas.training.recipe import METRIC
from nas.training.result import Answer, Metrics, Result

FINALS = "finals"
"""The folder in a study's folder for what is trained after the search: its checkpoints and logs."""

WEIGHTS = "weights.pt"
"""There, the weights of the winner trained on train and validation together."""


FINAL, TUNING, BOTH = "final", "tuning", "train and validation"
"""What a run is for."""


@dataclass(frozen=True)
class Run:
    """One training: of which network, what for, under which seed; `key` is equal for those that would train alike.

    `test` reads the test split with what has been trained under that key.
    """

    network: str
    purpose: str
    candidate: Candidate
    key: str
    join: bool = False  # trained on the validation images, too
    test: bool = False
    start: Path | None = None  # weights to begin with

    @property
    def id(self) -> tuple[str, bool]:
        return self.key, self.test

    @property
    def label(self) -> str:
        training = self.candidate.training
        said = f"{self.network}, {self.purpose}, seed {self.candidate.document['seed']}"
        said += f", lr {training.lr:g}, weight decay {training.weight_decay:g}" if self.purpose == TUNING else ""
        return f"{said}, test split" if self.test else said

    @property
    def file(self) -> str:
        """A name for its log."""
        return re.sub(r"\W+", "-", f"{self.network} {self.purpose} {self.candidate.document['seed']} {self.key[:6]}")


@dataclass(frozen=True)
class Trained:
    """What has come of a run; a row of the table. `latency` is in milliseconds a batch, if there is a limit to it."""

    key: str
    network: str
    purpose: str
    seed: int
    lr: float
    weight_decay: float
    parameters: int
    macs: int
    state: str  # complete or failed
    reason: str = ""
    value: float | None = None  # the metric on validation; None if it failed, or was trained on that, too
    epochs: int = 0
    seconds: float = 0.0
    device: str = ""
    devices: int = 1
    threads: int = 0
    micro_batch: int | None = None
    latency: float | None = None
    versions: dict[str, str] = field(default_factory=dict)


@dataclass
class Trainings:
    """What is trained in `folder`, a study's, after its search.

    `job` makes what the pool starts, as for a `Driver`. Results are in finals.csv, those on the test split in
    test_reads.csv, and no run that is in them is started again.
    """

    folder: Path
    name: str
    pool: AnyPool
    job: Callable[[Mapping[str, Any], Path, Attempt], Job]
    needs: Needs
    retries: int
    halts: bool  # when it is to stop: end with the epoch, to go on from its checkpoint; or train to the end
    display: Display
    stopping: Callable[[], Stop]
    trained: dict[str, Trained] = field(init=False)
    tested: dict[str, Metrics] = field(init=False)
    _live: dict[int, tuple[Run, Attempt]] = field(default_factory=dict)
    _again: dict[tuple[str, bool], Attempt] = field(default_factory=dict)  # of runs to be tried once more, by id
    _started: int = 0

    def __post_init__(self) -> None:
        self.trained = {each.key: each for each in read_table(self.folder)}
        reads = [(source.rpartition(" ")[2], result) for source, result in files.test_reads(self.folder)]
        self.tested = {key: result for key, result in reads if key in self.trained}

    def run(self, wanted: Callable[[], Sequence[Run]]) -> bool:
        """Trains what is `wanted` until nothing is; False if it is to stop before that.

        `wanted` is asked again whenever something has ended, and may build on what has.

        Raises:
            OSError: the disk is full. The same call goes on when there is space.
        """
        self._progress = Progress(f"{self.name}: finals", 0, self.pool.slots, self.pool.clock())
        while (stop := self.stopping()) < Stop.NOW:
            there: dict[tuple[str, bool], Run] = {}
            for run in wanted():
                if run.key not in (self.tested if run.test else self.trained):
                    there.setdefault(run.id, run)  # two searches may have found the same: it is the first one's
            done = len(self.trained) + len(self.tested)
            self._progress.trials, self._progress.counts[states.COMPLETE] = done + len(there), done
            busy = {run.id for run, _ in self._live.values()}
            for run in there.values():
                if stop > Stop.NO or (run.id not in busy and not self._start(run)):
                    break
            self._progress.now = self.pool.clock()
            self.display.show(self._progress)
            if not self._live:
                return not there
            for event in self.pool.wait(0.25):
                if event.key in self._live:
                    self._handle(event)
        return False

    def forget_checkpoints(self, kept: Sequence[Run] = ()) -> None:
        """Removes those of all runs but some, and the folder for them if none is left."""
        folder = self.folder / FINALS / CHECKPOINTS
        keys = {run.key for run in kept}
        for path in folder.glob("*.pt*"):
            if path.name.partition(".")[0] not in keys:
                path.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def forget_weights(self, runs: Sequence[Run], kept: Run | None) -> None:
        """Removes those of all of the runs but one."""
        file = None if kept is None else kept_weights(self.folder, kept.candidate.document)
        for run in runs:
            if (path := kept_weights(self.folder, run.candidate.document)) != file:
                path.unlink(missing_ok=True)

    def _start(self, run: Run) -> bool:
        """Whether there was room."""
        candidate = run.candidate
        attempt = self._again.get(run.id, Attempt(self.needs.of(candidate.cost)))
        if not self.pool.room(attempt.need):
            return False
        key, self._started = self._started, self._started + 1
        job = self.job(candidate.document, self._checkpoint(run), attempt)
        limit = None if job.latency_limit is None else math.inf  # measured, and never refused
        weights = self.folder / FINALS / WEIGHTS if run.join else None
        if run.purpose == FINAL and not run.test:
            weights = kept_weights(self.folder, candidate.document)
        job = replace(job, latency_limit=limit, test=run.test, join=run.join, weights=weights, start=run.start)
        self.pool.start(key, job, self.folder / FINALS / LOGS / f"{run.file}.log", attempt.need)
        self._live[key] = (run, attempt)
        cost = candidate.cost
        self._progress.running[key] = Running(
            key, candidate.training.epochs, cost.parameters, cost.macs, self.pool.clock()
        )
        return True

    def _handle(self, event: Event) -> None:
        run, attempt = self._live[event.key]
        if isinstance(event, Report):
            running = self._progress.running[event.key]
            running.epoch, running.value = event.step + 1, event.metrics[METRIC]
            halt = self.halts and self.stopping() > Stop.NO
            self.pool.answer(event.key, Answer.HALT if halt else Answer.GO_ON)
            return
        del self._live[event.key], self._progress.running[event.key]
        match event:
            case Done(result=Result(halted=True)):
                pass  # it goes on from its checkpoint
            case Done(result=Result(test=dict() as test)):
                self.tested[run.key] = test
                files.record_test_read(self.folder, run.candidate.digest, f"{run.label}, run {run.key}", test)
                self._tell(run, f"{test_accuracy(test):.4f}")
            case Done(result=result):
                self._finish(run, result)
            case Failed(reason=reason, kind=kind) if is_out_of_memory(kind, reason):
                again = after_memory(attempt, run.candidate.training.batch_size)
                self._try_again(run, again, "out of memory")
            case Failed(reason=reason, kind=kind) if kind in (*START_ANEW, *LOST):
                if kind in START_ANEW:
                    self._checkpoint(run).unlink(missing_ok=True)
                self._try_again(run, after_death(attempt, self.retries), reason)
            case Failed(reason=reason) if os.strerror(errno.ENOSPC) in reason:
                raise OSError(errno.ENOSPC, reason)
            case Failed(reason=reason):
                self._fail(run, reason)
            case Died(how=how, over_time=True):
                self._fail(run, f"its process was ended: {how}")
            case Died(how=how):
                self._try_again(run, after_death(attempt, self.retries), f"its process died: {how}")

    def _try_again(self, run: Run, attempt: Attempt | None, why: str) -> None:
        if attempt is None:
            self._fail(run, why)
        else:
            self._again[run.id] = attempt
            self._tell(run, f"{why} (retried)")

    def _finish(self, run: Run, result: Result) -> None:
        outcome = Trained(
            **_facts(run),
            state=states.COMPLETE,
            value=None if run.join else result.value,  # of images that it was trained on
            epochs=result.epochs,
            seconds=round(result.seconds, 3),
            device=result.device,
            devices=result.devices,
            threads=result.threads,
            micro_batch=result.micro_batch,
            latency=None if result.latency is None else 1000 * result.latency.median,
            versions=result.versions,
        )
        self._record(outcome)
        said = f"weights in {FINALS}/{WEIGHTS}" if run.join else f"{METRIC} {result.value:.4f}"
        self._tell(run, f"{said} in {duration(result.seconds)}")

    def _fail(self, run: Run, reason: str) -> None:
        reason = f"{reason} (see {FINALS}/{LOGS}/{run.file}.log)"
        if run.test:
            self.tested[run.key] = {}  # for this time: the next one tries again
        else:
            self._record(Trained(**_facts(run), state=states.FAILED, reason=reason))
            self._checkpoint(run).unlink(missing_ok=True)
        self._tell(run, f"failed: {reason}")

    def _record(self, trained: Trained) -> None:
        self.trained[trained.key] = trained
        files.write_atomically(self.folder / files.FINALS_TABLE, table(list(self.trained.values())))

    def _tell(self, run: Run, said: str) -> None:
        self.display.say(f"finals: {run.label}: {said}")

    def _checkpoint(self, run: Run) -> Path:
        return self.folder / FINALS / CHECKPOINTS / f"{run.key}.pt"


def test_accuracy(test: Metrics) -> float:
    return next(value for name, value in test.items() if name.endswith("accuracy"))


def _facts(run: Run) -> dict[str, Any]:
    training, cost = run.candidate.training, run.candidate.cost
    return {
        "key": run.key,
        "network": run.network,
        "purpose": run.purpose,
        "seed": run.candidate.document["seed"],
        "lr": training.lr,
        "weight_decay": training.weight_decay,
        "parameters": cost.parameters,
        "macs": cost.macs,
    }


def table(rows: Sequence[Trained]) -> str:
    """The rows as CSV; every value as JSON but for texts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([each.name for each in fields(Trained)])
    for row in rows:
        values = [getattr(row, each.name) for each in fields(Trained)]
        writer.writerow([value if isinstance(value, str) else json.dumps(value) for value in values])
    return out.getvalue()


def read_table(folder: Path) -> list[Trained]:
    """What finals.csv of a study's folder holds; nothing if there is none."""
    path = folder / files.FINALS_TABLE
    if not path.exists():
        return []
    texts = {each.name for each in fields(Trained) if each.type is str}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    read: list[dict[str, Any]] = [{k: v if k in texts else json.loads(v) for k, v in row.items()} for row in rows]
    return [Trained(**row) for row in read]
