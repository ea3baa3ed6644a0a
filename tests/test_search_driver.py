"""The loop of a search, over a real study and a real pool; what the pool runs trains nothing."""

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import ThresholdPruner
from pool_parts import alive, wait_until
from search_parts import Finished, driver, ran, rows, searching, tiny_space, without_time
from search_targets import ALIKE, DIES, DIES_ONCE, NO_MEMORY, RAISES, SLOW, TOO_LARGE

from nas.search.attempts import LEAST_MICRO_BATCH
from nas.search.driver import Stop
from nas.search.options import Budget
from nas.search.proposer import PATIENCE
from nas.study.study import JOURNAL, SECONDS, load_study, trials
from nas.tracking import Tracker

TRIALS = 4


class Recorder(Tracker):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def start(
        self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object], draw: object = None
    ) -> None:
        self.told.append(("start", number, dict(parameters), dict(facts)))

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        self.told.append(("report", number, epoch, dict(metrics)))

    def finish(self, number: int, state: str, summary: Mapping[str, object], marks: Sequence[str] = ()) -> None:
        self.told.append(("finish", number, state, dict(summary), *marks))

    def stand(self, ended: int, values: Callable[[], Mapping[str, object]]) -> None:
        self.told.append(("stand", ended, values()))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The folder and the rows of a study of four candidates that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("finished")
    running = ran(folder, TRIALS)
    return folder, rows(running)


def test_a_search_trains_as_many_candidates_as_it_was_asked_for(finished: Finished) -> None:
    counted = [row for row in finished[1] if row["state"] in ("complete", "pruned")]
    assert len(counted) == TRIALS
    assert [int(row["number"]) for row in finished[1]] == list(range(len(finished[1])))


def test_every_candidate_has_a_log_and_no_checkpoint_stays(finished: Finished) -> None:
    folder, table = finished
    trained = [f"{int(row['number']):04d}.log" for row in table if row["state"] == "complete"]
    assert sorted(path.name for path in (folder / "logs").iterdir()) == trained
    assert not (folder / "checkpoints").exists()


def test_the_same_seed_repeats_a_search_and_another_does_not(tmp_path: Path, finished: Finished) -> None:
    running = ran(tmp_path / "same", TRIALS)
    assert without_time(rows(running)) == without_time(finished[1])
    running = ran(tmp_path / "other", TRIALS, seed=1)
    assert [row["digest"] for row in rows(running)] != [row["digest"] for row in finished[1]]


def test_a_finished_search_goes_on_to_a_larger_total_and_no_further(tmp_path: Path) -> None:
    for total in (2, 2, 5):
        running = ran(tmp_path, total, slots=2)
        assert running.progress.counted == total
        assert Counter(row["state"] for row in rows(running))["complete"] == total
    numbers = [row["number"] for row in rows(running)]
    assert len(numbers) == len(set(numbers))


def test_several_slots_count_exactly_too(tmp_path: Path) -> None:
    running = ran(tmp_path, 7, slots=3)
    assert running.progress.counted == 7


def test_candidates_that_raise_or_die_are_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    running = ran(tmp_path, 3, tiny_space(lr={"choice": [0.01, RAISES, DIES]}), slots=2)
    table = rows(running)
    failed = {row["training.lr"]: row for row in table if row["state"] == "failed"}
    number = int(failed["13.0"]["number"])
    assert failed["13.0"]["reason"] == f"ValueError: the loss is no number (see logs/{number:04d}.log)"
    number = int(failed["14.0"]["number"])
    assert failed["14.0"]["reason"] == (
        "its process died: killed by signal 9 (SIGKILL; the system does this when memory runs out), on attempt 2 of 2 "
        f"(see logs/{number:04d}.log)"
    )
    assert trials(running.study)[number].user_attrs["log_tail"].count("this is where it ends") == 2
    assert running.progress.counts["complete"] == 3
    assert all(row["value"] == "" for row in table if row["state"] == "failed")


