"""What a driver may train, where several drivers share a study: together they reach exactly the budget."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.study import states
from nas.study.claims import Alone, Claims, is_gone, new_holder
from nas.study.study import IDENTITY, is_shared, trials

GRACE = 60.0
"""Seconds without a sign of life after which a driver's trials are others' to go on with."""

POLL = 2.0
"""Seconds between two looks at what other drivers have done."""

ENDED = "ended"
TWIN_OF = "twin_of"
"""The user attribute of a trial that waits for what comes of its equal, and is never trained itself."""

GROUP = "group"
"""The user attribute of a trial of which only the best of several is trained: the number of the first of them."""


@dataclass
class Ledger:
    """A driver's view of a study, and its part in it; the same for one driver and for several.

    **Exactly the budget.** Trials are numbered in the order in which they are made. A driver makes a trial first and
    looks second, and trains trial n only if the trials before n that are counted, or have not ended, are fewer than
    the budget. Consider the last trial that is counted in the end. All other counted ones come before it, were made
    before its driver looked, and so were counted or had not ended when it looked: they were fewer than the budget.
    So at most the budget is ever counted, whatever the drivers do at the same time, and without a lock. The first
    trial that has not ended may always be trained, so the budget is reached. A trial that came too late is closed as
    `states.SURPLUS`, which is no word of a trial's end: it counts nowhere. It is rare, since a driver that knows of
    as many trials as are wanted makes none. Where of a group of trials at most one is counted (see `GROUP`), read
    "group" for "trial": groups are numbered by their first trials, and one has ended when all of its trials have. A
    driver adds to a group only while another of its trials has not ended.

    **One driver a trial.** Who trains a trial is a claim (see `Claims`), as is who trains a candidate of a key. A
    driver shows that it lives by counting up a claim of its own. Others look at it by their own clocks, so clocks that
    differ or jump do no harm: whoever has not counted for `grace` seconds, has said that it ends, or was a process of
    this machine that is no more, leaves its trials to be taken over, each by one. A driver that was only asleep finds
    its trials lost (`refresh`), and what it would write of them is dropped (`holds`, `end`).
    """

    study: optuna.Study
    budget: int
    claims: Claims
    grace: float = GRACE
    poll: float = POLL
    clock: Callable[[], float] = time.monotonic
    counts: Counter[str] = field(default_factory=Counter)  # by word, of all drivers
    lost: set[int] = field(default_factory=set)  # own trials that another driver has taken over
    _me: str = field(default_factory=new_holder)
    _mine: set[int] = field(default_factory=set)
    _open: dict[int, FrozenTrial] = field(default_factory=dict)  # those that have not ended, by number
    _ended: list[FrozenTrial] = field(default_factory=list)  # since the last refresh
    _counted: dict[int, int] = field(default_factory=dict)  # trials, and their groups
    _screened: set[int] = field(default_factory=set)
    _seen: int = 0  # trials looked at
    _orphans: dict[int, str | None] = field(default_factory=dict)  # trials and their dead drivers
    _signs: dict[str, tuple[str | None, float]] = field(default_factory=dict)  # of life, and since when
    _beats: int = 0
    _beaten: float = 0.0
    _polled: float | None = None

    @property
    def counted(self) -> int:
        return len(self._counted)

    @property
    def wanted(self) -> int:
        """How many trials may be made now; what other drivers' trials come to may make it more."""
        running = {group_of(trial) for trial in self._running if _may_count(trial)}
        return max(0, self.budget - self.counted - len(running))

    @property
    def elsewhere(self) -> int:
        """How many trials run, or wait to be taken over, that are not this driver's."""
        return sum(trial.number not in self._mine for trial in self._running)

    @property
    def _running(self) -> list[FrozenTrial]:
        return [trial for trial in self._open.values() if trial.state == TrialState.RUNNING]

    @property
    def done(self) -> bool:
        return self.counted >= self.budget

    def refresh(self) -> list[FrozenTrial]:
        """The trials of other drivers: those that have ended since the last call, and those that run.

        The first call gives all trials. Call it every few seconds at least, for it is the sign of life too; it does
        nothing if the last call was a moment ago.
        """
        now = self.clock()
        if self._polled is not None and now - self._polled < self.poll:
            return []
        self._polled = now
        self._beat(now)
        self._read()
        self._watch(now)
        ended, self._ended = self._ended, []
        return ended + [trial for number, trial in self._open.items() if number not in self._mine]

    def ask(self, group: int | None = None) -> Trial | None:
        """A new trial of this driver's, in a group of its own or one that is there; None if there is none to be made
        after all."""
        trial = self.study.ask()
        if not self.claims.take(_trial(trial.number), self._me):  # it has slept, and was taken for dead
            return None
        self._mine.add(trial.number)
        if group is not None:
            trial.set_user_attr(GROUP, group)
        self._read()
        if self.may_train(trial.number):
            return trial
        self.end(trial, states.SURPLUS)
        return None

    def adopt(self, group: int | None = None) -> FrozenTrial | None:
        """A trial that a dead driver has left, now this driver's; None if there is none that may be trained.

        One of which nothing is known joins this group: its driver died before it could say which group it is of. One
        with `TWIN_OF` among its attributes is to be ended as what it is, not to be trained: other drivers do not reckon
        with it.
        """
        for number, dead in sorted(self._orphans.items()):
            silent = number in self._open and not self._open[number].user_attrs
            own = group if silent and group is not None and group < number else number
            if self.may_train(own) and self.claims.take(_trial(number), self._me, dead):
                self._read()
                if number in self._open:  # it had not ended meanwhile
                    if own != number:
                        self.study._storage.set_trial_user_attr(self._open[number]._trial_id, GROUP, own)
                        self._read()
                    self._orphans.pop(number, None)
                    self._mine.add(number)
                    self.lost.discard(number)
                    return self._open[number]
        return None

    def may_train(self, number: int) -> bool:
        """Whether a trial that has not ended may count, or another of its group."""
        trial = self._open.get(number)
        group = number if trial is None else group_of(trial)
        counted = sum(other < group for other in self._counted.values())
        others = {group_of(trial) for trial in self._open.values() if _may_count(trial)}
        return counted + sum(other < group for other in others) < self.budget

    def claim(self, key: str, number: int) -> int:
        """The trial that has the candidates of this key: `number`, unless another was first, and was not screened
        out."""
        name = f"key/{key}"
        if self.claims.take(name, str(number)):
            return number
        first = int(self.claims.holders([name])[name])
        if first in self._screened and self.claims.take(name, str(number), str(first)):
            return number
        return first

    def holds(self, number: int) -> bool:
        """Whether a trial is this driver's still."""
        name = _trial(number)
        return self.claims.holders([name]).get(name) == self._me

    def end(
        self, trial: Trial, word: str, *, values: Sequence[float] | None = None, told: TrialState | None = None
    ) -> bool:
        """Ends a trial of this driver's, of which Optuna is `told` (None: what goes with the word); False, and nothing
        is changed, if it is another's by now."""
        number = trial.number
        held = self.holds(number)
        self._mine.discard(number)
        if held:
            trial.set_user_attr(states.STATE, word)
            self.study.tell(trial, values, state=states.TOLD[word] if told is None else told)
            self._close(number, None if word == states.SURPLUS else word, group_of(trial))
        return held

    def close(self) -> None:
        """Says that this driver ends, so that others take its trials over at once."""
        self.claims.take(_driver(self._me), ENDED, str(self._beats))

    def _beat(self, now: float) -> None:
        if self._beats and now - self._beaten < self.grace / 6:
            return
        before = str(self._beats) if self._beats else None
        self._beats, self._beaten = self._beats + 1, now
        self.claims.take(_driver(self._me), str(self._beats), before)

    def _read(self) -> None:
        """Takes in what has changed, looking only at what had not ended before."""
        there = trials(self.study)
        for number in [*self._open, *range(self._seen, len(there))]:
            trial = there[number]
            if not trial.state.is_finished():
                self._open[number] = trial
                continue
            self._close(number, states.word(trial), group_of(trial))
            if number in self._mine:
                self._mine.remove(number)
                self.lost.add(number)
            self._ended.append(trial)
        self._seen = len(there)

    def _close(self, number: int, word: str | None, group: int) -> None:
        self._open.pop(number, None)
        self._orphans.pop(number, None)
        if word is not None:
            self.counts[word] += 1
        if word in states.COUNTED:
            self._counted[number] = group
        elif word == states.SCREENED:
            self._screened.add(number)

    def _watch(self, now: float) -> None:
        """Looks who trains what has not ended, and who of them is dead."""
        running = [trial.number for trial in self._running]
        holders = self.claims.holders(map(_trial, running))
        drivers = {holder for holder in holders.values() if holder != self._me}
        beats = self.claims.holders(map(_driver, drivers))
        dead = {name for name in drivers if self._is_dead(name, beats.get(_driver(name)), now)}
        self._orphans = {}
        for number in running:
            holder = holders.get(_trial(number))
            if holder in dead or (holder is None and self._is_still(_trial(number), None, now)):
                self._orphans[number] = holder
            if number in self._mine and holder != self._me:
                self._mine.remove(number)
                self.lost.add(number)

    def _is_dead(self, driver: str, beat: str | None, now: float) -> bool:
        return self._is_still(_driver(driver), beat, now) or beat == ENDED or is_gone(driver)

    def _is_still(self, name: str, sign: str | None, now: float) -> bool:
        """Whether there has been no other sign for as long as makes one dead."""
        if name not in self._signs or self._signs[name][0] != sign:
            self._signs[name] = (sign, now)
        return now - self._signs[name][1] >= self.grace


def open_ledger(study: optuna.Study, budget: int, grace: float = GRACE, poll: float = POLL) -> Ledger:
    """Of a study in a database, which it shares with other drivers; or in a journal, whose folder is held by one, so
    that whatever runs there was left by a dead one."""
    if not is_shared(study):
        return Ledger(study, budget, Alone(), grace=0.0, poll=math.inf)
    from nas.study.database import Shared  # what it needs takes time to import

    return Ledger(study, budget, Shared(study, study.user_attrs[IDENTITY]), grace, poll)


def group_of(trial: FrozenTrial | Trial) -> int:
    """The number of the first trial of its group; most are a group of their own."""
    return int(trial.user_attrs.get(GROUP, trial.number))


def _may_count(trial: FrozenTrial) -> bool:
    return TWIN_OF not in trial.user_attrs


def _trial(number: int) -> str:
    return f"trial/{number}"


def _driver(name: str) -> str:
    return f"driver/{name}"
