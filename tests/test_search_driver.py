"""The loop of a search, over a real study and a real pool; what the pool runs trains nothing."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import optuna
import pytest
import search_parts
from optuna.pruners import ThresholdPruner
from rich.console import Console
from search_parts import driver, rows, tiny_space
from search_targets import ALIKE, DIES, RAISES

import nas.search.driver
from nas.search.options import Budget
from nas.search.study import JOURNAL, load_study, trials

TRIALS = 4


class Recorder:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def start(self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object]) -> None:
        self.told.append(("start", number, dict(parameters), dict(facts)))

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        self.told.append(("report", number, epoch, dict(metrics)))

    def finish(self, number: int, state: str, summary: Mapping[str, object]) -> None:
        self.told.append(("finish", number, state, dict(summary)))

    def close(self) -> None:
        self.told.append(("close",))

    def where(self) -> str | None:
        return None


@pytest.fixture
def gives_up_soon(monkeypatch: pytest.MonkeyPatch) -> int:
    """Every record is a write to disk, so exhausting a space is slow."""
    monkeypatch.setattr(nas.search.driver, "GIVE_UP_AFTER", 40)
    return 40


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """The folder and the rows of a study of four candidates that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("finished")
    with driver(folder, TRIALS) as running:
        running.run()
        return folder, rows(running)


def test_a_search_trains_as_many_candidates_as_it_was_asked_for(finished: tuple[Path, list[dict[str, str]]]) -> None:
    counted = [row for row in finished[1] if row["state"] in ("complete", "pruned")]
    assert len(counted) == TRIALS
    assert [int(row["number"]) for row in finished[1]] == list(range(len(finished[1])))


def test_every_candidate_has_a_log_and_no_checkpoint_stays(finished: tuple[Path, list[dict[str, str]]]) -> None:
    folder, table = finished
    trained = [f"{int(row['number']):04d}.log" for row in table if row["state"] == "complete"]
    assert sorted(path.name for path in (folder / "logs").iterdir()) == trained
    assert not (folder / "checkpoints").exists()


def test_the_same_seed_repeats_a_search_and_another_does_not(
    tmp_path: Path, finished: tuple[Path, list[dict[str, str]]]
) -> None:
    with driver(tmp_path / "same", TRIALS) as running:
        running.run()
        assert [without_time(row) for row in rows(running)] == [without_time(row) for row in finished[1]]
    with driver(tmp_path / "other", TRIALS, seed=1) as running:
        running.run()
        assert [row["digest"] for row in rows(running)] != [row["digest"] for row in finished[1]]


def test_a_finished_search_goes_on_to_a_larger_total_and_no_further(tmp_path: Path) -> None:
    for total in (2, 2, 5):
        with driver(tmp_path, total, slots=2) as running:
            running.run()
            assert running.progress.counted == total
            assert Counter(row["state"] for row in rows(running))["complete"] == total
    numbers = [row["number"] for row in rows(running)]
    assert len(numbers) == len(set(numbers))


def test_several_slots_count_exactly_too(tmp_path: Path) -> None:
    with driver(tmp_path, 7, slots=3) as running:
        running.run()
        assert running.progress.counted == 7


def test_candidates_that_raise_or_die_are_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    with driver(tmp_path, 3, tiny_space(lr={"choice": [0.01, RAISES, DIES]}), slots=2) as running:
        running.run()
        table = rows(running)
    failed = {row["training.lr"]: row["reason"] for row in table if row["state"] == "failed"}
    assert failed == {
        "13.0": "ValueError: the loss is no number",
        "14.0": "its process died: killed by signal 9 (SIGKILL; the system does this when memory runs out)",
    }
    assert running.progress.counts["complete"] == 3
    assert all(row["value"] == "" for row in table if row["state"] == "failed")


def test_a_search_gives_up_after_too_many_failures_and_says_so(tmp_path: Path) -> None:
    said, space = StringIO(), tiny_space(lr=RAISES)
    for failures, failed in ((2, 3), (2, 3), (3, 4)):
        with driver(tmp_path, 9, space, failures=failures, console=Console(file=said, width=200)) as running:
            running.run()
            assert running.progress.counts["failed"] == failed
    assert said.getvalue().count("3 candidates have failed, more than study.failures=2") == 2
    assert "4 candidates have failed, more than study.failures=3" in said.getvalue()


