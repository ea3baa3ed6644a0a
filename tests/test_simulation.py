"""Simulated candidates on a virtual clock: what happens, when, on which devices, and how busy they were."""

import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import RandomSampler
from search_parts import ran, tiny_space

from nas.errors import InputError
from nas.pool.devices import CPU, Device
from nas.pool.events import Died, Done, Event, Failed, Need, Report
from nas.pool.slots import Slots
from nas.search.driver import Driver
from nas.search.needs import Needs
from nas.search.samplers import SeededSampler
from nas.study.study import trials
from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Answer
from simulation import Course, Drawn, End, SimulatedPool

LOG = Path("unused.log")


def course(*seconds: float, ends: tuple[End, ...] = ()) -> Course:
    return Course(seconds, tuple({METRIC: epoch / 10} for epoch in range(len(seconds))), ends)


def pool_of(*courses: Course, devices: int = 1) -> SimulatedPool:
    """Key n takes the n-th course."""
    return SimulatedPool(lambda argument, key: courses[key], devices=devices)


def played(
    pool: SimulatedPool,
    count: int,
    need: Callable[[int], Need] = lambda key: Need(),
    answer: Callable[[Report], Answer] = lambda report: Answer.GO_ON,
) -> list[tuple[float, Event]]:
    """Runs jobs 0 to count - 1, first come first served; what happened, and when."""
    events: list[tuple[float, Event]] = []
    waiting = list(range(count))
    while True:
        while waiting and pool.room(need(waiting[0])):
            pool.start(waiting[0], None, LOG, need(waiting.pop(0)))
        told = pool.wait(None)
        if not told:
            return events
        for event in told:
            events.append((pool.clock(), event))
            if isinstance(event, Report):
                pool.answer(event.key, answer(event))


def test_a_candidate_reports_each_epoch_at_its_time_and_then_is_done() -> None:
    events = played(pool_of(course(2.0, 3.0)), 1)
    assert [(moment, type(event)) for moment, event in events] == [(2.0, Report), (5.0, Report), (5.0, Done)]
    assert events[1][1] == Report(0, 1, {METRIC: 0.1})
    result = events[2][1].result
    assert (result.epochs, result.value, result.seconds, result.pruned, result.halted) == (2, 0.1, 5.0, False, False)


def test_events_come_in_the_order_of_their_times_and_together_if_those_are_equal() -> None:
    pool = pool_of(course(5.0), course(2.0), course(2.0), devices=3)
    for key in range(3):
        pool.start(key, None, LOG)
    assert [event.key for event in pool.wait(None)] == [1, 2]
    assert pool.clock() == 2.0
    pool.answer(1, Answer.GO_ON)
    assert [type(event) for event in pool.wait(None)] == [Done]
    assert [event.key for event in pool.wait(None)] == [0]
    assert pool.clock() == 5.0


def test_a_timeout_passes_on_the_virtual_clock() -> None:
    pool = pool_of(course(1.0))
    assert pool.wait(3.0) == []
    assert pool.clock() == 0.0, "nothing runs, so there is nothing to wait for"
    pool.start(0, None, LOG)
    assert pool.wait(0.25) == []
    assert pool.clock() == 0.25
    assert [type(event) for event in pool.wait(10.0)] == [Report]
    assert pool.clock() == 1.0


def test_a_pruned_candidate_ends_with_the_epochs_it_had() -> None:
    events = played(pool_of(course(1.0, 1.0, 1.0)), 1, answer=lambda report: Answer(report.step))
    assert [moment for moment, _ in events] == [1.0, 2.0, 2.0]
    result = events[-1][1].result
    assert result.pruned
    assert result.epochs == 2


def test_a_halted_candidate_goes_on_where_it_was() -> None:
    pool = pool_of(course(1.0, 1.0, 1.0))
    halted = played(pool, 1, answer=lambda report: Answer.HALT)
    assert halted[-1][1].result.halted
    pool.start(0, None, LOG)
    assert [event.step for event in pool.wait(None)] == [1]
    assert pool.clock() == 2.0


def test_a_process_that_dies_is_continued_from_its_last_answered_epoch() -> None:
    pool = pool_of(course(2.0, 2.0, ends=(End(3.0, "killed by signal 9"),)))
    events = played(pool, 1)
    assert [type(event) for _, event in events] == [Report, Died]
    assert events[-1] == (3.0, Died(0, -9, "killed by signal 9"))
    pool.start(0, None, LOG)
    assert pool.wait(None) == [Report(0, 1, {METRIC: 0.1})]
    assert pool.clock() == 5.0


def test_an_exception_is_told_with_its_class() -> None:
    pool = pool_of(course(2.0, ends=(End(1.0, "CUDA out of memory", "torch.OutOfMemoryError"),)))
    [(moment, event)] = played(pool, 1)
    assert isinstance(event, Failed)
    assert (moment, event.kind, event.reason) == (
        1.0,
        "torch.OutOfMemoryError",
        "OutOfMemoryError: CUDA out of memory",
    )


