"""A pool on a Ray cluster of two nodes, which are processes of this machine, and what it makes of a lost one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import search_parts
from pool_parts import PATIENCE, TARGET, alive, events_of, pids_in, run_one, wait_until
from pool_targets import STEPS

from nas.errors import InputError
from nas.pool import Died, Done, Event, Failed, Need, PoolError, Report
from nas.search.driver import Stop
from nas.study import states

if TYPE_CHECKING:
    from nas.pool.ray_pool import RayPool

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")]

SMALL = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
TWO = Need(devices=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a core each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
    cluster.add_node(**SMALL)
    yield cluster
    cluster.shutdown()


def opened(cluster: Any, target: str = TARGET, **options: Any) -> RayPool:
    from nas.pool.ray_pool import RayPool

    return RayPool(target, address=cluster.address, **{"accelerator": "cpu", **options})


@pytest.fixture(scope="module")
def pool(cluster: Any) -> Iterator[RayPool]:
    """Two slots that have imported what a search trains with."""
    with opened(cluster, preload=["nas.training.candidate"], silence_limit=5.0) as pool:
        yield pool


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "0007.log"


def wait_for_room(pool: RayPool, need: Need = TWO) -> None:
    """As `room`, but until the slots are there, though nothing runs."""
    wait_until(lambda: pool.room(need) and len({actor.node for actor in pool._actors} - {""}) == need.devices)


def test_candidates_run_on_both_nodes_and_their_processes_are_reused(pool: RayPool, tmp_path: Path) -> None:
    wait_for_room(pool)
    assert (pool.slots, pool.threads, pool.devices[0].kind) == (2, 1, "cpu")
    servers = []
    for _ in range(2):
        for key in (1, 2):
            assert pool.room(Need())
            pool.start(key, ("look_around", None), tmp_path / f"{key}.log")
        assert not pool.room(Need())
        ended = events_of(pool)
        servers.append({event.result["parent"] for event in ended if isinstance(event, Done)})
    assert len(servers[0]) == 2
    assert servers[0] == servers[1]


def test_a_job_finds_the_drivers_folder_and_modules_and_what_is_preloaded(pool: RayPool, log: Path) -> None:
    done = run_one(pool, log, "look_around")
    assert isinstance(done, Done)
    assert done.result["directory"] == os.getcwd()
    assert done.result["threads"] == 1
    assert done.result["modules"] >= {"torch", "pool_targets"}
    assert "ray" not in done.result["modules"]
    assert run_one(pool, log, "print_it", "one") == Done(1, None)
    assert log.read_text().splitlines()[-3:] == ["one", "ONE", "one from a subprocess"]


def test_reports_are_answered_and_other_ends_told(pool: RayPool, log: Path) -> None:
    pool.start(1, ("count", 1000), log)
    event: Event | None = None
    while not isinstance(event, Done):
        (event,) = pool.wait(PATIENCE)
        if isinstance(event, Report):
            pool.answer(1, 2 if event.step == 4 else 0)
    assert event.result == (5, 2)
    failed = run_one(pool, log, "fail", "no such\nthing")
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.kind) == ("ValueError: no such thing", "builtins.ValueError")
    died = run_one(pool, log, "segfault")
    assert isinstance(died, Died)
    assert died.how == "killed by signal 11 (SIGSEGV)"
    assert isinstance(run_one(pool, log, "hang", log.parent / "pids"), Died)  # too silent
    assert "in hang" in log.read_text()


def test_misuse_is_refused(pool: RayPool, log: Path) -> None:
    with pytest.raises(KeyError):
        pool.answer(1, 0)
    pool.start(1, ("count", 1), log)
    with pytest.raises(ValueError, match="key 1 is running"):
        pool.start(1, ("count", 1), log)
    with pytest.raises(ValueError, match="has not asked"):
        pool.answer(1, 0)
    with pytest.raises(RuntimeError, match="no room for job 2"):
        pool.start(2, ("count", 1), log, TWO)
    with pytest.raises(InputError, match="to train on 3 devices together; the cluster has 2"):
        pool.room(Need(devices=3))
    assert events_of(pool)[-1] == Done(1, (1, 0))


@pytest.mark.parametrize("asked", [False, True])
def test_a_stopped_job_is_gone(pool: RayPool, log: Path, tmp_path: Path, asked: bool) -> None:
    if asked:
        pool.start(1, ("count", 2), log)
        assert pool.wait(PATIENCE) == [Report(1, 0, {"step": 0.0, "square": 0.0})]
        pool.stop(1)
        pool.answer(1, 0)
        assert [event.how for event in events_of(pool) if isinstance(event, Died)] == ["stopped by the driver"]
    else:
        pool.start(1, ("hang", tmp_path / "pids"), log)
        pid, _ = pids_in_of(pool, tmp_path / "pids")
        pool.stop(1)
        assert events_of(pool) == [Died(1, -9, "stopped by the driver")]
        assert not alive(pid)


def pids_in_of(pool: RayPool, path: Path) -> list[int]:
    while not path.exists():
        pool.wait(0.05)
    return pids_in(path)


def test_jobs_with_a_share_have_a_slot_together(pool: RayPool, tmp_path: Path) -> None:
    half = Need(share=0.5)
    for key in range(4):
        pool.start(key, ("count", 1), tmp_path / f"{key}.log", half)
    assert not pool.room(half)
    asked: set[int] = set()
    while len(asked) < 4:  # none has been answered: all live
        asked |= {event.key for event in pool.wait(PATIENCE)}
    for key in range(4):
        pool.answer(key, 0)
    assert {event.key for event in events_of(pool)} == {0, 1, 2, 3}


def test_ranks_over_two_nodes_sum_with_gloo_and_end_together(pool: RayPool, log: Path) -> None:
    pool.start(1, ("reduce", None), log, TWO)
    assert events_of(pool) == [Report(1, 0, {"sum": 3.0}), Done(1, 6.0)]
    for dying in (0, 1):
        event = run_one(pool, log, "reduce", dying, TWO)
        assert isinstance(event, Died)
        assert event.how.startswith(f"rank {dying}: killed by signal 9")


def test_ranks_know_their_place_and_have_logs_of_their_own(pool: RayPool, log: Path) -> None:
    pool.start(1, ("by_rank", [("look_around", None), ("print_it", "here")]), log, TWO)
    (done,) = events_of(pool)
    assert isinstance(done, Done)
    environment = done.result["environment"]
    place = {name: environment[name] for name in ("NODE_RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "WORLD_SIZE")}
    assert place == {"NODE_RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "WORLD_SIZE": "2"}
    assert environment.keys() >= {"MASTER_ADDR", "MASTER_PORT"}
    assert "HERE" in log.with_name("0007.rank1.log").read_text()
    after = run_one(pool, log, "look_around")
    assert isinstance(after, Done)
    assert "WORLD_SIZE" not in after.result["environment"]


def test_a_group_ends_when_a_rank_fails_and_the_silence_of_others_means_nothing(pool: RayPool, log: Path) -> None:
    event = run_one(pool, log, "by_rank", [("sleep", 60), ("fail", "no good")], TWO)
    assert isinstance(event, Failed)
    assert event.reason == "rank 1: ValueError: no good"
    event = run_one(pool, log, "by_rank", [("sleep", 0), ("count", 1)], TWO)
    assert isinstance(event, Done)
    event = run_one(pool, log, "by_rank", [("sleep", 60), ("count", 1)], TWO)
    assert isinstance(event, Failed)
    assert event.reason == "rank 1: RuntimeError: rank 1 has reported; rank 0 does so for all"
    assert run_one(pool, log, "by_rank", [("steps", 1.2), ("sleep", 6)], TWO) == Done(1, STEPS)


def test_torch_trains_one_candidate_on_two_nodes(pool: RayPool, log: Path) -> None:
    done = run_one(pool, log, "train", 2, TWO)
    assert isinstance(done, Done), done
    assert done.result.devices == 2
    assert len(done.result.history) == 2


def test_what_keeps_slots_from_working_is_said(pool: RayPool, cluster: Any, log: Path) -> None:
    pool.close()  # one at a time in a process
    with opened(cluster, preload=["no_such_module"]) as broken:
        broken.start(1, ("count", 1), log)
        with pytest.raises(PoolError, match="No module named 'no_such_module'"):
            broken.wait(PATIENCE)
    with pytest.raises(InputError, match="'gpu' needs GPUs that Ray can give out; the cluster has 0 GPUs and 2 cores"):
        opened(cluster, accelerator="gpu")
    with pytest.raises(InputError, match="the cluster has devices for no candidate"):
        opened(cluster, threads=3)


def test_a_first_job_waits_for_slots_that_are_asked_for_and_may_be_stopped(cluster: Any, log: Path) -> None:
    with opened(cluster, slots=1, threads=2) as pool:  # which no node has
        assert pool.room(Need())
        pool.start(1, ("count", 1), log)
        assert not pool.room(Need())
        assert pool.wait(0.1) == []
        pool.stop(1)
        assert pool.wait(PATIENCE) == [Died(1, -9, "stopped by the driver")]
        assert pool.running == ()


@pytest.mark.parametrize(
    ("nodes", "slots", "threads"),
    [([4, 4], None, 1), ([4, 4], 2, 4), ([10, 10, 10], 2, 10), ([10, 10, 10], 4, 5), ([1], 3, 1), ([], 3, 1)],
)
def test_slots_share_out_the_cores_of_each_node(
    nodes: list[int], slots: int | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.pool.ray_cluster import cores_of_a_slot

    monkeypatch.setattr("ray.nodes", lambda: [{"Alive": True, "Resources": {"CPU": float(count)}} for count in nodes])
    assert cores_of_a_slot("cpu", slots) == threads


@pytest.mark.parametrize(
    ("address", "said"), [("ray://here:10001", "expected auto, or host:port"), ("127.0.0.1:1", "refused")]
)
def test_a_cluster_that_is_not_there_is_said(address: str, said: str) -> None:
    from nas.pool.ray_pool import RayPool

    with pytest.raises(InputError, match=f"pool.address: {address}: no Ray cluster to be had there: .*{said}"):
        RayPool(TARGET, address=address)


def test_a_lost_node_is_the_death_of_its_jobs_and_a_new_one_brings_slots(cluster: Any, tmp_path: Path) -> None:
    with opened(cluster) as pool:
        wait_for_room(pool)
        for key in (1, 2):
            pool.start(key, ("hang", tmp_path / f"pids{key}"), tmp_path / f"{key}.log")
        pids = {key: pids_in_of(pool, tmp_path / f"pids{key}") for key in (1, 2)}
        lose_a_node(cluster)
        (died,) = pool.wait(PATIENCE)
        assert isinstance(died, Died)
        assert "is lost (" in died.how
        wait_until(lambda: not any(alive(pid) for pid in pids[died.key]))
        (left,) = pool.running
        assert all(alive(pid) for pid in pids[left])
        cluster.add_node(**SMALL)
        wait_until(lambda: pool.wait(0.1) == [] and pool.room(Need()))
        pool.start(3, ("count", 1), tmp_path / "3.log")
        assert [type(event) for event in (*pool.wait(PATIENCE),)] == [Report]
    wait_until(lambda: not any(alive(pid) for pid in pids[left]))


def lose_a_node(cluster: Any) -> None:
    """As if its plug were pulled; the head's node stays."""
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)


