"""A whole search, as people run it: its files, its repetition, how it goes on after any end, and its mirror in W&B."""

import csv
import os
import re
import shlex
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import IO

import numpy as np
import optuna
import pytest
import yaml
from search_parts import PROGRAM, SEARCH, TINY_SPACE, Searched, prepared, quick_pool, whole_search, without_time
from wandb_files import read_runs

from nas.architecture import Architecture
from nas.command import main
from nas.compose import configuration
from nas.overrides import quoted
from nas.program import program
from nas.space.reading import read_document
from nas.study.files import TRIALS
from nas.study.study import JOURNAL, load_study
from nas.training.recipe import METRIC, Training

HOLES = ["network.body.width", "network.body.kernel", "training.lr"]


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / TRIALS).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return whole_search(tmp_path_factory)


def test_a_search_leaves_its_files_and_nothing_else(searched: Searched) -> None:
    left = {path.name for path in searched.folder.iterdir()}
    assert left == {
        "best.yaml",
        "trials.csv",
        "config.yaml",
        "environment.yaml",
        "journal.log",
        "lock",
        "logs",
        "wandb",
        "weights",
    }
    assert {path.name for path in searched.home.iterdir()} == {"studies", "tiny.yaml", "images.npz"}


def test_the_table_of_trials_is_whole(searched: Searched) -> None:
    rows = table(searched.folder)
    assert list(rows[0]) == ["number", "state", "value", "digest", "parameters", "macs", "seconds", "reason", *HOLES]
    assert [int(row["number"]) for row in rows] == list(range(len(rows)))
    assert {row["state"] for row in rows} <= {"complete", "pruned", "failed", "infeasible", "twin"}
    counted = [row for row in rows if row["state"] in ("complete", "pruned")]
    assert len(counted) == 4
    study = load_study(searched.folder)
    assert [trial.number for trial in study.trials if trial.state.is_finished()] == [int(row["number"]) for row in rows]
    for trial, row in zip(study.trials, rows, strict=True):
        assert {name: yaml.safe_load(row[name]) for name in HOLES} == trial.params
        assert row["state"] == trial.user_attrs["state"]
        assert float(row["value"]) == trial.value
        assert float(row["seconds"] or 1) > 0


def test_the_best_candidate_is_a_document_that_loads_with_every_default(searched: Searched) -> None:
    document = yaml.safe_load((searched.folder / "best.yaml").read_text(encoding="utf-8"))
    assert list(document) == ["architecture", "training", "seed", "record"]
    architecture = Architecture.load(str(searched.folder / "best.yaml"))
    assert architecture.to_document() == document["architecture"]
    assert Training.from_document(document["training"]).to_document() == document["training"]
    record = document["record"]
    best = max(
        (row for row in table(searched.folder) if row["state"] == "complete"), key=lambda row: float(row["value"])
    )
    assert (record["trial"], record[METRIC]) == (int(best["number"]), float(best["value"]))
    assert record["digest"] == architecture.digest == best["digest"]
    assert record["data"]["class_names"] == ["0", "1", "2"]
    assert record["preprocessing"]["size"] == [8, 8]
    assert (record["threads"], record["device"], record["epochs"]) == (1, "cpu", 2)
    assert record["sampled"] == {name: yaml.safe_load(best[name]) for name in HOLES}