def test_a_stopped_candidate_dies_unless_its_result_came_first() -> None:
    pool = pool_of(course(4.0), course(1.0), devices=2)
    pool.start(0, None, LOG)
    pool.start(1, None, LOG)
    pool.wait(None)
    pool.answer(1, Answer.GO_ON)
    pool.stop(0)
    pool.stop(1)
    assert pool.running == (0, 1)
    assert {event.key: type(event) for event in pool.wait(None)} == {0: Died, 1: Done}
    assert (pool.running, pool.clock(), pool.use.busy) == ((), 1.0, 2.0)
    assert pool.wait(None) == []


def test_misuse_is_refused() -> None:
    pool = pool_of(course(1.0), course(1.0))
    pool.start(0, None, LOG)
    with pytest.raises(ValueError, match="key 0 is running"):
        pool.start(0, None, LOG)
    with pytest.raises(RuntimeError, match="no room"):
        pool.start(1, None, LOG)
    with pytest.raises(ValueError, match="has not asked"):
        pool.answer(0, Answer.GO_ON)
    pool.wait(None)
    with pytest.raises(RuntimeError, match="waits for an answer"):
        pool.wait(None)
    with pytest.raises(InputError, match="devices"):
        pool_of(devices=0)
    with pytest.raises(InputError, match="needs 2, and there are 1"):
        pool.room(Need(2))
    with pytest.raises(ValueError, match="no course"):
        Course((1.0,), ())


def test_a_known_schedule_has_its_exact_utilisation() -> None:
    """Two devices: 0 takes one for 4 s; 1, then 2, the other for 1 s and 2 s; 3 needs both and waits until 4 s."""
    pool = pool_of(course(4.0), course(1.0), course(2.0), course(5.0), devices=2)
    events = played(pool, 4, need=lambda key: Need(devices=2 if key == 3 else 1))
    assert [(moment, event.key) for moment, event in events if isinstance(event, Done)] == [
        (1.0, 1),
        (3.0, 2),
        (4.0, 0),
        (9.0, 3),
    ]
    assert (pool.last_start.seconds, pool.last_start.busy, pool.last_start.share) == (4.0, 7.0, 7 / 8)
    assert (pool.use.seconds, pool.use.busy, pool.use.share) == (9.0, 17.0, 17 / 18)


def test_a_device_that_waits_for_an_answer_is_idle() -> None:
    pool = pool_of(course(1.0, 1.0))
    pool.start(0, None, LOG)
    pool.wait(None)
    assert pool.wait(2.0) == []
    pool.answer(0, Answer.GO_ON)
    pool.wait(None)
    assert (pool.clock(), pool.use.busy) == (4.0, 2.0)


def test_shares_of_a_device_count_as_such() -> None:
    pool = pool_of(course(1.0), course(1.0), course(1.0), devices=1)
    events = played(pool, 3, need=lambda key: Need(share=0.5))
    assert [moment for moment, event in events if isinstance(event, Done)] == [1.0, 1.0, 2.0]
    assert (pool.use.busy, pool.use.share) == (1.5, 0.75)
    assert SimulatedPool(Drawn(0), devices=6, need=Need(share=1 / 3)).slots == 18
    assert SimulatedPool(Drawn(0), devices=6, need=Need(devices=4)).slots == 1


def test_the_drivers_own_time_passes_while_candidates_train() -> None:
    pool = SimulatedPool(lambda argument, key: course(0.01), devices=1, driver_cost=True)
    pool.start(0, None, LOG)
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    assert [type(event) for event in pool.wait(None)] == [Report]
    assert pool.clock() > 0.045
    assert pool.use.busy == pytest.approx(0.01)
    assert pool.driver_seconds > 0.045


needs = st.sampled_from([Need(), Need(2), Need(3), Need(share=0.5), Need(share=1 / 3), Need(share=0.25)])


@given(st.lists(st.tuples(needs, st.floats(0.1, 9.0)), max_size=30), st.integers(3, 5))
def test_devices_are_never_given_twice_and_the_work_done_is_all_the_work(
    jobs: list[tuple[Need, float]], devices: int
) -> None:
    pool = pool_of(*(course(seconds) for _, seconds in jobs), devices=devices)
    events = played(pool, len(jobs), need=lambda key: jobs[key][0])
    assert sum(isinstance(event, Done) for _, event in events) == len(jobs)
    assert [moment for moment, _ in events] == sorted(moment for moment, _ in events)
    work = sum(need.devices * need.share * seconds for need, seconds in jobs)
    assert pool.use.busy == pytest.approx(work)
    assert pool.use.share <= 1.0 + 1e-9


