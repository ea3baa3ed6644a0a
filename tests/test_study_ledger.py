"""Several drivers on one study: exactly the budget, and one driver a trial."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState

from nas.study import states
from nas.study.claims import Alone, is_gone, new_holder
from nas.study.database import engine_of
from nas.study.ledger import TWIN_OF, Ledger, group_of, open_ledger
from nas.study.study import open_study, trials


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Ledger]]:
    """Makes drivers' ledgers of one study in a database."""
    studies: list[optuna.Study] = []

    def made(budget: int = 3) -> Ledger:
        url = f"sqlite:///{tmp_path / 'study.db'}"
        study = open_study(tmp_path, "shared", {}, RandomSampler(seed=0), NopPruner(), url)
        studies.append(study)
        made = open_ledger(study, budget, grace=60.0, poll=1.0)
        made.clock = clock
        made.refresh()
        return made

    yield made
    for study in studies:
        engine_of(study).dispose()


def asked(ledger: Ledger) -> Trial:
    trial = ledger.ask()
    assert trial is not None
    return trial


def complete(ledger: Ledger, trial: Trial) -> bool:
    return ledger.end(trial, states.COMPLETE, values=[0.5])


def fail(ledger: Ledger, trial: Trial) -> bool:
    return ledger.end(trial, states.FAILED)


def again(clock: Clock, *ledgers: Ledger, seconds: float = 2.0) -> None:
    clock.now += seconds
    for ledger in ledgers:
        ledger.refresh()


def test_a_trial_that_comes_too_late_never_begins_and_counts_nowhere(ledger: Callable[..., Ledger]) -> None:
    one, other = ledger(1), ledger(1)
    assert (one.wanted, other.wanted) == (1, 1)
    first = asked(one)
    assert other.ask() is None
    assert complete(one, first)
    surplus = trials(one.study)[1]
    assert (surplus.state, states.word(surplus)) == (TrialState.FAIL, None)
    assert one.done
    assert one.counts == {states.COMPLETE: 1}


def test_what_fails_elsewhere_is_made_up_for(ledger: Callable[..., Ledger], clock: Clock) -> None:
    one, other = ledger(1), ledger(1)
    trial = asked(one)
    again(clock, other)
    assert (other.wanted, other.elsewhere, other.done) == (0, 1, False)
    fail(one, trial)
    again(clock, other)
    assert (other.wanted, other.elsewhere) == (1, 0)
    assert complete(other, asked(other))
    again(clock, one)
    assert one.done


def test_a_driver_learns_what_others_train_and_what_came_of_it(ledger: Callable[..., Ledger], clock: Clock) -> None:
    one, other = ledger(), ledger()
    trial = asked(one)
    trial.set_user_attr("key", "k")
    clock.now += 2
    assert [(found.number, found.user_attrs["key"]) for found in other.refresh()] == [(0, "k")]
    assert other.refresh() == [], "a moment later"
    complete(one, trial)
    clock.now += 2
    assert [(found.number, states.word(found)) for found in other.refresh()] == [(0, states.COMPLETE)]
    clock.now += 2
    assert other.refresh() == []
    clock.now += 2
    assert one.refresh() == [], "its own are no news"


def test_a_candidate_of_one_key_belongs_to_the_trial_that_claimed_it_first(ledger: Callable[..., Ledger]) -> None:
    one, other = ledger(), ledger()
    assert one.claim("k", 0) == 0
    assert other.claim("k", 1) == 0
    assert one.claim("k", 0) == 0
    assert other.claim("l", 1) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_a_claim_changes_hands_only_from_the_holder_one_has_seen(ledger: Callable[..., Ledger], shared: bool) -> None:
    one = ledger().claims if shared else Alone()
    other = ledger().claims if shared else one
    assert one.take("x", "one")
    assert not other.take("x", "other")
    assert not other.take("x", "other", instead_of="a third")
    assert not other.take("y", "other", instead_of="one"), "nobody holds it"
    assert other.take("x", "other", instead_of="one")
    assert not one.take("x", "one", instead_of="one")
    assert one.holders(["x", "y"]) == {"x": "other"}


def test_the_trials_of_a_driver_without_a_sign_of_life_are_adopted_one_by_one_and_once(
    ledger: Callable[..., Ledger], clock: Clock
) -> None:
    dead, one, other = ledger(), ledger(), ledger()
    begun = [asked(dead).number for _ in range(2)]
    for _ in range(29):
        again(clock, one, other)
    assert (one.adopt(), other.adopt()) == (None, None)
    again(clock, one, other)
    again(clock, one, other)
    adopted = [one.adopt(), other.adopt(), one.adopt(), other.adopt()]
    assert sorted(trial.number for trial in adopted if trial) == begun
    assert (one.elsewhere, other.elsewhere) == (1, 1)