def test_the_composed_configuration_is_kept(searched: Searched) -> None:
    config = yaml.safe_load((searched.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["space"] == "tiny"
    assert config["study"]["trials"] == 4
    assert config["data"]["path"] == "images.npz"
    assert config["search"]["training"]["lr"] == {"choice": [0.01, 0.03]}
    assert config["search"]["architecture"]["network"][0]["width"]["choice"] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_optunas_own_tools_read_the_journal(searched: Searched) -> None:
    backend = optuna.storages.journal.JournalFileBackend(str(searched.folder / JOURNAL))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.JournalStorage(backend)
    study = optuna.load_study(study_name="tiny", storage=storage)
    assert study.best_value == max(float(row["value"]) for row in table(searched.folder) if row["value"])


def test_output_to_a_pipe_is_a_line_for_each_candidate_and_no_control_characters(searched: Searched) -> None:
    assert searched.errors == ""
    assert not [c for c in searched.output if c < " " and c != "\n"]
    lines = [line for line in searched.output.splitlines() if line.startswith("[")]
    trained = [row for row in table(searched.folder) if row["state"] in ("complete", "pruned")]
    assert len(lines) == len(trained)
    for count, (line, row) in enumerate(zip(lines, trained, strict=True), 1):
        assert line.startswith(f"[{count}/4] trial {row['number']} {row['state']} {float(row['value']):.4f} (")


def test_the_end_shows_the_best_and_says_what_can_be_done_next(searched: Searched) -> None:
    best = yaml.safe_load((searched.folder / "best.yaml").read_text(encoding="utf-8"))["record"]
    for part in (
        "best candidates",
        best["digest"],
        f"best candidate, trial {best['trial']}:",
        "4 of 4 candidates",
        "everything is in studies/tiny/: best.yaml, trials.csv, config.yaml, environment.yaml, journal.log, logs",
        "wandb sync studies/tiny/wandb",
        "to retrain:  python train.py architecture=studies/tiny/best.yaml data=npz data.path=images.npz",
    ):
        assert part in searched.output
    assert "to go on" not in searched.output


def test_the_runs_in_wandb_are_those_of_the_study(searched: Searched) -> None:
    runs = {run.name: run for run in read_runs(searched.folder / "wandb").values()}
    study = load_study(searched.folder)
    assert sorted(runs) == ["tiny", *(f"trial-{trial.number:04d}" for trial in study.trials)]
    for trial in study.trials:
        run, facts = runs[f"trial-{trial.number:04d}"], trial.user_attrs
        assert run.group == "tiny"
        assert run.config == {
            **{name.replace(".", "/"): value for name, value in trial.params.items()},
            **{key: facts[key] for key in ("digest", "parameters", "macs", "depth", "memory")},
        }
        if facts["state"] == "complete":
            assert [(row["_step"], row[METRIC]) for row in run.history] == list(trial.intermediate_values.items())
            assert all("train/loss" in row for row in run.history)
        assert "cell._type" in run.history[0]
        assert run.summary["state"] == facts["state"]
        assert run.summary["value"] == trial.value
        assert run.tags == (facts["state"],)
        assert run.exit_code == 0


def test_a_search_continued_in_parts_is_the_same_as_in_one_go(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepared(tmp_path))
    for trials in (2, 4):
        assert main([*SEARCH, f"study.trials={trials}", "tracking=none"]) == 0
        assert sum(row["state"] == "complete" for row in table(Path("studies/tiny"))) == trials
    assert without_time(table(Path("studies/tiny"))) == without_time(table(searched.folder))
    assert (
        Path("studies/tiny/best.yaml").read_text().partition("record:")[0]
        == ((searched.folder / "best.yaml").read_text().partition("record:")[0])
    )
    capsys.readouterr()
    assert main([*SEARCH, "study.trials=4", "tracking=none"]) == 0
    assert "4 of 4 candidates" in capsys.readouterr().out
    assert without_time(table(Path("studies/tiny"))) == without_time(table(searched.folder))


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        (["search.architecture.network.body.width=4"], "search.architecture.network.body.width: "),
        (["search.architecture.network.body.width={choice:[2,3,4,5,6,7,8]}"], "search.architecture.network.body.width"),
        (["training.weight_decay=0.5"], "search.training.weight_decay: 0.02 in the study, 0.5 asked for now"),
        (["trainer.max_epochs=3"], "search.training.epochs: 2 in the study, 3 asked for now"),
        (["study.seed=1"], "study.seed: 0 in the study, 1 asked for now"),
        (["sampler=random"], "sampler._target_: "),
        (["pruner=none"], "pruner._target_: "),
        (["trainer.precision=bf16-mixed"], "trainer.precision: "),
        (["data.path=other.npz"], "data.fingerprint: "),
        (["search.training.lr=0.01", "study.trials=100"], "search.training.lr: "),
    ],
)
def test_a_run_that_would_not_be_comparable_is_refused_and_the_study_stays_as_it_is(
    searched: Searched,
    arguments: list[str],
    difference: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(searched.home)
    if "other.npz" in arguments[0]:
        write_other_images(searched.home / "other.npz")
    before = {path: path.read_bytes() for path in searched.folder.rglob("*") if path.is_file() and path.name != "lock"}
    assert main([*SEARCH, *arguments, "tracking=none"]) == 2
    said = capsys.readouterr()
    assert "study 'tiny' was made with something else" in said.err
    assert difference in said.err
    after = {path: path.read_bytes() for path in searched.folder.rglob("*") if path.is_file() and path.name != "lock"}
    assert after == before


def test_an_exhausted_space_ends_well_and_a_budget_that_nothing_fits_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    space = TINY_SPACE.replace("[2, 3, 4, 5, 6, 7, 8, 9]", "{a: 2, b: 2}").replace("[0.01, 0.03]", "[0.01]")
    monkeypatch.chdir(prepared(tmp_path, space))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    assert main([*SEARCH, "study.trials=9", "tracking=none"]) == 0
    said = capsys.readouterr().out
    assert "every document of the space has been looked at: nothing else is new and fits" in said
    assert "2 of 9 candidates" in said
    assert "to go on" not in said
    rows = table(Path("studies/tiny"))
    assert Counter(row["state"] for row in rows) == {"complete": 2, "twin": len(rows) - 2}
    assert main([*SEARCH, "study.name=small", "search.budget.parameters=1", "tracking=none"]) == 1
    said = capsys.readouterr().out
    assert "20 infeasible; 0 of 20 candidates" in said
    assert "best.yaml" not in said
    assert {row["state"] for row in table(Path("studies/small"))} == {"infeasible"}


@pytest.mark.parametrize("name", ["it's", "a b", "ünï 猫", '"x"', "a=b,c", "[1]", "100%", "back tick `", "x" * 200])
def test_a_study_of_any_name_can_be_continued_and_retrained_as_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepared(tmp_path))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    arguments = [*SEARCH, f"study.name={quoted(name)}", "study.trials=1", "tracking=none"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert [path.name for path in (tmp_path / "studies").iterdir()] == [name]
    (command,) = re.findall(rf"^to retrain:  {program()} (.*)$", said, re.MULTILINE)
    (best,) = [argument for argument in shlex.split(command) if argument.startswith("architecture=")]
    assert Path(configuration([best]).options["architecture"]).samefile(tmp_path / "studies" / name / "best.yaml")
    (drawn,) = re.findall(r"^to draw it:  python -m nas draw (.*)$", said, re.MULTILINE)
    assert [Path(path).samefile(tmp_path / "studies" / name / "best.yaml") for path in shlex.split(drawn)] == [True]


def test_candidates_on_two_devices_are_trained_by_two_ranks_that_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared(tmp_path))
    settings = ["pool.devices_per_candidate=2", "study.trials=2", "tracking=none"]
    assert main([*SEARCH, *settings]) == 0
    trials = [trial for trial in load_study(Path("studies/tiny")).trials if trial.user_attrs["state"] == "complete"]
    assert [trial.user_attrs["trained"]["devices"] for trial in trials] == [2, 2]
    logs = sorted(path.name for path in Path("studies/tiny/logs").iterdir())
    assert logs == ["0000.log", "0000.rank1.log", "0001.log", "0001.rank1.log"]
    record = read_document(Path("studies/tiny/best.yaml"))["record"]
    assert record["devices"] == 2