def test_a_search_gives_up_after_too_many_failures_and_says_so(tmp_path: Path) -> None:
    said, space = StringIO(), tiny_space(lr=RAISES)
    for failures, failed in ((2, 3), (2, 3), (3, 4)):
        running = ran(tmp_path, 9, space, failures=failures, said=said)
        assert running.progress.counts["failed"] == failed
    assert said.getvalue().count("3 candidates have failed, more than study.failures=2") == 2
    assert "4 candidates have failed, more than study.failures=3" in said.getvalue()


def test_candidates_over_the_budget_are_told_to_the_sampler_and_never_trained(tmp_path: Path) -> None:
    running = ran(tmp_path, 3, budget=Budget(parameters=60))
    table = rows(running)
    over = [trial for trial in trials(running.study) if trial.user_attrs["state"] == "infeasible"]
    assert over
    assert all(trial.constraints["parameters"] > 0 for trial in over)
    assert {row["state"] for row in table if int(row["parameters"]) > 60} == {"infeasible"}
    assert running.progress.counts["complete"] == 3
    logs = {int(path.stem) for path in (tmp_path / "logs").iterdir()}
    assert logs == {int(row["number"]) for row in table if row["state"] == "complete"}
    assert all("over the limit of parameters" in row["reason"] for row in table if row["state"] == "infeasible")


def test_a_budget_that_nothing_fits_ends_the_search_with_a_line(tmp_path: Path) -> None:
    said = StringIO()
    running = ran(tmp_path, 3, budget=Budget(macs=1), said=said)
    assert running.done
    assert running.progress.counts == {"infeasible": PATIENCE}
    assert "every document of the space has been looked at: nothing else is new and fits" in said.getvalue()


def test_a_small_space_is_trained_to_its_last_candidate_and_then_ends(tmp_path: Path) -> None:
    running = ran(tmp_path, 99, slots=2)
    table = rows(running)
    complete = [row for row in table if row["state"] == "complete"]
    assert len(complete) == len({row["digest"] for row in complete}) == 16
    assert len(running.found.architectures) == 16
    assert len(table) < 16 + 5 * PATIENCE


def test_equal_candidates_are_trained_once_and_the_others_are_twins_with_their_value(tmp_path: Path) -> None:
    same = [{"op": "conv", "width": 4, "kernel": 1}]
    other = [{"op": "conv", "width": 5, "kernel": 1}]
    network = {"op": "chain", "name": "body", "chain": {"choice": {"a": same, "b": same, "c": other}}}
    running = ran(tmp_path, 9, tiny_space(network=network))
    table = rows(running)
    assert running.proposer.exhausted
    complete = {row["digest"]: row for row in table if row["state"] == "complete"}
    twins = [row for row in table if row["state"] == "twin"]
    assert len(complete) == 2
    assert len(twins) == len(table) - 2
    for twin in twins:
        original = complete[twin["digest"]]
        assert twin["value"] == original["value"]
        assert twin["reason"] == f"trains like trial {original['number']}"
        assert int(twin["number"]) > int(original["number"])
    best = running.found.best
    assert best is not None
    assert best.user_attrs["state"] == "complete"


def test_a_twin_of_a_candidate_in_training_waits_for_its_value(tmp_path: Path) -> None:
    running = ran(tmp_path, 3, tiny_space(width=4, epochs=20), slots=3)  # two kernels: two networks
    study = running.study
    twins = [trial for trial in trials(study) if trial.user_attrs["state"] == "twin"]
    assert twins
    for twin in twins:
        original = trials(study)[twin.user_attrs["twin_of"]]
        assert (twin.state, twin.value) == (original.state, original.value)
        assert twin.intermediate_values == original.intermediate_values
        assert twin.datetime_complete >= original.datetime_complete
    assert any(twin.datetime_start < trials(study)[twin.user_attrs["twin_of"]].datetime_complete for twin in twins)