def test_a_driver_that_was_asleep_loses_its_trials_and_spoils_nothing(
    ledger: Callable[..., Ledger], clock: Clock
) -> None:
    asleep, awake = ledger(), ledger()
    two = [asked(asleep), asked(asleep)]
    again(clock, awake)
    again(clock, awake, seconds=61)
    adopted = [awake.adopt(), awake.adopt()]
    assert complete(awake, Trial(awake.study, adopted[0]._trial_id))
    assert not fail(asleep, two[0])
    assert not asleep.holds(1)
    again(clock, asleep)
    assert asleep.lost == {1}
    assert not fail(asleep, two[1])
    assert [states.word(trial) for trial in trials(awake.study)] == [states.COMPLETE, None]
    again(clock, awake, asleep)
    assert asleep.adopt() is None, "the other lives, and holds what it has taken"
    awake.close()
    again(clock, asleep)
    assert asleep.adopt() is not None
    assert asleep.lost == set()


def test_a_living_driver_keeps_its_trials_however_long_they_take(ledger: Callable[..., Ledger], clock: Clock) -> None:
    one, other = ledger(), ledger()
    asked(one)
    for _ in range(8):
        again(clock, one, other, seconds=10)
    assert other.adopt() is None
    assert one.holds(0)


def test_a_dead_driver_is_told_from_one_that_lives(ledger: Callable[..., Ledger], clock: Clock) -> None:
    dead, alive, third = ledger(), ledger(), ledger()
    left = asked(dead).number
    asked(alive)
    for _ in range(7):
        again(clock, alive, third, seconds=10)
    adopted = [third.adopt(), third.adopt()]
    assert [trial and trial.number for trial in adopted] == [left, None]


def test_a_driver_that_ends_leaves_its_trials_at_once(ledger: Callable[..., Ledger], clock: Clock) -> None:
    one, other = ledger(), ledger()
    asked(one)
    one.close()
    again(clock, other)
    assert other.adopt() is not None


def test_a_trial_whose_driver_was_killed_before_it_could_claim_it_is_adopted(
    ledger: Callable[..., Ledger], clock: Clock
) -> None:
    one = ledger()
    one.study.ask()
    again(clock, one)
    assert one.adopt() is None
    again(clock, one, seconds=61)
    adopted = one.adopt()
    assert adopted is not None
    assert complete(one, Trial(one.study, adopted._trial_id))


def test_a_trial_whose_driver_was_killed_before_it_could_name_its_group_joins_the_one_that_is_to_grow(
    ledger: Callable[..., Ledger], clock: Clock
) -> None:
    one = ledger(1)
    first = asked(one)
    silent = one.study.ask()
    again(clock, one)
    again(clock, one, seconds=61)
    assert one.adopt() is None, "a group of its own would come too late"
    adopted = one.adopt(first.number)
    assert adopted is not None
    assert (adopted.number, group_of(adopted)) == (silent.number, first.number)
    assert complete(one, first)
    assert one.counted == 1


def test_a_trial_that_waits_as_a_twin_keeps_nobody_from_training(ledger: Callable[..., Ledger]) -> None:
    one = ledger(2)
    asked(one)
    asked(one).set_user_attr(TWIN_OF, 0)
    one.clock.now += 2  # type: ignore[attr-defined]
    one.refresh()
    assert one.wanted == 1
    assert one.may_train(2)


def test_trials_that_were_enqueued_are_taken_first_and_reckoned_with(ledger: Callable[..., Ledger]) -> None:
    one = ledger(2)
    for number in range(3):
        one.study.enqueue_trial({"x": number})
    again(one.clock, one)  # type: ignore[arg-type]
    assert one.wanted == 2
    assert [asked(one).number, asked(one).number, one.wanted] == [0, 1, 0]


def test_of_a_group_one_trial_is_counted_though_several_run(ledger: Callable[..., Ledger], clock: Clock) -> None:
    one, other = ledger(2), ledger(2)
    first = asked(one)
    second = one.ask(first.number)
    assert second is not None
    assert (group_of(first), group_of(second), one.wanted) == (0, 0, 1)
    alone = asked(other)
    assert (alone.number, other.ask()) == (2, None)
    again(clock, one, other)
    assert (one.wanted, other.elsewhere) == (0, 2)
    assert one.end(first, states.SCREENED)
    assert complete(one, second)
    assert complete(other, alone)
    again(clock, one, other)
    assert (one.counted, other.counted, one.done, other.done) == (2, 2, True, True)
    assert other.counts == {states.SCREENED: 1, states.COMPLETE: 2}


