"""Which processes a pool makes, what they share, and that none is left whatever ends the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pool_parts import CORES, PATIENCE, TARGET, alive, guardian_of, pids_in, run_one, session, wait_until

from nas.pool import Died, Done, Need, Pool, Report

TESTS = Path(__file__).parent

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(TARGET, devices=CORES[:2], threads=1) as pool:
        yield pool


def around(pool: Pool, log: Path) -> dict[str, int]:
    done = run_one(pool, log, "look_around")
    assert isinstance(done, Done)
    return {name: done.result[name] for name in ("parent", "group", "pid")}


def test_children_come_from_one_server_and_lead_groups_of_their_own(pool: Pool, tmp_path: Path) -> None:
    first, second = (around(pool, tmp_path / "log") for _ in range(2))
    assert first["parent"] == second["parent"] != os.getpid()
    assert first["pid"] != second["pid"]
    assert first["group"] == first["pid"]
    assert os.getsid(first["parent"]) != os.getsid(0)  # Ctrl-C in the driver's terminal does not get there


def test_an_interrupt_sent_to_server_and_child_changes_nothing(pool: Pool, tmp_path: Path) -> None:
    server = around(pool, tmp_path / "log")["parent"]
    pool.start(1, ("count", 1), tmp_path / "log")
    pool.start(2, ("hang", tmp_path / "pids"), tmp_path / "log")
    (report,) = pool.wait(PATIENCE)
    assert isinstance(report, Report)
    os.kill(server, signal.SIGINT)
    os.kill(pids_in(tmp_path / "pids")[0], signal.SIGINT)
    pool.answer(1, 0)
    assert pool.wait(PATIENCE) == [Done(1, (1, 0))]
    assert pool.running == (2,)
    pool.stop(2)
    assert [event.key for event in pool.wait(PATIENCE)] == [2]


def test_what_a_job_leaves_behind_ends_with_it(pool: Pool, tmp_path: Path) -> None:
    done = run_one(pool, tmp_path / "log", "linger")
    assert isinstance(done, Done)
    wait_until(lambda: not alive(done.result))


def test_a_killed_server_costs_the_running_jobs_and_no_more(tmp_path: Path) -> None:
    with Pool(TARGET, devices=CORES[:2], threads=1) as pool:
        pool.start(1, ("hang", tmp_path / "pids"), tmp_path / "log")
        child, server = pids_in(tmp_path / "pids")
        pool.wait(0.1)
        os.kill(server, signal.SIGKILL)
        (died,) = pool.wait(PATIENCE)
        assert isinstance(died, Died)
        assert died.how.startswith("its fork server killed by signal 9")
        wait_until(lambda: not alive(child))
        assert around(pool, tmp_path / "log")["parent"] != server


@pytest.mark.parametrize("heard_of_them", [False, True])
def test_closing_ends_every_process_even_one_that_ignores_it(tmp_path: Path, heard_of_them: bool) -> None:
    pool = Pool(TARGET, devices=CORES, threads=1)
    for key, name in enumerate(("hang", "hang_with_company", "hang_deaf")):
        pool.start(key, (name, tmp_path / name), tmp_path / "log")
    if heard_of_them:
        pool.wait(0.1)
    server = pids_in(tmp_path / "hang")[1]
    wait_until(lambda: len(session(server)) == 7)  # the server, its guardian, three jobs, two that one started
    pool.close(grace=0.2)
    wait_until(lambda: not session(server))


def test_closing_does_not_wait_for_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_that_takes_long.py").write_text(f"import time\ntime.sleep({10 * PATIENCE})\n")
    monkeypatch.syspath_prepend(tmp_path)
    begin = time.monotonic()
    with Pool(TARGET, devices=CORES[:1], threads=1, preload=["module_that_takes_long"]) as pool:
        pool.start(1, ("return_it", 1), tmp_path / "log")
    assert time.monotonic() - begin < PATIENCE


DRIVER = f"""
import sys
sys.path[1:1] = [{str(TESTS.parent)!r}, {str(TESTS)!r}]
from pathlib import Path
from nas.pool import Device, Done, Need, Pool
from pool_parts import CORES
import helper_beside_the_script