def test_candidates_over_the_budget_are_told_to_the_sampler_and_never_trained(tmp_path: Path) -> None:
    with driver(tmp_path, 3, budget=Budget(parameters=60)) as running:
        running.run()
        table = rows(running)
        over = [trial for trial in trials(running.study) if trial.user_attrs["state"] == "infeasible"]
    assert over
    assert all(trial.constraints["parameters"] > 0 for trial in over)
    assert {row["state"] for row in table if int(row["parameters"]) > 60} == {"infeasible"}
    assert running.progress.counts["complete"] == 3
    logs = {int(path.stem) for path in (tmp_path / "logs").iterdir()}
    assert logs == {int(row["number"]) for row in table if row["state"] == "complete"}
    assert all("over the limit of parameters" in row["reason"] for row in table if row["state"] == "infeasible")


def test_a_budget_that_nothing_fits_ends_the_search_with_a_line(tmp_path: Path, gives_up_soon: int) -> None:
    said = StringIO()
    with driver(tmp_path, 3, budget=Budget(macs=1), console=Console(file=said, width=200)) as running:
        running.run()
        assert running.exhausted
        assert running.progress.counts == {"infeasible": gives_up_soon}
    assert "the space is exhausted, or nothing else fits" in said.getvalue()


@pytest.mark.usefixtures("gives_up_soon")
def test_equal_candidates_are_trained_once_and_the_others_are_twins_with_their_value(tmp_path: Path) -> None:
    same = [{"op": "conv", "width": 4, "kernel": 1}]
    other = [{"op": "conv", "width": 5, "kernel": 1}]
    network = {"op": "chain", "name": "body", "chain": {"choice": {"a": same, "b": same, "c": other}}}
    with driver(tmp_path, 9, tiny_space(network=network)) as running:
        running.run()
        table = rows(running)
        assert running.exhausted
    complete = {row["digest"]: row for row in table if row["state"] == "complete"}
    twins = [row for row in table if row["state"] == "twin"]
    assert len(complete) == 2
    assert len(twins) == len(table) - 2
    for twin in twins:
        original = complete[twin["digest"]]
        assert twin["value"] == original["value"]
        assert twin["reason"] == f"trains like trial {original['number']}"
        assert int(twin["number"]) > int(original["number"])
    best = running.progress.best
    assert best is not None
    assert best.state == "complete"


def test_pruned_candidates_count_and_are_never_best(tmp_path: Path) -> None:
    found = []
    with driver(tmp_path, 3, pruner=ThresholdPruner(lower=2.0), on_best=found.append) as running:
        running.run()
        assert running.progress.counts["pruned"] == running.progress.counted == 3
        table = rows(running)
    assert running.progress.best is None
    assert not found
    assert all(row["value"] for row in table if row["state"] == "pruned")


def test_a_document_that_is_wrong_in_itself_is_a_failed_trial(tmp_path: Path) -> None:
    wrong = {"op": "chain", "name": "body", "chain": {"choice": {"right": [], "wrong": [{"op": "no such"}]}}}
    with driver(tmp_path, 1, tiny_space(network=wrong, lr={"choice": [0.01, 0.02]}), failures=20) as running:
        running.run()
        table = rows(running)
    assert running.progress.counted == 1
    assert all("no op 'no such'" in row["reason"] for row in table if row["state"] == "failed")


def test_the_best_is_the_first_of_the_highest_and_is_told_at_once(tmp_path: Path) -> None:
    found = []
    with driver(tmp_path, 6, on_best=found.append) as running:
        running.run()
        complete = [trial for trial in trials(running.study) if trial.user_attrs["state"] == "complete"]
    values = {trial.number: trial.value for trial in complete}
    assert found[-1].number == max(values, key=lambda number: (values[number], -number))
    assert [trial.value for trial in found] == sorted(trial.value for trial in found)


def test_the_tracker_hears_of_each_trained_candidate_once_and_of_no_other(tmp_path: Path) -> None:
    heard = Recorder()
    with driver(tmp_path, 3, budget=Budget(parameters=60), tracker=heard) as running:
        running.run()
        table = {int(row["number"]): row for row in rows(running)}
    trained = [number for number, row in table.items() if row["state"] == "complete"]
    assert [told[1] for told in heard.told if told[0] == "start"] == trained
    assert [told[1:3] for told in heard.told if told[0] == "finish"] == [(number, "complete") for number in trained]
    for _, number, parameters, facts in (told for told in heard.told if told[0] == "start"):
        assert parameters == trials(running.study)[number].params
        row = table[number]
        assert facts == {"digest": row["digest"], "parameters": int(row["parameters"]), "macs": int(row["macs"])}
    assert [told[1:3] for told in heard.told if told[0] == "report"] == [
        (n, epoch) for n in trained for epoch in (0, 1)
    ]


