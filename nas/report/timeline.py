"""When candidates were in training, in which slot, and how busy the slots were; pauses between runs are left out."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from optuna.trial import FrozenTrial, TrialState

from nas.report.reading import StudyRecord
from nas.study import states
from nas.study.ledger import TWIN_OF

SHORTEST = 1.0
"""Seconds that a rejected candidate must have taken to have been on a device: out of memory, or too slow."""

OVERLAP = 0.5
"""Seconds that a candidate may be asked for before the one in whose slot it trains is told."""

INTERRUPTED, RUNNING = "interrupted", "running"


@dataclass(frozen=True)
class Stay:
    """A candidate in a slot, from `begin` to `end` in seconds of search."""

    number: int
    state: str
    slot: int
    begin: float
    end: float


@dataclass(frozen=True)
class Clock:
    """Seconds of search at a moment of the day: since the first run began, without the pauses."""

    starts: tuple[float, ...]
    pauses: tuple[tuple[float, float], ...]

    def __call__(self, moment: float) -> float:
        passed = moment - self.starts[0]
        return passed - sum(max(0.0, min(moment, end) - begin) for begin, end in self.pauses if begin < moment)

    def run_of(self, moment: float) -> float:
        """The start of the run that a moment is in."""
        return max((start for start in self.starts if start <= moment), default=self.starts[0])


@dataclass(frozen=True)
class Timeline:
    """All stays by their begin, the seconds they cover, and the seconds at which later runs began."""

    stays: Sequence[Stay]
    seconds: float
    slots: int
    later_runs: Sequence[float]

    @property
    def utilisation(self) -> float:
        """The share of the slots' time in which a candidate was there, starting and ending included."""
        return self.share(0.0, self.seconds)

    def share(self, begin: float, end: float) -> float:
        """The same between two moments."""
        busy = sum(max(0.0, min(stay.end, end) - max(stay.begin, begin)) for stay in self.stays)
        return min(1.0, busy / (self.slots * (end - begin))) if end > begin else 0.0


def timeline(record: StudyRecord, now: datetime) -> Timeline:
    """Optuna keeps when a trial was asked for and told, in local time; who trained in which slot follows from that.

    A candidate that was interrupted shows from the last run on, in which it ended.
    """
    moments = _moments(record.trials, now if record.running else None)
    starts = [datetime.fromisoformat(str(run["time"])).timestamp() for run in record.runs]
    clock = _clock(starts, sorted(moments), record.config.get("study", {}).get("storage") is not None)
    spans = sorted(_spans(record, clock, now.timestamp() if record.running else max(moments, default=0.0)))
    stays = _in_slots(spans)
    seconds = clock(max(moments)) if moments else 0.0
    slots = max([record.slots, *(stay.slot + 1 for stay in stays)])
    return Timeline(stays, seconds, slots, [clock(start) for start in clock.starts[1:]])


def _moments(trials: Iterable[FrozenTrial], now: datetime | None) -> list[float]:
    found = [each for trial in trials for each in (trial.datetime_start, trial.datetime_complete) if each is not None]
    return [each.timestamp() for each in [*found, *([] if now is None else [now])]]


def _clock(starts: Sequence[float], moments: Sequence[float], shared: bool) -> Clock:
    """Drivers that share a study come and go: what one of them does not see is no pause."""
    first = min([*starts[:1], *moments[:1]], default=0.0)
    if shared:
        return Clock((first,), ())
    pauses = []
    for earlier, start in pairwise(starts):
        before = [moment for moment in moments if moment < start]
        pauses.append((max([earlier, *before]), start))  # nothing may have come of the earlier one
    return Clock((first, *starts[1:]), tuple(pauses))


def _spans(record: StudyRecord, clock: Clock, last: float) -> Iterable[tuple[float, float, int, str]]:
    for trial in record.trials:
        word = states.word(trial)
        if trial.datetime_start is None or TWIN_OF in trial.user_attrs:
            continue
        if word is None and trial.state != TrialState.RUNNING:
            continue
        end = last if trial.datetime_complete is None else trial.datetime_complete.timestamp()
        begin = max(trial.datetime_start.timestamp(), clock.run_of(end))
        rejected = word == states.INFEASIBLE and end - begin >= SHORTEST
        if rejected or word in (None, *states.COUNTED, states.FAILED):
            ongoing = RUNNING if record.running else INTERRUPTED
            yield clock(begin), max(clock(begin), clock(end)), trial.number, word or ongoing


def _in_slots(spans: Sequence[tuple[float, float, int, str]]) -> list[Stay]:
    """Each goes to the slot that has been free for longest."""
    free: list[tuple[float, int]] = []
    stays = []
    for begin, end, number, state in spans:
        slot = heapq.heappop(free)[1] if free and free[0][0] <= begin + OVERLAP else len(free)
        stays.append(Stay(number, state, slot, begin, end))
        heapq.heappush(free, (end, slot))
    return stays