here = Path(sys.argv[1])
with (here / "times run").open("a") as file:
    file.write(__name__ + "\\n")
assert "torch" not in sys.modules


class Local:
    pass


with Pool(sys.argv[2], devices=[*CORES, Device("cpu", "4")], threads=1, preload=["helper_beside_the_script"]) as pool:
    for key, name in enumerate(sys.argv[3:]):
        need = Need(devices=2) if name == "hang_together" else Need()
        pool.start(key, (name, here / name), here / (name + ".log"), need)
    while pool.running:
        for event in pool.wait():
            print(event, flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A driver's main script in a directory of its own, unguarded, with a module beside it."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "helper_beside_the_script.py").write_text("def run(argument, report, threads):\n    return 'found'\n")
    script = folder / "driver.py"
    script.write_text(DRIVER)
    return script


def test_the_main_script_runs_once_and_its_neighbours_are_importable(script: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(script), str(tmp_path), "helper_beside_the_script:run", "a", "b", "c"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=PATIENCE)
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()) == [f"Done(key={key}, result='found')" for key in range(3)]
    assert (tmp_path / "times run").read_text() == "__main__\n"


@pytest.mark.parametrize("with_it", ["nobody", "server", "guardian"])
def test_nothing_outlives_a_killed_driver(script: Path, tmp_path: Path, with_it: str) -> None:
    """Not even what is inside C code or has started others, though the fork server or its guardian die with it."""
    names = ["hang", "hang_deaf", "hang_with_company", "hang_together"]
    driver = subprocess.Popen([sys.executable, str(script), str(tmp_path), TARGET, *names])
    try:
        _, server = pids_in(tmp_path / "hang")
        wait_until(lambda: len(session(server)) == 9)  # server, guardian, five processes of jobs, two that one started
        for name in (*names[:-1], "hang_together0", "hang_together1"):
            pids_in(tmp_path / name)
        guardian = guardian_of(server)
    finally:
        driver.kill()
    if with_it != "nobody":
        os.kill({"server": server, "guardian": guardian}[with_it], signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not session(server))


def test_jobs_go_on_without_a_guardian(tmp_path: Path) -> None:
    with Pool(TARGET, devices=CORES, threads=1) as pool:
        server = around(pool, tmp_path / "log")["parent"]
        guardian = guardian_of(server)
        os.kill(guardian, signal.SIGKILL)
        wait_until(lambda: not alive(guardian))
        assert run_one(pool, tmp_path / "log", "return_it", 1) == Done(1, 1)


@linux
def test_neither_memory_nor_descriptors_grow_with_the_jobs(tmp_path: Path) -> None:
    with Pool(TARGET, devices=CORES, threads=1) as pool:
        server = around(pool, tmp_path / "log")["parent"]
        processes = (os.getpid(), server, guardian_of(server))

        def measure() -> tuple[list[int], list[int]]:
            """Descriptors of driver, server, guardian and child; kilobytes of the first three."""
            done = run_one(pool, tmp_path / "log", "list_descriptors")
            assert isinstance(done, Done)
            status = [Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0] for pid in processes]
            files = [len(os.listdir(f"/proc/{pid}/fd")) for pid in processes]
            return [*files, done.result], [int(kilobytes) for kilobytes in status]

        def run_all(times: int) -> None:
            for _ in range(times):
                for name in ("return_it", "leave_at_once", "fail", "linger", "kill_itself", "segfault"):
                    run_one(pool, tmp_path / "log", name, 9)
                run_one(pool, tmp_path / "log", "return_it", os.urandom(1_000_000))
                run_one(pool, tmp_path / "log", "connected", [("wait", None), ("kill_itself", 9)], Need(devices=2))

        run_all(2)
        files, memory = measure()
        run_all(10)
        files_after, memory_after = measure()
        assert files_after == files
        assert all(after - before < 2048 for before, after in zip(memory, memory_after, strict=True)), memory_after