def test_an_interrupted_candidate_goes_on_under_its_own_number_from_its_checkpoint(tmp_path: Path) -> None:
    reports = []

    def stopping() -> bool:
        journal = tmp_path / JOURNAL
        reports.append(journal.exists() and journal.read_text().count('"intermediate_value"') >= 3)
        return reports[-1]

    with driver(tmp_path, 2, tiny_space(epochs=8), stopping=stopping) as running:
        running.run()
        assert running.progress.counted == 0
    heard = Recorder()
    with driver(tmp_path, 2, tiny_space(epochs=8), tracker=heard) as running:
        running.run()
        table = rows(running)
    assert [row["state"] for row in table if row["state"] != "twin"] == ["complete", "complete"]
    epochs = (tmp_path / "logs" / "0000.log").read_text().split("\n")
    assert 8 <= len(epochs) - 1 <= 9  # at most the one that was under way is trained again
    assert list(trials(running.study)[0].intermediate_values) == list(range(8))
    assert {told[2] for told in heard.told if told[0] == "report" and told[1] == 0} == set(range(8))


def without_time(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if key != "seconds"}


def check_whole(folder: Path, undisturbed: list[dict[str, str]]) -> None:
    """Runs the study to its end: it becomes the one that nothing has disturbed."""
    with driver(folder, TRIALS) as running:
        running.run()
        assert [without_time(row) for row in rows(running)] == [without_time(row) for row in undisturbed]
    assert not (folder / "checkpoints").exists()


def cuts(count: int) -> list[int]:
    """Where to cut a journal, as a share in thousandths; the same ones each time."""
    return random.Random(0).sample(range(1000), count)


def check_cut(folder: Path, finished: tuple[Path, list[dict[str, str]]], share: int) -> None:
    """Cuts the finished study's journal in the middle of a byte's line, as a kill may, and runs it to its end."""
    journal = (finished[0] / JOURNAL).read_bytes()
    folder.mkdir()
    (folder / JOURNAL).write_bytes(journal[: len(journal) * share // 1000])
    (folder / f"{JOURNAL}.lock").symlink_to(folder / JOURNAL)  # of the writer that was killed
    check_whole(folder, finished[1])


@pytest.mark.parametrize("share", [0, *cuts(5)])
def test_a_journal_cut_anywhere_is_continued_to_the_exact_total(
    tmp_path: Path, finished: tuple[Path, list[dict[str, str]]], share: int
) -> None:
    check_cut(tmp_path / "cut", finished, share)


@pytest.mark.slow
@pytest.mark.parametrize("share", cuts(100))
def test_a_journal_cut_at_many_places_is_continued_to_the_exact_total(
    tmp_path: Path, finished: tuple[Path, list[dict[str, str]]], share: int
) -> None:
    check_cut(tmp_path / "cut", finished, share)


def check_kills(folder: Path, finished: tuple[Path, list[dict[str, str]]], seed: int, kills: int) -> None:
    """Kills a searching program again and again, then lets it end."""
    moments = random.Random(seed)
    for _ in range(kills):
        arguments = [sys.executable, "-c", "import search_parts; search_parts.main()", str(folder), str(TRIALS)]
        program = subprocess.Popen(arguments, cwd=Path(search_parts.__file__).parent)
        deadline = time.monotonic() + 60
        while not (folder / "lock").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 1.2))
        program.kill()
        program.wait()
    check_whole(folder, finished[1])


def test_a_search_killed_twice_reaches_the_exact_total(
    tmp_path: Path, finished: tuple[Path, list[dict[str, str]]]
) -> None:
    check_kills(tmp_path / "study", finished, seed=0, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_search_killed_many_times_reaches_the_exact_total(
    tmp_path: Path, finished: tuple[Path, list[dict[str, str]]], seed: int
) -> None:
    check_kills(tmp_path / "study", finished, seed, kills=8)


def test_a_study_can_be_read_while_it_is_searched(tmp_path: Path) -> None:
    states = []
    with driver(tmp_path, 2, stopping=lambda: bool(states.append(len(load_study(tmp_path).trials)))) as running:
        running.run()
    assert sorted(states) == states
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    study = load_study(tmp_path.parent / "copy")
    assert [trial.state for trial in study.trials if trial.user_attrs["state"] == "complete"] == [
        optuna.trial.TrialState.COMPLETE
    ] * 2
    assert all(json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())


def test_of_equals_the_lowest_number_is_best_though_it_ended_last(tmp_path: Path) -> None:
    kept: list[int] = []
    with driver(tmp_path, 4, tiny_space(lr=ALIKE), slots=2, on_best=lambda trial: kept.append(trial.number)) as running:
        running.run()
        assert running.progress.best is not None
        assert running.progress.best.number == 0
    assert len(kept) == 2
    assert kept[-1] == 0
