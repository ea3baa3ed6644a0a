"""Jobs of several ranks: how they find one another, and that they end together whatever one of them does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pool_parts import CORES, PATIENCE, TARGET, alive, events_of, pids_in, run_one, session, wait_until

from nas.pool import Device, Died, Done, Event, Failed, Need, Pool, Report
from nas.pool.ranks import PORTS, free_port, rank_variables

TWO = Need(devices=2)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(TARGET, devices=CORES, threads=1) as pool:
        yield pool


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "0007.log"


def run_two(pool: Pool, log: Path, zero: tuple[str, Any], one: tuple[str, Any], target: str = "connected") -> Event:
    """The last event of a group of two; of `connected` ranks, one whose job is "wait" misses the other."""
    return run_one(pool, log, target, [zero, one], TWO)


def test_ranks_know_their_place_and_where_to_meet(pool: Pool, log: Path) -> None:
    done = run_one(pool, log, "look_around", need=Need(devices=3))
    assert isinstance(done, Done)
    environment = done.result["environment"]
    assert {name: environment[name] for name in ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "MASTER_ADDR")} == {
        "LOCAL_RANK": "0",
        "WORLD_SIZE": "3",
        "NODE_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
    }
    assert int(environment["MASTER_PORT"]) in PORTS


def test_each_rank_has_a_log_and_rank_0_alone_reports_and_has_the_result(pool: Pool, log: Path) -> None:
    pool.start(1, ("by_rank", [("count", 2), ("print_it", "here")]), log, TWO)
    assert events_of(pool) == [
        Report(1, 0, {"step": 0.0, "square": 0.0}),
        Report(1, 1, {"step": 1.0, "square": 1.0}),
        Done(1, (2, 0)),
    ]
    assert log.read_text() == ""
    assert "HERE" in (log.parent / "0007.rank1.log").read_text()


def test_a_report_of_another_rank_is_an_error(pool: Pool, log: Path) -> None:
    event = run_two(pool, log, ("sleep", 60), ("count", 1), "by_rank")
    assert isinstance(event, Failed)
    assert event.reason == "rank 1: RuntimeError: rank 1 has reported; rank 0 does so for all"


def test_a_group_of_two_runs_beside_single_jobs(pool: Pool, tmp_path: Path) -> None:
    pool.start(1, ("count", 1), tmp_path / "1.log")
    pool.start(2, ("by_rank", [("count", 1), ("return_it", 0)]), tmp_path / "2.log", TWO)
    assert not pool.room(TWO)
    pool.start(3, ("count", 1), tmp_path / "3.log")
    assert not pool.room(Need())
    asked: set[int] = set()
    while len(asked) < 3:  # none has been answered: all live
        asked |= {event.key for event in pool.wait(PATIENCE)}
    pool.answer(2, 0)
    while 2 in pool.running:
        pool.wait(PATIENCE)
    assert pool.room(TWO)
    for key in (1, 3):
        pool.answer(key, 0)
    assert sorted(event.key for event in events_of(pool)) == [1, 3]


def test_two_groups_meet_at_two_ports(pool: Pool, tmp_path: Path) -> None:
    for key in (1, 2):
        pool.start(key, ("look_around", None), tmp_path / f"{key}.log", TWO)
    ports = {event.result["environment"]["MASTER_PORT"] for event in events_of(pool) if isinstance(event, Done)}
    assert len(ports) == 2


def test_a_port_is_free_and_of_no_other_group(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port(())
    with socket.create_server(("", 0)) as listener:
        busy = listener.getsockname()[1]
        monkeypatch.setattr("nas.pool.ranks.PORTS", [first, busy])
        assert free_port(()) == first
        monkeypatch.setattr("nas.pool.ranks.PORTS", range(busy, busy + 1))
        with pytest.raises(OSError, match="no free port"):
            free_port(())
        monkeypatch.setattr("nas.pool.ranks.PORTS", range(first, first + 1))
        with pytest.raises(OSError, match="no free port"):
            free_port({first})


def test_gpu_jobs_see_their_own_gpus_alone() -> None:
    gpus = [Device("cuda", "GPU-1"), Device("cuda", "3")]
    assert rank_variables(0, gpus[:1], None) == {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    assert rank_variables(1, gpus, 20001)["CUDA_VISIBLE_DEVICES"] == "GPU-1,3"
    assert rank_variables(1, gpus, 20001)["LOCAL_RANK"] == "1"


@pytest.mark.parametrize("job", [("kill_itself", 9), ("segfault", None), ("leave_at_once", 3)])
@pytest.mark.parametrize("dying", [0, 1])
def test_a_rank_that_dies_is_what_the_group_died_of(pool: Pool, log: Path, job: tuple[str, Any], dying: int) -> None:
    """Though the other rank raises an exception when it misses it."""
    jobs = [("wait", None), ("wait", None)]
    jobs[dying] = job
    event = run_two(pool, log, jobs[0], jobs[1])
    assert isinstance(event, Died)
    codes = {"kill_itself": (-9, "killed by"), "segfault": (-11, "killed by"), "leave_at_once": (3, "ended")}
    code, how = codes[job[0]]
    assert event.exit_code == code
    assert event.how.startswith(f"rank {dying}: {how}")
    assert run_one(pool, log, "return_it", "next") == Done(1, "next")


@pytest.mark.parametrize("raising", [0, 1])
def test_a_rank_that_raises_is_why_the_group_failed(pool: Pool, log: Path, raising: int) -> None:
    """Though the other rank raises too when it misses it."""
    jobs: list[tuple[str, Any]] = [("wait", None), ("wait", None)]
    jobs[raising] = ("fail", "no good")
    event = run_two(pool, log, jobs[0], jobs[1])
    assert isinstance(event, Failed)
    assert event.reason == f"rank {raising}: ValueError: no good"
    assert event.kind == "builtins.ValueError"


def test_ranks_that_wait_for_a_lost_one_without_noticing_are_ended(pool: Pool, log: Path, tmp_path: Path) -> None:
    event = run_two(pool, log, ("hang_in_c", tmp_path / "0"), ("fail", "no good"), "by_rank")
    assert isinstance(event, Failed)
    event = run_two(pool, log, ("hang_deaf", tmp_path / "1"), ("kill_itself", 9), "by_rank")
    assert isinstance(event, Died)
    assert event.how.startswith("rank 1: killed by signal 9")


def test_a_hanging_rank_is_found_by_the_groups_silence_and_its_log_says_where(tmp_path: Path, log: Path) -> None:
    with Pool(TARGET, devices=CORES, threads=1, silence_limit=1.0) as pool:
        event = run_two(pool, log, ("wait", None), ("hang_in_c", tmp_path / "pids"))
        assert event == Died(1, -9, "no progress for 1 s")
        assert "in hang_in_c" in (log.parent / "0007.rank1.log").read_text()
        assert "in connected" in log.read_text()


def test_the_silence_of_other_ranks_means_nothing(tmp_path: Path, log: Path) -> None:
    with Pool(TARGET, devices=CORES, threads=1, silence_limit=20.0, time_limit=1.0) as pool:
        event = run_two(pool, log, ("count", 10**9), ("hang", tmp_path / "pids"), "by_rank")
        assert event == Died(1, -9, "over its time limit of 1 s", over_time=True)


def test_a_stopped_group_is_gone(pool: Pool, log: Path, tmp_path: Path) -> None:
    pool.start(1, ("hang_together", tmp_path / "pids"), log, TWO)
    (zero, _), (one, _) = pids_in(tmp_path / "pids0"), pids_in(tmp_path / "pids1")
    pool.stop(1)
    assert events_of(pool) == [Died(1, -9, "stopped by the driver")]
    assert not alive(zero)
    assert not alive(one)


def test_the_event_comes_when_all_ranks_have_ended(pool: Pool, log: Path) -> None:
    pool.start(1, ("by_rank", [("look_around", None), ("sleep", 0.5)]), log, TWO)
    (done,) = events_of(pool)
    assert isinstance(done, Done)
    assert not session(done.result["parent"]) & {done.result["pid"]}
    assert len(session(done.result["parent"])) == 2  # the server and its guardian


ENDS: list[tuple[str, Any]] = [
    *(("return_it", 1), ("fail", "x"), ("kill_itself", 9), ("leave_at_once", 4), ("sleep", 0.1), ("count", 1)),
]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(st.sampled_from(ENDS), min_size=1, max_size=3), max_size=6))
def test_every_job_ends_once_and_gives_its_devices_back_whatever_its_ranks_do(
    pool: Pool, tmp_path: Path, groups: list[list[tuple[str, Any]]]
) -> None:
    waiting = list(enumerate(groups))
    ends: list[Event] = []
    while waiting or pool.running:
        while waiting and pool.room(Need(devices=len(waiting[0][1]))):
            key, jobs = waiting.pop(0)
            argument = ("by_rank", jobs) if len(jobs) > 1 else jobs[0]
            pool.start(key, argument, tmp_path / f"{key}.log", Need(devices=len(jobs)))
        for event in pool.wait(PATIENCE):
            if isinstance(event, Report):
                pool.answer(event.key, 0)
            else:
                ends.append(event)
                assert event.key not in pool.running
    assert sorted(event.key for event in ends) == list(range(len(groups)))
    for event in ends:
        if len(jobs := groups[event.key]) == 1:
            assert type(event) is {"fail": Failed, "kill_itself": Died, "leave_at_once": Died}.get(jobs[0][0], Done)
    assert pool.room(Need(devices=4))


def test_a_rank_that_stays_after_the_result_is_killed_and_the_result_counts(
    pool: Pool, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.pool.job.EXIT_SECONDS", 0.3)
    assert run_two(pool, log, ("return_it", 5), ("hang_deaf", tmp_path / "pids"), "by_rank") == Done(1, 5)
    assert not alive(pids_in(tmp_path / "pids")[0])


def test_what_another_rank_returns_need_not_travel(pool: Pool, log: Path) -> None:
    assert run_two(pool, log, ("return_it", 5), ("return_a_lambda", None), "by_rank") == Done(1, 5)


def test_a_killed_server_costs_the_whole_group(tmp_path: Path, log: Path) -> None:
    with Pool(TARGET, devices=CORES, threads=1) as pool:
        pool.start(1, ("hang_together", tmp_path / "pids"), log, TWO)
        (zero, server), (one, _) = pids_in(tmp_path / "pids0"), pids_in(tmp_path / "pids1")
        os.kill(server, 9)
        (died,) = pool.wait(PATIENCE)
        assert isinstance(died, Died)
        assert died.how.startswith("its fork server killed by signal 9")
        wait_until(lambda: not alive(zero) and not alive(one))
        assert pool.room(Need(devices=4))
        assert run_two(pool, log, ("return_it", 5), ("return_it", 6), "by_rank") == Done(1, 5)


def test_torchs_ranks_meet_and_a_killed_one_ends_the_group(log: Path) -> None:
    with Pool(TARGET, devices=CORES, threads=1, preload=["torch", "torch.distributed"], time_limit=PATIENCE) as pool:
        pool.start(1, ("reduce", None), log, TWO)
        assert events_of(pool) == [Report(1, 0, {"sum": 3.0}), Done(1, 6.0)]
        for dying in (0, 1):
            event = run_one(pool, log, "reduce", dying, TWO)
            assert isinstance(event, Died)
            assert event.how.startswith(f"rank {dying}: killed by signal 9")
