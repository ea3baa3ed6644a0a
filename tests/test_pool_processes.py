"""Which processes a pool makes, what they share, and that none is left whatever ends the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nas.pool import Died, Done, Event, Pool, Report

TARGET = "pool_targets:run"
PATIENCE = 30.0  # seconds after which a test gives up
TESTS = Path(__file__).parent

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(TARGET, slots=2, threads=1) as pool:
        yield pool


def run_one(pool: Pool, log: Path, name: str, value: object = None) -> Event:
    pool.start(1, (name, value), log)
    events: list[Event] = []
    while pool.running:
        events += pool.wait(PATIENCE)
    return events[-1]


def around(pool: Pool, log: Path) -> dict[str, int]:
    done = run_one(pool, log, "look_around")
    assert isinstance(done, Done)
    return {name: done.result[name] for name in ("parent", "group", "pid")}


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent to look does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


def pids_in(path: Path) -> list[int]:
    """Process ids a job wrote down: its own and the server's."""
    wait_until(path.exists)
    return [int(word) for word in path.read_text().split()]


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
    pool.answer(1, stop=False)
    assert pool.wait(PATIENCE) == [Done(1, 1)]
    assert pool.running == (2,)
    pool.stop(2)
    assert [event.key for event in pool.wait(PATIENCE)] == [2]


def test_what_a_job_leaves_behind_ends_with_it(pool: Pool, tmp_path: Path) -> None:
    done = run_one(pool, tmp_path / "log", "linger")
    assert isinstance(done, Done)
    wait_until(lambda: not alive(done.result))


def test_a_killed_server_costs_the_running_jobs_and_no_more(tmp_path: Path) -> None:
    with Pool(TARGET, slots=2, threads=1) as pool:
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
    pool = Pool(TARGET, slots=3, threads=1)
    names = ("hang", "hang_in_c", "hang_deaf")
    for key, name in enumerate(names):
        pool.start(key, (name, tmp_path / name), tmp_path / "log")
    if heard_of_them:
        pool.wait(0.1)
    pids = {pid for name in names for pid in pids_in(tmp_path / name)}
    assert len(pids) == 4
    pool.close(grace=0.2)
    assert not any(alive(pid) for pid in pids)


def test_closing_does_not_wait_for_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_that_takes_long.py").write_text(f"import time\ntime.sleep({10 * PATIENCE})\n")
    monkeypatch.syspath_prepend(tmp_path)
    begin = time.monotonic()
    with Pool(TARGET, slots=1, threads=1, preload=["module_that_takes_long"]) as pool:
        pool.start(1, ("return_it", 1), tmp_path / "log")
    assert time.monotonic() - begin < PATIENCE


DRIVER = f"""
import sys
sys.path[1:1] = [{str(TESTS.parent)!r}, {str(TESTS)!r}]
from pathlib import Path
from nas.pool import Done, Pool
import helper_beside_the_script

here = Path(sys.argv[1])
with (here / "times run").open("a") as file:
    file.write(__name__ + "\\n")
assert "torch" not in sys.modules


class Local:
    pass


with Pool(sys.argv[2], slots=3, threads=1, preload=["helper_beside_the_script"]) as pool:
    for key, name in enumerate(sys.argv[3:]):
        pool.start(key, (name, here / name), here / (name + ".log"))
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


@pytest.mark.parametrize("with_server", [False, True])
def test_nothing_outlives_a_killed_driver(script: Path, tmp_path: Path, with_server: bool) -> None:
    # With its server gone too, a child whose interpreter is stuck in C could not notice.
    names = ["hang", "hang_deaf"] if with_server else ["hang", "hang_deaf", "hang_in_c"]
    driver = subprocess.Popen([sys.executable, str(script), str(tmp_path), TARGET, *names])
    try:
        pids = {pid for name in names for pid in pids_in(tmp_path / name)}
        assert len(pids) == len(names) + 1
        assert all(alive(pid) for pid in pids)
        server = pids_in(tmp_path / "hang")[1]
    finally:
        driver.kill()
    if with_server:
        os.kill(server, signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not any(alive(pid) for pid in pids))


@linux
def test_neither_memory_nor_descriptors_grow_with_the_jobs(pool: Pool, tmp_path: Path) -> None:
    server = around(pool, tmp_path / "log")["parent"]

    def measure() -> tuple[int, int, int, int]:
        """Descriptors of driver, server and child; kilobytes of the server."""
        done = run_one(pool, tmp_path / "log", "list_descriptors")
        assert isinstance(done, Done)
        fields = Path(f"/proc/{server}/status").read_text().split("VmRSS:")[1].split()
        files = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), server)]
        return files[0], files[1], done.result, int(fields[0])

    ends = ("return_it", "leave_at_once", "fail", "linger", "kill_itself")
    for name in ends:
        run_one(pool, tmp_path / "log", name, 9)
    before = measure()
    for job in range(50):
        run_one(pool, tmp_path / "log", ends[job % len(ends)], 9)
    after = measure()
    assert after[:3] == before[:3]
    assert after[3] - before[3] < 1024


@linux
def test_torch_is_imported_once_on_a_single_thread_and_two_thread_children_work(tmp_path: Path) -> None:
    with Pool(TARGET, slots=2, threads=2, preload=["torch"], time_limit=PATIENCE) as pool:
        done = run_one(pool, tmp_path / "log", "look_around")
        assert isinstance(done, Done)
        assert "torch" in done.result["modules"]
        assert len(os.listdir(f"/proc/{done.result['parent']}/task")) == 1
        assert run_one(pool, tmp_path / "log", "convolve") == Done(1, 8.0 * 62 * 62 * 32)
