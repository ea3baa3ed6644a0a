"""Trains documents in a pool, each once, whatever interrupts it: what has ended is written to a table as it comes."""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nas.pool import Died, Done, Event, Failed, Report
from nas.search.attempts import Attempt, Setback, setback
from nas.search.display import duration, number_of
from nas.search.driver import Driver, Stop
from nas.search.progress import Progress, Running
from nas.search.proposal import Candidate
from nas.study import files, states
from nas.study.kept import kept_weights
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

    @property
    def how(self) -> str:
        """What it ran on, and how many images a device took at a time if not its share of a batch; empty if it
        failed."""
        if not self.device:
            return ""
        pieces = "" if self.micro_batch is None else f", {self.micro_batch} images at a time"
        return f"{self.devices} {self.device} with {number_of(self.threads, 'thread')} each{pieces}"


@dataclass
class Trainings:
    """What is trained after the search of `driver`, in its folder and its pool.

    Results are in finals.csv, those on the test split in test_reads.csv, and no run that is in them is started again.
    """

    driver: Driver
    trained: dict[str, Trained] = field(init=False)
    tested: dict[str, Metrics] = field(init=False)
    _progress: Progress = field(init=False)
    _live: dict[int, tuple[Run, Attempt]] = field(default_factory=dict)
    _again: dict[tuple[str, bool], Attempt] = field(default_factory=dict)  # of runs to be tried once more, by id
    _started: int = 0

    def __post_init__(self) -> None:
        self.trained = {each.key: each for each in read_table(self.driver.folder)}
        reads = [(source.rpartition(" ")[2], result) for source, result in files.test_reads(self.driver.folder)]
        self.tested = {key: result for key, result in reads if key in self.trained}
        pool = self.driver.pool
        self._progress = Progress(f"{self.driver.study.study_name}: finals", 0, pool.slots, pool.clock())

    def run(self, runs: Sequence[Run]) -> bool:
        """Trains those of the runs that have not been; False if it is to stop before that.

        Raises:
            OSError: the disk is full. The same call goes on when there is space.
        """
        wanted: dict[tuple[str, bool], Run] = {}
        for run in runs:
            wanted.setdefault(run.id, run)  # two searches may have found the same: it is the first one's
        pool = self.driver.pool
        while (stop := self.driver.stopping()) < Stop.NOW:
            left = [run for run in wanted.values() if run.key not in (self.tested if run.test else self.trained)]
            done = len(self.trained) + len(self.tested)
            self._progress.trials, self._progress.counts[states.COMPLETE] = done + len(left), done
            busy = {run.id for run, _ in self._live.values()}
            for run in left:
                if stop > Stop.NO or (run.id not in busy and not self._start(run)):
                    break
            self._progress.now = pool.clock()
            self.driver.display.show(self._progress)
            if not self._live:
                return not left
            for event in pool.wait(0.25):
                if event.key in self._live:
                    self._handle(event)
        return False

    def forget_checkpoints(self, kept: Sequence[Run] = ()) -> None:
        """Removes those of all runs but some, and the folder for them if none is left."""
        folder = self._folder / files.CHECKPOINTS
        keys = {run.key for run in kept}
        for path in folder.glob("*.pt*"):
            if path.name.partition(".")[0] not in keys:
                path.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def forget_weights(self, runs: Sequence[Run], kept: Run | None) -> None:
        """Removes those of all of the runs but one."""
        for path in {self._weights(run) for run in runs} - ({self._weights(kept)} if kept else set()):
            path.unlink(missing_ok=True)

    def _start(self, run: Run) -> bool:
        """Whether there was room."""
        driver, candidate, cost = self.driver, run.candidate, run.candidate.cost
        attempt = self._again.get(run.id, Attempt(driver.needs.of(cost)))
        if not driver.pool.room(attempt.need):
            return False
        key, self._started = self._started, self._started + 1
        job = driver.job(
            document=candidate.document,
            checkpoint=self._checkpoint(run),
            devices=attempt.need.devices,
            micro_batch=attempt.micro_batch,
            weights=None if run.test or run.purpose == TUNING else self._weights(run),
            start=run.start,
            join=run.join,
            test=run.test,
        )
        if job.latency_limit is not None:
            job = replace(job, latency_limit=math.inf)  # measured, and never refused
        driver.pool.start(key, job, self._folder / files.LOGS / f"{run.file}.log", attempt.need)
        self._live[key] = (run, attempt)
        epochs, now = candidate.training.epochs, driver.pool.clock()
        self._progress.running[key] = Running(key, epochs, cost.parameters, cost.macs, now)
        return True

    def _handle(self, event: Event) -> None:
        run, attempt = self._live[event.key]
        options = self.driver.options
        if isinstance(event, Report):
            running = self._progress.running[event.key]
            running.epoch, running.value = event.step + 1, event.metrics[METRIC]
            halt = self.driver.stopping() > Stop.NO and options.at_end == "checkpoint"
            self.driver.pool.answer(event.key, Answer.HALT if halt else Answer.GO_ON)
            return
        del self._live[event.key], self._progress.running[event.key]
        match event:
            case Done(result=Result(halted=True)):
                pass  # it goes on from its checkpoint
            case Done(result=Result(test=dict() as test)):
                self.tested[run.key] = test
                source = f"{run.label}, run {run.key}"
                files.record_test_read(self.driver.folder, run.candidate.digest, source, test)
                self._tell(run, f"{test_accuracy(test):.4f}")
            case Done(result=result):
                self._finish(run, result)
            case Failed() | Died():
                self._set_back(run, setback(event, attempt, run.candidate.training.batch_size, options.retries))

    def _set_back(self, run: Run, trouble: Setback) -> None:
        if trouble.anew:
            self._checkpoint(run).unlink(missing_ok=True)
        if trouble.again is None:
            self._fail(run, trouble.why)
        else:
            self._again[run.id] = trouble.again
            self._tell(run, f"{trouble.why} (retried)")

    def _finish(self, run: Run, result: Result) -> None:
        self._record(
            replace(
                _row(run),
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
        )
        said = f"weights in {FINALS}/{WEIGHTS}" if run.join else f"{METRIC} {result.value:.4f}"
        self._tell(run, f"{said} in {duration(result.seconds)}")

    def _fail(self, run: Run, reason: str) -> None:
        reason = f"{reason} (see {FINALS}/{files.LOGS}/{run.file}.log)"
        if run.test:
            self.tested[run.key] = {}  # for this time: the next one tries again
        else:
            self._record(replace(_row(run), reason=reason))
            self._checkpoint(run).unlink(missing_ok=True)
        self._tell(run, f"failed: {reason}")

    def _record(self, trained: Trained) -> None:
        self.trained[trained.key] = trained
        files.write_atomically(self.driver.folder / files.FINALS_TABLE, table(list(self.trained.values())))

    def _tell(self, run: Run, said: str) -> None:
        self.driver.display.say(f"finals: {run.label}: {said}")

    @property
    def _folder(self) -> Path:
        return self.driver.folder / FINALS

    def _checkpoint(self, run: Run) -> Path:
        return self._folder / files.CHECKPOINTS / f"{run.key}.pt"

    def _weights(self, run: Run) -> Path:
        """Where what it has learned is kept."""
        return self._folder / WEIGHTS if run.join else kept_weights(self.driver.folder, run.candidate.document)


def test_accuracy(test: Metrics) -> float:
    return next(value for name, value in test.items() if name.endswith("accuracy"))


def _row(run: Run) -> Trained:
    """As long as it has not come to its end."""
    candidate = run.candidate
    return Trained(
        key=run.key,
        network=run.network,
        purpose=run.purpose,
        seed=candidate.document["seed"],
        lr=candidate.training.lr,
        weight_decay=candidate.training.weight_decay,
        parameters=candidate.cost.parameters,
        macs=candidate.cost.macs,
        state=states.FAILED,
    )


def table(rows: Sequence[Trained]) -> str:
    """The rows as CSV; every value as JSON but for texts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [each.name for each in fields(Trained)]
    writer.writerow(names)
    for row in rows:
        values = [getattr(row, name) for name in names]
        writer.writerow([value if isinstance(value, str) else json.dumps(value) for value in values])
    return out.getvalue()


def read_table(folder: Path) -> list[Trained]:
    """What finals.csv of a study's folder holds; nothing if there is none."""
    texts = {each.name for each in fields(Trained) if each.type is str}
    rows = files.read_rows(folder / files.FINALS_TABLE)
    read: list[dict[str, Any]] = [{k: v if k in texts else json.loads(v) for k, v in row.items()} for row in rows]
    return [Trained(**row) for row in read]