def test_what_is_left_of_a_group_that_was_counted_may_be_taken_over_and_ended(
    ledger: Callable[..., Ledger], clock: Clock
) -> None:
    dead, one = ledger(1), ledger(1)
    first = asked(dead)
    second = dead.ask(first.number)
    assert second is not None
    assert complete(dead, second)
    dead.close()
    again(clock, one)
    left = one.adopt()
    assert left is not None
    assert one.end(Trial(one.study, left._trial_id), states.SCREENED)
    assert (one.counted, one.elsewhere) == (1, 0)


def test_a_candidate_that_was_screened_out_may_be_claimed_again(ledger: Callable[..., Ledger], clock: Clock) -> None:
    one, other = ledger(), ledger()
    first = asked(one)
    assert one.claim("k", first.number) == 0
    assert one.end(first, states.SCREENED)
    assert other.claim("k", 1) == 0, "it has not heard of the end"
    again(clock, other)
    assert (other.claim("k", 1), one.claim("k", 2)) == (1, 1)


def test_with_a_journal_whatever_runs_was_left_by_a_dead_driver(tmp_path: Path) -> None:
    def opened() -> Ledger:
        ledger = open_ledger(open_study(tmp_path, "alone", {}, RandomSampler(seed=0), NopPruner()), 2)
        ledger.refresh()
        return ledger

    killed = opened()
    complete(killed, asked(killed))
    asked(killed)
    ledger = opened()
    assert (ledger.counted, ledger.wanted, ledger.elsewhere) == (1, 0, 1)
    adopted = ledger.adopt()
    assert adopted is not None
    assert adopted.number == 1
    assert complete(ledger, Trial(ledger.study, adopted._trial_id))
    assert ledger.done


def test_a_process_of_this_machine_that_is_no_more_is_gone() -> None:
    assert not is_gone(new_holder())
    code = "from nas.study.claims import new_holder; print(new_holder())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(other) == Path("/proc/self/ns/pid").exists()
    host, process, _, random = other.split(":")
    assert not is_gone(f"{host}:{process}:elsewhere:{random}")


@dataclass
class Interrupted(Alone):
    """Lets other drivers do something whenever one takes a claim, as they may between any two of its statements."""

    between: Callable[[], None] = lambda: None

    def take(self, name: str, holder: str, instead_of: str | None = None) -> bool:
        self.between()
        taken = super().take(name, holder, instead_of)
        self.between()
        return taken


@dataclass
class Drivers:
    """Some drivers in one process that ask, end, die and sleep by chance, in the midst of one another's steps."""

    random: Random
    budget: int
    clock: Clock = field(default_factory=Clock)
    claims: Interrupted = field(default_factory=Interrupted)
    ledgers: list[Ledger] = field(default_factory=list)
    live: dict[int, list[Trial]] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)  # in the midst of a step

    def __post_init__(self) -> None:
        self.study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0))
        for index in range(3):
            self.ledgers.append(self.made())
            self.live[index] = []
        self.claims.between = self.step

    def made(self) -> Ledger:
        ledger = Ledger(self.study, self.budget, self.claims, grace=60.0, poll=0.0, clock=self.clock)
        ledger.refresh()
        return ledger

    def step(self) -> None:
        index = self.random.randrange(len(self.ledgers))
        if index in self.busy:
            return
        self.busy.add(index)
        ledger, live = self.ledgers[index], self.live[index]
        match self.random.randrange(10):
            case 0 | 1 | 2 if ledger.wanted and len(live) < 3:
                trial = ledger.ask()
                live.extend([trial] if trial else [])
            case 3 | 4 | 5 if live:
                trial = live.pop(self.random.randrange(len(live)))
                fails = self.random.random() < 0.3
                (fail if fails else complete)(ledger, trial)
            case 6:
                adopted = ledger.adopt()
                live.extend([Trial(self.study, adopted._trial_id)] if adopted else [])
            case 7 | 8:
                self.clock.now += self.random.choice([1.0, 30.0])
                ledger.refresh()
            case 9 if self.random.random() < 0.1:  # killed, and begun anew
                self.live[index] = []
                self.ledgers[index] = self.made()
        self.busy.discard(index)

    def counted(self) -> int:
        return sum(states.word(trial) in states.COUNTED for trial in trials(self.study))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), budget=st.integers(1, 12))
def test_drivers_together_reach_exactly_the_budget_whatever_happens_between_their_steps(seed: int, budget: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    drivers = Drivers(Random(seed), budget)
    for _ in range(6000):
        drivers.step()
        if all(ledger.done for ledger in drivers.ledgers) and not any(drivers.live.values()):
            break
    assert drivers.counted() == budget
    assert all(ledger.counted == budget for ledger in drivers.ledgers)