@given(st.lists(st.tuples(st.booleans(), needs), max_size=40))
def test_there_is_room_exactly_where_the_real_pool_has_it(steps: list[tuple[bool, Need]]) -> None:
    pool = SimulatedPool(lambda argument, key: course(1e9), devices=3)
    slots = Slots([Device(CPU, str(number)) for number in range(3)])
    for key, (ends, need) in enumerate(steps):
        if ends and pool.running:
            slots.give_back(pool.running[0])
            pool.stop(pool.running[0])
            pool.wait(None)
        assert pool.room(need) == slots.room(need)
        if pool.room(need):
            pool.start(key, None, LOG, need)
            slots.take(key, need)


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_the_same_candidates_give_the_same_events(seed: int, devices: int) -> None:
    first, second = (played(SimulatedPool(Drawn(seed, epochs=3), devices=devices), 12) for _ in range(2))
    assert first == second


def test_durations_spread_tenfold_and_curves_rise() -> None:
    drawn = Drawn(0, epochs=5, median=10.0)
    courses = [drawn(None, key) for key in range(2000)]
    seconds = sorted(each.seconds[0] for each in courses)
    assert seconds[1900] / seconds[100] == pytest.approx(10.0, rel=0.2)
    assert seconds[1000] == pytest.approx(10.0, rel=0.1)
    means = [sum(each.metrics[epoch][METRIC] for each in courses) / len(courses) for epoch in range(5)]
    assert means == sorted(means)
    assert all(0.0 <= metrics[METRIC] <= 1.0 for each in courses for metrics in each.metrics)
    assert drawn(None, 7) == courses[7]
    assert Drawn(1)(None, 7) != Drawn(0)(None, 7)


def searched(
    simulate: Callable[[object, int], Course],
    folder: Path,
    count: int,
    *,
    devices: int,
    devices_per_candidate: object = 1,
    pruner: BasePruner | None = None,
    **options: object,
) -> tuple[Driver, SimulatedPool]:
    """A search for `count` candidates by the real driver, over a study in memory."""
    need = Needs.from_option(devices_per_candidate).usual
    pool = SimulatedPool(simulate, devices=devices, need=need)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = SeededSampler(RandomSampler, 0)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner or NopPruner())
    running = ran(
        folder,
        count,
        tiny_space(lr={"float": [0.001, 0.1]}),
        devices_per_candidate=devices_per_candidate,
        pool=pool,
        study=study,
        per_architecture=count,
        failures=100,
        **options,
    )
    return running, pool


@pytest.mark.parametrize("devices", [1, 8, 64])
def test_a_simulated_search_reaches_exactly_its_budget_with_every_device_busy(tmp_path: Path, devices: int) -> None:
    driver, pool = searched(Drawn(0, epochs=2), tmp_path, 3 * devices, devices=devices)
    assert driver.progress.counts == {"complete": 3 * devices}
    assert pool.last_start.share > 0.999
    assert not pool.running


@pytest.mark.parametrize("by", ["training", "zen"])
def test_a_simulated_search_screens_its_candidates_in_groups(tmp_path: Path, by: str) -> None:
    def simulate(job: Job, key: int) -> Course:
        whole = job.proxy is None and job.document["training"]["epochs"] > 1
        return course(1.0, 2.0, 3.0) if whole else course(1.0)

    driver, pool = searched(simulate, tmp_path, 12, devices=8, screen={"by": by, "of": 3})
    assert driver.progress.counts == {"complete": 12, "screened": 24}
    assert pool.use.busy == 12 * 6.0 + 36 * 1.0


def test_a_simulated_search_repeats_itself(tmp_path: Path) -> None:
    first, second = (searched(Drawn(3), tmp_path, 30, devices=4, pruner=MedianPruner())[0] for _ in range(2))
    values = [[trial.value for trial in trials(driver.study)] for driver in (first, second)]
    assert values[0] == values[1]
    assert first.progress.counts["pruned"] > 0
    assert first.progress.counted == 30


def test_candidates_that_die_or_raise_cost_themselves_alone(tmp_path: Path) -> None:
    def simulate(argument: object, key: int) -> Course:
        dies = (End(1.0, "killed by signal 9"),) * (key % 4)  # none, one, two or three times in a row
        raises = (End(1.0, "no", "builtins.ValueError"),) if key % 5 == 4 else ()
        return course(2.0, 2.0, ends=raises or dies)

    driver, _ = searched(simulate, tmp_path, 24, devices=3, retries=1)
    failed = {trial.number for trial in trials(driver.study) if trial.user_attrs["state"] == "failed"}
    assert driver.progress.counts["complete"] == 24
    assert failed == {number for number in range(24 + len(failed)) if number % 4 >= 2 or number % 5 == 4}


def test_candidates_of_one_and_of_four_devices_share_them(tmp_path: Path) -> None:
    rules = [{"parameters_above": 100, "devices": 4}, {"devices": 1}]
    driver, pool = searched(Drawn(0, epochs=2), tmp_path, 40, devices=8, devices_per_candidate=rules)
    assert driver.progress.counts["complete"] == 40
    large = [trial for trial in trials(driver.study) if trial.user_attrs["parameters"] > 100]
    assert 0 < len(large) < 40
    work = sum(trial.user_attrs["seconds"] * (4 if trial in large else 1) for trial in trials(driver.study))
    assert pool.use.busy == pytest.approx(work, rel=1e-3)
