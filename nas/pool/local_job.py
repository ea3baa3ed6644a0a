"""One job on this machine as its driver sees it: its processes, what they say, and their limits."""

from __future__ import annotations

import math
import pickle
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from nas.pool.events import Died, Failed, Report, class_name
from nas.pool.job import OVER_TIME, Job, Rank
from nas.pool.messages import Outcome


@dataclass(eq=False, kw_only=True)
class Process(Rank):
    """One rank of a job; `number` is its name at the fork server."""

    number: int
    pipe: Connection[Any, Any]
    pid: int | None = None  # None: not forked yet


@dataclass(eq=False, kw_only=True)
class LocalJob(Job[Process]):
    port: int | None  # where ranks meet
    time_limit: float | None  # seconds of its processes; None: no limit
    silence_limit: float | None  # seconds without a report
    started: float = 0.0  # of the processes, not of the request: the server may still be importing
    heard: float = 0.0

    def forked(self, process: Process, pid: int, now: float) -> None:
        """Take in that a process exists."""
        process.pid = pid
        self.started = self.heard = now

    def hear(self, process: Process, now: float) -> Report | None:
        """Take one message from a pipe; gives back a report that the driver is to answer."""
        try:
            message = process.pipe.recv_bytes()
        except (EOFError, OSError):
            process.pipe.close()
            return None
        try:
            heard: Report | Outcome = pickle.loads(message)
        except Exception as error:
            reason = f"its result cannot be read: {error!r}"
            heard = Outcome(Failed(self.key, reason, traceback.format_exc(), class_name(error)), now)
        if isinstance(heard, Outcome):
            self.said(process, heard, now)
            return None
        self.heard = now
        self.asked = True
        return None if self.ending else heard

    def gone(self, process: Process, exit_code: int, how: str, now: float) -> None:
        """Take in that a process has ended."""
        while not process.pipe.closed and process.pipe.poll():
            self.hear(process, now)
        process.pipe.close()
        self.lost(process, Died(self.key, exit_code, how), now)

    def limit(self) -> tuple[float, str]:
        """When the job is over a limit unless it moves, and over which."""
        reached = [(math.inf, "")]
        if self.kill_at == math.inf and all(process.pid for process in self.ranks):
            if self.time_limit is not None:
                reached.append((self.started + self.time_limit, f"{OVER_TIME} of {self.time_limit:g} s"))
            if self.silence_limit is not None and not self.asked:
                reached.append((self.heard + self.silence_limit, f"no progress for {self.silence_limit:g} s"))
        return min(reached)