LONG_SPACE = TINY_SPACE.replace("epochs: 2", "epochs: 100").replace("0.03", "1.0e+38")
"""Candidates take a while, or diverge at once."""


def started(home: Path, output: IO[str], terminal: bool = False) -> "subprocess.Popen[str]":
    """A search of four candidates in a process of its own, in a terminal of its own or not."""
    command = [sys.executable, PROGRAM, *SEARCH, "sampler=tpe", "study.trials=4", "tracking=none"]
    if terminal:
        spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
        command = [sys.executable, "-c", spawn, *command]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    return subprocess.Popen(
        command, cwd=home, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, text=True, env=environment
    )


def wait_for(path: Path, text: str, count: int) -> str:
    """The file's content once `text` stands in it so many times."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        content = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if content.count(text) >= count:
            return content
        time.sleep(0.05)
    raise AssertionError(f"{text!r} did not come:\n{content[-2000:]}")


def test_a_search_that_is_killed_and_then_interrupted_reaches_its_total(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, folder = prepared(tmp_path, LONG_SPACE), tmp_path / "studies" / "tiny"
    with (home / "killed.txt").open("w") as output, started(home, output) as program:
        wait_for(folder / JOURNAL, '"intermediate_value"', 120)  # the second candidate is under way
        program.kill()
    assert "complete" in {row["state"] for row in table(folder)}  # written when there was a new best

    with (home / "terminal.txt").open("w") as output, started(home, output, terminal=True) as program:
        wait_for(folder / JOURNAL, '"intermediate_value"', 150)
        monkeypatch.chdir(home)
        assert main([*SEARCH, "sampler=tpe", "study.trials=4", "tracking=none"]) == 2  # while the other runs
        assert "another search runs in this study (process " in capsys.readouterr().err
        wait_for(folder / JOURNAL, '"intermediate_value"', 230)
        assert program.stdin is not None
        program.stdin.write("\x03")
        program.stdin.flush()
        begun = time.monotonic()
        assert program.wait(60) == 130
        assert time.monotonic() - begun < 30  # "within seconds", on a machine that is very busy
    shown = (home / "terminal.txt").read_text(encoding="utf-8")
    assert "to go on:    python train.py +search=tiny.yaml data=npz" in shown
    assert "\x1b[" in shown
    assert "━" in shown  # the live table
    running = [trial for trial in load_study(folder).trials if not trial.state.is_finished()]
    assert len(running) == 1
    begun_training = (folder / "logs" / f"{running[0].number:04d}.log").exists()  # or it was proposed at that moment
    assert (folder / "checkpoints" / f"{running[0].number:04d}.pt").exists() == begun_training
    rows = table(folder)
    assert 1 <= sum(row["state"] == "complete" for row in rows) < 4

    assert main([*SEARCH, "sampler=tpe", "study.trials=4", "tracking=none"]) == 0
    rows = table(folder)
    assert sum(row["state"] in ("complete", "pruned") for row in rows) == 4
    assert [int(row["number"]) for row in rows] == list(range(len(rows)))
    failed = [row for row in rows if row["state"] == "failed"]
    assert failed
    assert all("NotFinite" in row["reason"] and row["training.lr"] == "1e+38" for row in failed)
    assert {row["state"] for row in rows if int(row["number"]) == running[0].number} <= {"complete", "pruned"}
    assert not (folder / "checkpoints").exists()


def write_other_images(path: Path) -> None:
    with np.load("images.npz") as arrays:
        np.savez(path, **{**arrays, "x_train": arrays["x_train"][:, ::-1]})