def test_a_candidate_whose_process_dies_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    said, heard = StringIO(), Recorder()
    running = ran(tmp_path, 2, tiny_space(lr=DIES_ONCE, epochs=4), said=said, tracker=heard)
    table = rows(running)
    assert [row["state"] for row in table if row["state"] != "twin"] == ["complete", "complete"]
    assert running.progress.retried == 2
    assert trials(running.study)[0].user_attrs["attempt"]["deaths"] == 1
    assert [told[-1] for told in heard.told if told[0] == "finish" and told[1] == 0] == ["retried"]
    assert "trial 0: its process died: killed by signal 9" in said.getvalue()
    log = (tmp_path / "logs" / "0000.log").read_text()
    assert [line for line in log.splitlines() if line.startswith("epoch")] == [f"epoch {n}" for n in range(4)]
    assert running.progress.counts["failed"] == 0


def test_a_candidate_that_runs_out_of_memory_gets_fewer_images_at_a_time(tmp_path: Path) -> None:
    running = ran(tmp_path, 1, tiny_space(lr=NO_MEMORY), devices_per_candidate=0.5)
    (trial,) = (trial for trial in trials(running.study) if trial.user_attrs["state"] == "complete")
    assert trial.user_attrs["trained"]["micro_batch"] == 16
    assert trial.user_attrs["attempt"] == {"alone": True, "micro_batch": 16, "deaths": 0}


def test_a_candidate_that_fits_no_memory_is_infeasible_which_the_sampler_can_read(tmp_path: Path) -> None:
    running = ran(tmp_path, 1, tiny_space(lr={"choice": [0.01, TOO_LARGE]}))
    ended = [trial for trial in trials(running.study) if trial.user_attrs["state"] == "infeasible"]
    assert ended
    for trial in ended:
        assert trial.constraints["device_memory"] > 0
        assert trial.user_attrs["reason"] == f"out of memory with {LEAST_MICRO_BATCH} images at a time"
    assert running.progress.counts["failed"] == 0


def test_a_candidate_that_is_too_slow_is_infeasible_and_only_where_a_limit_is_set(tmp_path: Path) -> None:
    space = tiny_space(lr={"choice": [0.01, SLOW]}, width=4)
    for limit, expected in ((10.0, {"infeasible"}), (None, {"complete"})):
        running = ran(tmp_path / str(limit), 99, space, budget=Budget(latency=limit), per_architecture=9)
        slow = [row for row in rows(running) if row["training.lr"] == str(SLOW) and row["state"] != "twin"]
        assert {row["state"] for row in slow} == expected
        if limit:
            over = [trial for trial in trials(running.study) if trial.user_attrs["state"] == "infeasible"]
            assert all(trial.constraints["latency"] == pytest.approx(2.0) for trial in over)


def test_an_unreadable_checkpoint_of_an_interrupted_candidate_is_started_anew(tmp_path: Path) -> None:
    interrupt(tmp_path, epochs=8)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    checkpoint.write_bytes(b"\0" * 40)
    running = ran(tmp_path, 2, tiny_space(epochs=8))
    assert [row["state"] for row in rows(running) if row["state"] != "twin"] == ["complete", "complete"]
    log = [line for line in (tmp_path / "logs" / "0000.log").read_text().splitlines() if line.startswith("epoch")]
    assert log.count("epoch 0") == 2
    assert log[-1] == "epoch 7"


def test_pruned_candidates_count_and_are_never_best(tmp_path: Path) -> None:
    found: list[object] = []
    running = ran(tmp_path, 3, pruner=ThresholdPruner(lower=2.0), on_best=found.append)
    assert running.progress.counts["pruned"] == running.progress.counted == 3
    table = rows(running)
    assert running.found.best is None
    assert not found
    assert all(row["value"] for row in table if row["state"] == "pruned")


def test_the_best_is_the_first_of_the_highest_and_is_told_at_once(tmp_path: Path) -> None:
    found: list[Any] = []
    running = ran(tmp_path, 6, on_best=lambda driver: found.append(driver.found.best))
    complete = [trial for trial in trials(running.study) if trial.user_attrs["state"] == "complete"]
    values = {trial.number: trial.value for trial in complete}
    assert found[-1].number == max(values, key=lambda number: (values[number], -number))
    assert [trial.value for trial in found] == sorted(trial.value for trial in found)


