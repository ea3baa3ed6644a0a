"""What a job can do, and what its driver hears of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pool_parts import CORES, PATIENCE, TARGET, events_of, run_one

from nas.errors import InputError
from nas.pool import Died, Done, Failed, Need, Pool, PoolError, Report, cores


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(TARGET, devices=CORES[:2], threads=1) as pool:
        yield pool


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "job.log"


def test_a_result_comes_back(pool: Pool, log: Path) -> None:
    assert run_one(pool, log, "return_it", {"a": [1, 2.5, "x"]}) == Done(1, {"a": [1, 2.5, "x"]})


def test_large_arguments_and_results_come_back(pool: Pool, log: Path) -> None:
    value = os.urandom(5_000_000)
    assert run_one(pool, log, "return_it", value) == Done(1, value)


def test_reports_arrive_in_order_as_plain_floats(pool: Pool, log: Path) -> None:
    pool.start(1, ("count", 3), log)
    assert events_of(pool) == [
        *(Report(1, step, {"step": float(step), "square": float(step**2)}) for step in range(3)),
        Done(1, (3, 0)),
    ]


def test_a_report_returns_the_drivers_answer_whatever_it_means(pool: Pool, log: Path) -> None:
    pool.start(1, ("count", 1000), log)
    event = None
    while not isinstance(event, Done):
        (event,) = pool.wait(PATIENCE)
        if isinstance(event, Report):
            pool.answer(1, 2 if event.step == 4 else 0)
    assert event.result == (5, 2)


def test_an_answer_nobody_asked_for_is_refused(pool: Pool, log: Path) -> None:
    pool.start(1, ("sleep", 0.1), log)
    with pytest.raises(ValueError, match="has not asked"):
        pool.answer(1, 0)
    with pytest.raises(KeyError):
        pool.answer(2, 0)
    events_of(pool)


def test_an_answer_to_a_job_that_has_died_meanwhile_is_lost_quietly(pool: Pool, log: Path) -> None:
    pool.start(1, ("count", 2), log)
    (report,) = pool.wait(PATIENCE)
    assert isinstance(report, Report)
    pool.stop(1)
    time.sleep(0.1)
    pool.answer(1, 0)
    assert isinstance(events_of(pool)[-1], Died)


def test_an_exception_comes_back_with_one_line_and_its_traceback(pool: Pool, log: Path) -> None:
    event = run_one(pool, log, "fail", "no such\nthing")
    assert isinstance(event, Failed)
    assert event.reason == "ValueError: no such thing"
    assert event.kind == "builtins.ValueError"
    assert "in fail\n" in event.traceback
    assert "ValueError: no such\nthing" in log.read_text()


def test_sys_exit_is_a_failure_and_not_a_result(pool: Pool, log: Path) -> None:
    event = run_one(pool, log, "leave", 3)
    assert isinstance(event, Failed)
    assert event.reason == "SystemExit: 3"


@pytest.mark.parametrize(
    ("name", "value", "exit_code", "how"),
    [
        ("kill_itself", 9, -9, "killed by signal 9 (SIGKILL"),
        ("kill_itself", 15, -15, "killed by signal 15 (SIGTERM)"),
        ("segfault", None, -11, "killed by signal 11 (SIGSEGV)"),
        ("leave_at_once", 139, 139, "ended with exit code 139 and without a result"),
        ("leave_at_once", 0, 0, "ended with exit code 0 and without a result"),
    ],
)
def test_a_process_that_ends_without_result_has_died(
    pool: Pool, log: Path, name: str, value: Any, exit_code: int, how: str
) -> None:
    event = run_one(pool, log, name, value)
    assert isinstance(event, Died)
    assert event.exit_code == exit_code
    assert event.how.startswith(how)
    assert run_one(pool, log, "return_it", "next") == Done(1, "next")


def test_a_segfault_leaves_its_python_stack_in_the_log(pool: Pool, log: Path) -> None:
    run_one(pool, log, "segfault")
    assert "in segfault" in log.read_text()


def test_a_crash_after_the_result_does_not_lose_it(pool: Pool, log: Path) -> None:
    assert run_one(pool, log, "crash_while_ending", "kept") == Done(1, "kept")


def test_results_that_cannot_travel_are_failures(pool: Pool, log: Path) -> None:
    unpicklable = run_one(pool, log, "return_a_lambda")
    assert isinstance(unpicklable, Failed)
    assert unpicklable.reason.startswith("TypeError: the result, a function, cannot be sent to the driver")
    unreadable = run_one(pool, log, "return_unreadable")
    assert isinstance(unreadable, Failed)
    assert "cannot be loaded" in unreadable.reason


def test_each_job_writes_to_its_own_log(pool: Pool, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for key, word in ((1, "one"), (2, "two")):
        pool.start(key, ("print_it", word), tmp_path / f"{word}.log")
    events_of(pool)
    for word in ("one", "two"):
        assert (tmp_path / f"{word}.log").read_text().splitlines() == [
            word,
            word.upper(),
            f"{word} from a subprocess",
        ]
    assert capfd.readouterr() == ("", "")


def test_a_log_is_continued_when_a_key_runs_again(pool: Pool, log: Path) -> None:
    run_one(pool, log, "print_it", "first")
    run_one(pool, log, "print_it", "second")
    assert [line for line in log.read_text().splitlines() if "from" not in line] == [
        "first",
        "FIRST",
        "second",
        "SECOND",
    ]


def test_the_child_sees_environment_and_directory_of_the_moment(
    pool: Pool, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_TEST_LATE", "driver")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.chdir(tmp_path)
    done = run_one(pool, log, "look_around")
    assert isinstance(done, Done)
    environment = done.result["environment"]
    assert environment["POOL_TEST_LATE"] == "driver"
    assert environment.keys().isdisjoint({"CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT"})
    assert environment["OMP_NUM_THREADS"] == "1"
    assert done.result["directory"] == str(tmp_path)
    assert done.result["threads"] == 1


def test_loader_workers_would_be_forked(pool: Pool, log: Path) -> None:
    done = run_one(pool, log, "look_around")
    assert isinstance(done, Done)
    assert done.result["start method"] == "fork"


def test_devices_bound_the_jobs(pool: Pool, log: Path) -> None:
    assert (pool.slots, pool.room(Need()), pool.running) == (2, True, ())
    pool.start(7, ("sleep", 0.1), log)
    with pytest.raises(ValueError, match="key 7 is running"):
        pool.start(7, ("sleep", 0.1), log)
    pool.start(3, ("sleep", 0.1), log)
    assert (pool.room(Need()), pool.running) == (False, (7, 3))
    with pytest.raises(RuntimeError, match="no room for job 4: 2 jobs are running"):
        pool.start(4, ("sleep", 0.1), log)
    assert {event.key for event in events_of(pool)} == {3, 7}
    assert pool.room(Need(devices=2))


def test_two_jobs_run_at_once(pool: Pool, tmp_path: Path) -> None:
    for key in (1, 2):
        pool.start(key, ("count", 1), tmp_path / "log")
    asked: set[int] = set()
    while len(asked) < 2:  # neither has been answered: both live
        asked |= {event.key for event in pool.wait(PATIENCE)}
    for key in (1, 2):
        pool.answer(key, 0)
    assert sorted(event.key for event in events_of(pool)) == [1, 2]


def test_a_stopped_job_is_gone_and_the_others_go_on(pool: Pool, log: Path) -> None:
    pool.start(1, ("sleep", 60), log)
    pool.start(2, ("count", 2), log)
    pool.stop(1)
    events = events_of(pool)
    assert Died(1, -9, "stopped by the driver") in events
    assert Done(2, (2, 0)) in events


def test_waiting_ends_without_events_on_timeout_and_when_nothing_runs(pool: Pool, log: Path) -> None:
    assert pool.wait(None) == []
    pool.start(1, ("sleep", 60), log)
    assert pool.wait(0) == []
    assert pool.wait(0.05) == []
    pool.stop(1)
    events_of(pool)


def test_a_silent_job_is_killed_and_its_log_says_where_it_hung(tmp_path: Path, log: Path) -> None:
    with Pool(TARGET, devices=CORES[:1], threads=1, silence_limit=0.5) as pool:
        event = run_one(pool, log, "hang_in_c", tmp_path / "pids")
        assert event == Died(1, -9, "no progress for 0.5 s")
        assert "in hang_in_c" in log.read_text()


def test_waiting_for_an_answer_is_not_silence(log: Path) -> None:
    with Pool(TARGET, devices=CORES[:1], threads=1, silence_limit=1.0) as pool:
        pool.start(1, ("count", 1), log)
        (report,) = pool.wait(PATIENCE)
        assert isinstance(report, Report)
        assert pool.wait(1.3) == []
        pool.answer(1, 0)
        assert events_of(pool) == [Done(1, (1, 0))]
    assert log.read_text() == ""


def test_a_job_over_its_time_limit_is_killed_though_it_reports(log: Path) -> None:
    with Pool(TARGET, devices=CORES[:1], threads=1, time_limit=0.5) as pool:
        event = run_one(pool, log, "count", 10**9)
        assert event == Died(1, -9, "over its time limit of 0.5 s", over_time=True)


@pytest.mark.parametrize(
    ("function", "preload", "source", "said"),
    [
        (TARGET, ["json", "no_such_module"], "", "no_such_module"),
        (TARGET, ["json", "own_module"], "1 / 0", "ZeroDivisionError"),
        (TARGET, ["own_module"], "import os\nprint('last words')\nos._exit(3)", r"exit code 3(.|\n)*last words"),
        (TARGET, ["own_module"], "from threading import Timer\nTimer(60, print).start()", "not safe to fork"),
        ("pool_targets:no_such_function", [], "", "no_such_function"),
        ("no_such_module:run", [], "", "no_such_module"),
        ("pool_targets", [], "", "pool_targets"),
    ],
)
def test_what_keeps_the_server_from_working_is_loud(
    tmp_path: Path,
    log: Path,
    function: str,
    preload: list[str],
    source: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "own_module.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with Pool(function, devices=CORES[:1], threads=1, preload=preload) as pool:
        pool.start(1, ("return_it", 1), tmp_path / "log")
        with pytest.raises(PoolError, match=said):
            pool.wait(PATIENCE)
        assert pool.running == ()


def test_pools_with_other_preloads_live_side_by_side(pool: Pool, log: Path) -> None:
    assert "wave" not in sys.modules
    with Pool(TARGET, devices=CORES[:1], threads=1, preload=["wave"]) as other:
        with_it, without = (run_one(one, log, "look_around") for one in (other, pool))
    assert isinstance(with_it, Done)
    assert isinstance(without, Done)
    assert "wave" in with_it.result["modules"]
    assert "wave" not in without.result["modules"]


def test_more_candidates_at_once_than_the_devices_hold_are_refused() -> None:
    with pytest.raises(InputError, match=r"pool\.slots: 5 candidates at once on 2 devices, which hold 4"):
        Pool(TARGET, devices=CORES[:2], need=Need(share=0.5), slots=5)
    with pytest.raises(InputError, match=r"pool\.devices_per_candidate: .* on 3 devices together; there are 2"):
        Pool(TARGET, devices=CORES[:2], need=Need(devices=3))


@pytest.mark.parametrize(
    ("need", "slots", "there"),
    [
        (Need(), None, 4),
        (Need(), 3, 3),
        (Need(share=0.5), None, 8),
        (Need(share=0.4), 7, 7),
        (Need(devices=2), None, 2),
    ],
)
def test_slots_are_the_jobs_of_the_usual_need_at_once(need: Need, slots: int | None, there: int) -> None:
    with Pool(TARGET, devices=CORES, need=need, slots=slots) as pool:
        assert pool.slots == there
        assert pool.threads == max(1, cores() // (there * need.devices))


def test_more_jobs_than_slots_never_run_though_devices_be_free(log: Path) -> None:
    with Pool(TARGET, devices=CORES, need=Need(share=0.5), slots=1) as pool:
        pool.start(1, ("sleep", 0.1), log, Need(share=0.5))
        assert not pool.room(Need(share=0.5))


def test_a_need_that_never_fits_is_refused_rather_than_waited_for(pool: Pool) -> None:
    with pytest.raises(InputError, match=r"on 3 devices together; there are 2, of which 2 can be joined"):
        pool.room(Need(devices=3))


def test_a_closed_pool_starts_nothing(log: Path) -> None:
    pool = Pool(TARGET, devices=CORES[:1], threads=1)
    pool.close()
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.start(1, ("return_it", 1), log)
    assert pool.wait() == []