def test_a_job_given_to_a_node_that_is_lost_already_waits_for_another(cluster: Any, tmp_path: Path) -> None:
    with opened(cluster) as pool:
        wait_for_room(pool)
        lose_a_node(cluster)
        for key in (1, 2):
            pool.start(key, ("return_it", key), tmp_path / f"{key}.log")
        assert sorted(event.key for event in events_of(pool) if isinstance(event, Done)) == [1, 2]
    cluster.add_node(**SMALL)


def test_a_search_reaches_its_budget_exactly_though_a_node_is_lost(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pool_on_cluster(target: str, *, need: Need, **_: Any) -> RayPool:
        return opened(cluster, target, need=need)

    lost: list[bool] = []

    def stopping() -> Stop:
        if not lost and len(driver._live) == 2 and driver.ledger.counts[states.COMPLETE] >= 3:
            lost.append(True)
            lose_a_node(cluster)
        return Stop.NO

    monkeypatch.setattr(search_parts, "Pool", pool_on_cluster)
    space = search_parts.tiny_space(epochs=25)
    with search_parts.driver(tmp_path / "study", 10, space, slots=2, retries=3, stopping=stopping) as driver:
        driver.run()
        rows = search_parts.rows(driver)
    assert lost
    assert [row["state"] for row in rows if row["state"] != "twin"] == ["complete"] * 10
    logs = "".join(path.read_text() for path in (tmp_path / "study" / "logs").iterdir())
    assert logs.count("epoch") >= 10 * 25
    cluster.add_node(**SMALL)


def test_a_slot_has_a_gpu_that_ray_gives_it_and_ranks_are_on_one_node(cluster: Any, tmp_path: Path) -> None:
    """GPUs that the node only says it has."""
    node = cluster.add_node(**SMALL, num_gpus=2)
    cluster.add_node(**SMALL, num_gpus=1)
    with opened(cluster, accelerator="auto") as pool:
        assert (pool.slots, pool.threads, pool.devices[0].kind) == (3, 1, "cuda")
        wait_until(lambda: pool.room(TWO) and all(actor.node for actor in pool._actors))
        done = run_one(pool, tmp_path / "1.log", "look_around", need=TWO)
        assert isinstance(done, Done)
        assert done.result["environment"]["CUDA_VISIBLE_DEVICES"] in ("0", "1")
        pool.start(2, ("count", 1), tmp_path / "2.log", TWO)
        assert {rank.actor.node for rank in pool._jobs[2].ranks} == {node.node_id}
        assert events_of(pool)


def working_in(folder: Path) -> list[bytes]:
    """The processes there; but for two of Ray's, which take a minute to find out that they are left alone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is another's
            if (process / "cwd").readlink() == folder and b"Agent" not in (name := (process / "cmdline").read_bytes()):
                found.append(name)
    return found


def test_the_command_searches_on_a_ray_of_its_own_and_leaves_no_process_even_when_killed(tmp_path: Path) -> None:
    search_parts.prepared(tmp_path)
    options = ["pool=ray", "pool.slots=2", "tracking=none", "training.epochs=4", "study.trials=9"]
    command = [sys.executable, search_parts.PROGRAM, *search_parts.SEARCH, *options]
    for ended, number, status in ((1, signal.SIGKILL, -signal.SIGKILL), (3, signal.SIGINT, 130)):
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as search:
            assert search.stdout is not None
            said = []
            for line in search.stdout:
                said.append(line)
                if f"[{ended}/9]" in line:
                    os.killpg(search.pid, number) if number == signal.SIGINT else search.kill()
        assert search.returncode == status, "".join(said)
        wait_until(lambda: not working_in(tmp_path))
    assert re.search(r"\d complete.*; \d of 9 candidates\n", "".join(said))