def test_the_tracker_hears_of_each_candidate_once_and_of_epochs_of_those_that_were_trained(tmp_path: Path) -> None:
    heard = Recorder()
    running = ran(tmp_path, 3, budget=Budget(parameters=60), tracker=heard)
    table = {int(row["number"]): row for row in rows(running)}
    trained = [number for number, row in table.items() if row["state"] == "complete"]
    assert len(trained) < len(table)
    assert [told[1] for told in heard.told if told[0] == "start"] == list(table)
    assert [told[1:3] for told in heard.told if told[0] == "finish"] == [(n, table[n]["state"]) for n in table]
    assert [told[1] for told in heard.told if told[0] == "stand"] == list(range(1, len(table) + 1))
    for _, number, parameters, facts in (told for told in heard.told if told[0] == "start"):
        assert parameters == trials(running.study)[number].params
        row = table[number]
        priced = trials(running.study)[number].user_attrs
        assert facts["digest"] == row["digest"]
        assert {name: facts[name] for name in ("parameters", "macs", "depth", "memory")} == {
            name: priced[name] for name in ("parameters", "macs", "depth", "memory")
        }
    assert [told[1:3] for told in heard.told if told[0] == "report"] == [
        (n, epoch) for n in trained for epoch in (0, 1)
    ]


def test_a_checkpoint_left_by_a_kill_just_after_the_end_is_removed_by_the_next_run(tmp_path: Path) -> None:
    ran(tmp_path, 1)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "0000.pt").write_text("2")
    ran(tmp_path, 2)
    assert not (tmp_path / "checkpoints").exists()


def interrupt(folder: Path, epochs: int, stop: Stop = Stop.NOW, **options: Any) -> None:
    """Stops a search of two candidates when the first has reported three epochs."""
    journal = folder / JOURNAL

    def stopping() -> Stop:
        reported = journal.exists() and journal.read_text().count('"intermediate_value"') >= 3
        return stop if reported else Stop.NO

    ran(folder, 2, tiny_space(epochs=epochs), stopping=stopping, **options)


def test_an_interrupted_candidate_goes_on_under_its_own_number_from_its_checkpoint(tmp_path: Path) -> None:
    interrupt(tmp_path, epochs=8)
    heard = Recorder()
    with driver(tmp_path, 2, tiny_space(epochs=8), tracker=heard) as running:
        assert not [trial for trial in trials(running.study) if trial.state.is_finished()]
        running.run()
        table = rows(running)
    assert [row["state"] for row in table if row["state"] != "twin"] == ["complete", "complete"]
    epochs = (tmp_path / "logs" / "0000.log").read_text().split("\n")
    assert 8 <= len(epochs) - 1 <= 9  # at most the one that was under way is trained again
    assert list(trials(running.study)[0].intermediate_values) == list(range(8))
    assert {told[2] for told in heard.told if told[0] == "report" and told[1] == 0} == set(range(8))


def test_a_graceful_end_leaves_candidates_after_an_epoch_and_repeats_none(tmp_path: Path) -> None:
    said = StringIO()
    interrupt(tmp_path, epochs=8, stop=Stop.GRACEFUL, said=said)
    assert "ending after this epoch of 1 candidate in training" in said.getvalue()
    done = int((tmp_path / "checkpoints" / "0000.pt").read_text())
    assert 3 <= done < 8
    ran(tmp_path, 2, tiny_space(epochs=8))
    epochs = [line for line in (tmp_path / "logs" / "0000.log").read_text().splitlines() if line.startswith("epoch")]
    assert epochs == [f"epoch {number}" for number in range(8)]


def test_a_graceful_end_can_let_candidates_finish(tmp_path: Path) -> None:
    interrupt(tmp_path, epochs=8, stop=Stop.GRACEFUL, at_end="finish")
    study = load_study(tmp_path)
    assert [trial.user_attrs["state"] for trial in study.trials] == ["complete"]


def test_a_budget_of_time_counts_all_runs_of_a_study(tmp_path: Path) -> None:
    running = ran(tmp_path, 1, time=3600)
    assert 0 < load_study(tmp_path).user_attrs[SECONDS] < 600
    running = ran(tmp_path, 99, time=load_study(tmp_path).user_attrs[SECONDS])
    assert running.done
    assert running.progress.counted == 1
    running = ran(tmp_path, 3, time="1h")
    assert running.progress.counted == 3


