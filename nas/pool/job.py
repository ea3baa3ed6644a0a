"""One job as its driver sees it: its processes, what they have said, and what that makes of the job."""

from __future__ import annotations

import math
import pickle
import signal
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from nas.pool.events import Died, Done, Failed, Report, class_name
from nas.pool.messages import Outcome

EXIT_SECONDS = 10.0  # processes get this long to end once the job has its result or has failed
STACKS_SECONDS = 0.5  # and this long to write down where they are when they are ended for a limit
DEATH_SECONDS = 1.0  # where a rank has raised an exception because another has died, that death is known by then

OVER_TIME = "over its time limit"


@dataclass(eq=False)
class Process:
    """One rank of a job; `number` is its name at the fork server."""

    number: int
    rank: int
    pipe: Connection[Any, Any]
    pid: int | None = None  # None: not forked yet
    outcome: Outcome | None = None
    killed: bool = False  # the server has been told to
    ended: bool = False


@dataclass(eq=False)
class Job:
    """The job `key`: one process, or a group of ranks that is ended together."""

    key: int
    processes: list[Process]
    port: int | None  # where ranks meet
    time_limit: float | None = None  # seconds of its processes; None: no limit
    silence_limit: float | None = None  # seconds without a report
    started: float = 0.0  # of the processes, not of the request: the server may still be importing
    heard: float = 0.0
    asked: bool = False  # a report waits for its answer
    ending: str = ""  # why the pool ends it
    cut: float = math.inf  # when the pool decided that: an exception raised later follows from it
    kill_at: float = math.inf  # when every process that is left is killed
    kill_waiting_at: float = math.inf  # when those without an outcome are: they may wait for a lost rank for ever
    died: Died | None = None  # of the first process that ended by itself and without an outcome

    def forked(self, process: Process, pid: int, now: float) -> None:
        """Take in that a process exists."""
        process.pid = pid
        self.started = self.heard = now

    def hear(self, process: Process, now: float) -> Report | None:
        """Take one message from a pipe; outcomes are kept until all processes have ended."""
        try:
            message = process.pipe.recv_bytes()
        except (EOFError, OSError):
            process.pipe.close()
            return None
        try:
            said: Report | Outcome = pickle.loads(message)
        except Exception as error:
            reason = f"its result cannot be read: {error!r}"
            said = Outcome(Failed(self.key, reason, traceback.format_exc(), class_name(error)), now)
        match said:
            case Report():
                self.heard = now
                self.asked = True
                return None if self.ending else said
            case Outcome(event):
                process.outcome = said
                if process.rank == 0 or isinstance(event, Failed):
                    self.kill_at = min(self.kill_at, now + EXIT_SECONDS)
                if isinstance(event, Failed):
                    self.kill_waiting_at = min(self.kill_waiting_at, now + DEATH_SECONDS)
        return None

    def end(self, why: str, now: float, grace: float = 0.0) -> None:
        """Decide to kill what is left of the job after `grace` seconds."""
        if not self.ending:
            self.ending, self.cut = why, now
        self.kill_at = min(self.kill_at, now + grace)

    def lost(self, process: Process, exit_code: int, how: str, now: float) -> None:
        """Take in that a process has ended."""
        while not process.pipe.closed and process.pipe.poll():
            self.hear(process, now)
        process.pipe.close()
        process.ended = True
        if not (process.outcome or process.killed or self.ending or self.died):
            self.died = Died(self.key, exit_code, self._of(process) + how)
            self.kill_at = min(self.kill_at, now + EXIT_SECONDS)
            self.kill_waiting_at = now

    def doomed(self, now: float) -> list[Process]:
        """The processes to be killed now."""
        return [process for process in self._left() if now >= self._kill_at(process)]

    def limit(self) -> tuple[float, str]:
        """When the job is over a limit unless it moves, and over which."""
        reached = [(math.inf, "")]
        if self.kill_at == math.inf and all(process.pid for process in self.processes):
            if self.time_limit is not None:
                reached.append((self.started + self.time_limit, f"{OVER_TIME} of {self.time_limit:g} s"))
            if self.silence_limit is not None and not self.asked:
                reached.append((self.heard + self.silence_limit, f"no progress for {self.silence_limit:g} s"))
        return min(reached)

    def moment(self) -> float:
        """When something is to be done even if nothing is heard."""
        return min([self.limit()[0], *(self._kill_at(process) for process in self._left())])

    def verdict(self) -> Done | Failed | Died:
        """What came of the job, once all its processes have ended.

        Rank 0's result counts whatever happened to others after it. A death comes before exceptions, which the other
        ranks raise when they miss the dead one; of exceptions the first was raised by itself, the others follow.
        """
        match self.processes[0].outcome:
            case Outcome(Done() as done):
                return done
        if self.died is not None:
            return self.died
        raised = [failure for failure in self._failures() if failure[0] <= self.cut]
        if raised:
            _, process, failed = min(raised, key=lambda failure: failure[0])
            return replace(failed, reason=self._of(process) + failed.reason)
        return Died(self.key, -signal.SIGKILL, self.ending, self.ending.startswith(OVER_TIME))

    def _left(self) -> list[Process]:
        return [process for process in self.processes if not (process.ended or process.killed)]

    def _kill_at(self, process: Process) -> float:
        return min(self.kill_at, self.kill_waiting_at) if process.outcome is None else self.kill_at

    def _failures(self) -> list[tuple[float, Process, Failed]]:
        """Exceptions, each with the moment at which it was raised and who did."""
        found = []
        for process in self.processes:
            match process.outcome:
                case Outcome(Failed() as failed, moment):
                    found.append((moment, process, failed))
        return found

    def _of(self, process: Process) -> str:
        return f"rank {process.rank}: " if len(self.processes) > 1 else ""
