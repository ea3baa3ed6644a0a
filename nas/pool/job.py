"""What becomes of a job's ranks together: when those that are left are killed, and what comes of the job in the end."""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from nas.pool.events import Died, Done, Failed
from nas.pool.messages import Outcome

EXIT_SECONDS = 10.0  # processes get this long to end once the job has its result or has failed
DEATH_SECONDS = 1.0  # where a rank has raised an exception because another has died, that death is known by then

OVER_TIME = "over its time limit"


@dataclass(eq=False)
class Rank:
    """One process of a job."""

    rank: int
    outcome: Outcome | None = None
    killed: bool = False  # it has been told to end, or will be as soon as it has started
    ended: bool = False


R = TypeVar("R", bound=Rank)


@dataclass(eq=False)
class Job(Generic[R]):
    """The job `key`: one process, or a group of ranks that is ended together."""

    key: int
    ranks: list[R]
    asked: bool = False  # a report waits for its answer
    ending: str = ""  # why the pool ends it
    cut: float = math.inf  # when the pool decided that: an exception raised later follows from it
    kill_at: float = math.inf  # when every rank that is left is killed
    kill_waiting_at: float = math.inf  # when those without an outcome are: they may wait for a lost rank for ever
    died: Died | None = None  # of the first rank that ended by itself and without an outcome

    def said(self, rank: R, outcome: Outcome, now: float) -> None:
        """Take in what came of a rank; it is kept until all have ended."""
        rank.outcome = outcome
        failed = isinstance(outcome.event, Failed)
        if rank.rank == 0 or failed:
            self.kill_at = min(self.kill_at, now + EXIT_SECONDS)
        if failed:
            self.kill_waiting_at = min(self.kill_waiting_at, now + DEATH_SECONDS)

    def lost(self, rank: R, died: Died, now: float) -> None:
        """Take in that a rank has ended; it has `died` if there is no other reason."""
        rank.ended = True
        if not (rank.outcome or rank.killed or self.ending or self.died):
            self.died = replace(died, how=self._of(rank) + died.how)
            self.kill_at = min(self.kill_at, now + EXIT_SECONDS)
            self.kill_waiting_at = now

    def end(self, why: str, now: float, grace: float = 0.0) -> None:
        """Decide to kill what is left of the job after `grace` seconds."""
        if not self.ending:
            self.ending, self.cut = why, now
        self.kill_at = min(self.kill_at, now + grace)

    def doomed(self, now: float) -> list[R]:
        """The ranks to be killed now."""
        return [rank for rank in self._left() if now >= self._kill_at(rank)]

    @property
    def due(self) -> float:
        """When ranks are to be killed even if nothing is heard."""
        return min((self._kill_at(rank) for rank in self._left()), default=math.inf)

    @property
    def over(self) -> bool:
        return all(rank.ended for rank in self.ranks)

    def verdict(self) -> Done | Failed | Died:
        """What came of the job, once it is over.

        Rank 0's result counts whatever happened to others after it. A death comes before exceptions, which the other
        ranks raise when they miss the dead one; of exceptions the first was raised by itself, the others follow.
        """
        match self.ranks[0].outcome:
            case Outcome(Done() as done):
                return done
        if self.died is not None:
            return self.died
        raised = [failure for failure in self._failures() if failure[0] <= self.cut]
        if raised:
            _, rank, failed = min(raised, key=lambda failure: failure[0])
            return replace(failed, reason=self._of(rank) + failed.reason)
        return Died(self.key, -signal.SIGKILL, self.ending, self.ending.startswith(OVER_TIME))

    def _left(self) -> list[R]:
        return [rank for rank in self.ranks if not (rank.ended or rank.killed)]

    def _kill_at(self, rank: R) -> float:
        return min(self.kill_at, self.kill_waiting_at) if rank.outcome is None else self.kill_at

    def _failures(self) -> list[tuple[float, R, Failed]]:
        """Exceptions, each with the moment at which it was raised and who did."""
        found = []
        for rank in self.ranks:
            match rank.outcome:
                case Outcome(Failed() as failed, moment):
                    found.append((moment, rank, failed))
        return found

    def _of(self, rank: R) -> str:
        return f"rank {rank.rank}: " if len(self.ranks) > 1 else ""