def check_whole(folder: Path, undisturbed: list[dict[str, str]]) -> None:
    """Runs the study to its end: it becomes the one that nothing has disturbed."""
    running = ran(folder, TRIALS)
    assert without_time(rows(running)) == without_time(undisturbed)
    assert not (folder / "checkpoints").exists()


def cuts(count: int) -> list[int]:
    """Where to cut a journal, as a share in thousandths; the same ones each time."""
    return random.Random(0).sample(range(1000), count)


def check_cut(folder: Path, finished: Finished, share: int) -> None:
    """Cuts the finished study's journal in the middle of a byte's line, as a kill may, and runs it to its end."""
    journal = (finished[0] / JOURNAL).read_bytes()
    folder.mkdir()
    (folder / JOURNAL).write_bytes(journal[: len(journal) * share // 1000])
    (folder / f"{JOURNAL}.lock").symlink_to(folder / JOURNAL)  # of the writer that was killed
    check_whole(folder, finished[1])


@pytest.mark.parametrize("share", [0, *cuts(5)])
def test_a_journal_cut_anywhere_is_continued_to_the_exact_total(tmp_path: Path, finished: Finished, share: int) -> None:
    check_cut(tmp_path / "cut", finished, share)


@pytest.mark.slow
@pytest.mark.parametrize("share", cuts(100))
def test_a_journal_cut_at_many_places_is_continued_to_the_exact_total(
    tmp_path: Path, finished: Finished, share: int
) -> None:
    check_cut(tmp_path / "cut", finished, share)


def descendants(pid: int) -> list[int]:
    """The processes that `pid` has started, and those they have started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with suppress(ValueError, OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [each for child in found for each in descendants(child)]


def check_kills(folder: Path, finished: Finished, seed: int, kills: int) -> None:
    """Kills a searching program again and again, or one of its processes, or all at once; then lets it end."""
    moments = random.Random(seed)
    for _ in range(kills):
        program = searching(folder, TRIALS, 1)
        time.sleep(moments.uniform(0.0, 1.2))
        others = descendants(program.pid)
        match moments.choice(["driver", "another", "all"]):
            case "driver":
                program.kill()
            case "another" if others:
                kill(moments.choice(others))
                time.sleep(moments.uniform(0.0, 0.5))
                program.kill()
            case _:
                for pid in moments.sample([program.pid, *others], 1 + len(others)):
                    kill(pid)
        program.wait()
        wait_until(lambda left=others: not any(map(alive, left)))  # no process outlives the driver
    check_whole(folder, finished[1])


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", range(3))
def test_a_search_killed_at_any_moment_reaches_the_exact_total_and_leaves_no_process(
    tmp_path: Path, finished: Finished, seed: int
) -> None:
    check_kills(tmp_path / "study", finished, seed, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 20))
def test_a_search_killed_many_times_reaches_the_exact_total(tmp_path: Path, finished: Finished, seed: int) -> None:
    check_kills(tmp_path / "study", finished, seed, kills=8)


def test_a_study_can_be_read_while_it_is_searched(tmp_path: Path) -> None:
    states: list[int] = []

    def stopping() -> Stop:
        states.append(len(load_study(tmp_path).trials))
        return Stop.NO

    ran(tmp_path, 2, stopping=stopping)
    assert sorted(states) == states
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    study = load_study(tmp_path.parent / "copy")
    assert [trial.state for trial in study.trials if trial.user_attrs["state"] == "complete"] == [
        optuna.trial.TrialState.COMPLETE
    ] * 2
    assert all(json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())


def test_of_equals_the_lowest_number_is_best_though_it_ended_last(tmp_path: Path) -> None:
    kept: list[int] = []
    told = {"on_best": lambda driver: kept.append(driver.found.best.number)}
    running = ran(tmp_path, 4, tiny_space(lr=ALIKE), slots=2, **told)
    assert running.found.best is not None
    assert running.found.best.number == 0
    assert len(kept) == 2
    assert kept[-1] == 0
