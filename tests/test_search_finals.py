"""What is trained after a search: exact figures, nothing twice whatever interrupts it, and the test split read once."""

import csv
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from final_program import quick_pool
from final_targets import FAILS
from search_parts import SEARCH, TINY_SPACE, prepared
from search_targets import DIES_ONCE, value_of

from nas.command import main
from nas.compose import configuration
from nas.data.npz import load_npz
from nas.errors import InputError
from nas.search.finals import final_seeds
from nas.search.options import Budget, FinalsOptions, SearchOptions, section
from nas.search.trainings import Trained, read_table
from nas.study.files import FINALS_TABLE, TEST_READS
from nas.training.candidate import run
from nas.training.job import Job
from nas.training.recipe import METRIC
from nas.training.result import Result

QUICK = [*SEARCH, "study.trials=4", "tracking=none", "sampler=random"]
STUDY = Path("studies/tiny")
EPOCHS = 2
"""Of the tiny space; a quick training gains a hundredth from the first to the second."""

SMALL = """
architecture:
  input: {channels: 1, size: 8}
  classes: 3
  network: [{op: conv, name: body, width: 3, kernel: 5}, {op: global_pool}, {op: linear, width: classes}]
"""


def laid_out(folder: Path, space: str = TINY_SPACE) -> Path:
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    return prepared(folder, space)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(laid_out(tmp_path))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    return tmp_path


def finals(*options: str) -> list[str]:
    return [*QUICK, *(f"search.finals.{option}" for option in options)]


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def reads() -> list[dict[str, str]]:
    with (STUDY / TEST_READS).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def networks() -> dict[str, dict[str, Any]]:
    return {network["name"]: network for network in read(STUDY / "finals.yaml")["networks"]}


def by_network(rows: list[Trained]) -> dict[str, list[Trained]]:
    return {name: [row for row in rows if row.network == name] for name in {row.network: None for row in rows}}


def trials(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "trials.csv").read_text(encoding="utf-8").splitlines()))


def winner_name() -> str:
    return f"trial {read(STUDY / 'best.yaml')['record']['trial']}"


WHOLE = [
    *finals("top=2", "seeds=2", "test=true", "final=true", "baselines=[small.yaml]"),
    "search.control=random",
    "search.budget.parameters=80",
]


@dataclass(frozen=True)
class Whole:
    home: Path
    said: str  # without line breaks


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """All that there is after a search, once for all tests that only look at it."""
    home = laid_out(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setattr("nas.search.search.Pool", quick_pool)
        output = StringIO()
        with redirect_stdout(output):
            assert main(WHOLE) == 0
    return Whole(home, " ".join(output.getvalue().split()))


@pytest.fixture
def whole(finished: Whole, monkeypatch: pytest.MonkeyPatch) -> Whole:
    monkeypatch.chdir(finished.home)
    return finished


def test_the_best_are_trained_under_new_seeds_and_the_best_mean_wins(whole: Whole) -> None:
    rows = by_network(read_table(STUDY))
    best = sorted((t for t in trials(STUDY) if t["state"] == "complete"), key=lambda trial: -float(trial["value"]))[:2]
    for trial in best:
        name = f"trial {trial['number']}"
        final = sorted((row for row in rows[name] if row.purpose == "final"), key=lambda row: row.seed)
        values = [row.value or 0.0 for row in final]
        assert [row.seed for row in final] == [1000, 1001]
        figures = networks()[name]["validation"]
        assert figures["mean"] == pytest.approx(statistics.mean(values), abs=1e-15)
        assert figures["std"] == pytest.approx(statistics.stdev(values), abs=1e-15)
        assert (figures["n"], list(figures["values"].values())) == (2, values)
        assert networks()[name]["search_value"] == float(trial["value"])
        assert f"{figures['mean']:.4f} ± {figures['std']:.4f}" in whole.said
    finalists = [network for network in networks().values() if network["kind"] == "finalist"]
    assert {network["name"] for network in finalists} == {f"trial {trial['number']}" for trial in best}
    winner = max(finalists, key=lambda network: network["validation"]["mean"])
    mean = f"{winner['validation']['mean']:.4f}"
    assert f"{winner['name']} is the best of 2 finalists, with a mean {METRIC} of {mean}" in whole.said
    assert f"best candidate, {winner['name']}: " in whole.said


def test_best_yaml_is_the_winner_with_how_it_was_chosen(whole: Whole) -> None:
    document = read(STUDY / "best.yaml")
    finalists = [network for network in networks().values() if network["kind"] == "finalist"]
    winner = max(finalists, key=lambda network: network["validation"]["mean"])
    record = document["record"]
    assert winner_name() == winner["name"]
    assert document["seed"] == 1000
    plain = {key: document[key] for key in ("architecture", "training", "seed")}
    assert record[METRIC] == value_of(plain) + (EPOCHS - 1) / 100 == winner["validation"]["values"]["1000"]
    assert record["chosen"] == {
        "by": f"highest mean {METRIC} of 2 finalists",
        "search": {"seed": 0, METRIC: winner["search_value"]},
        "finals": winner["validation"],
        "test": winner["test"],
    }


def test_the_test_split_is_read_for_the_winner_the_baselines_and_the_controls_winner_alone(whole: Whole) -> None:
    tested = [network for network in networks().values() if network["test"]]
    assert [network["kind"] for network in tested] == ["finalist", "control", "baseline"]
    assert len(reads()) == 6
    assert Counter(row["digest"] for row in reads()) == {network["digest"]: 2 for network in tested}
    for network in tested:
        values = network["validation"]["values"]
        assert network["test"]["values"] == {seed: value / 2 for seed, value in values.items()}
        assert network["test"]["mean"] == pytest.approx(statistics.mean(values.values()) / 2)
    assert (STUDY / "finals" / "weights.pt").read_text() == "trained on both: True"
    assert not (STUDY / "finals" / "checkpoints").exists()


def test_baselines_are_trained_by_the_winners_recipe_and_marked_over_the_budget(whole: Whole) -> None:
    small = networks()["small"]
    assert (small["kind"], small["parameters"]) == ("baseline", 93)
    assert small["over_budget"] == {"parameters": round(93 / 80 - 1, 4)}
    assert networks()[winner_name()]["over_budget"] == {}
    recipe = read(STUDY / "best.yaml")["training"]
    rows = by_network(read_table(STUDY))["small"]
    assert {(row.lr, row.weight_decay) for row in rows} == {(recipe["lr"], recipe["weight_decay"])}
    assert "over the limit of parameters" in whole.said
    assert "Against small it has " in whole.said


def test_the_control_is_a_study_of_its_own_with_as_many_candidates(whole: Whole) -> None:
    control = Path("studies/tiny-control")
    rows = trials(control)
    assert sum(row["state"] == "complete" for row in rows) == 4
    assert [row["network.body.width"] for row in rows] != [row["network.body.width"] for row in trials(STUDY)]
    assert read(control / "config.yaml")["study"]["name"] == "tiny-control"
    assert Counter(network["kind"] for network in networks().values()) == {"finalist": 2, "control": 2, "baseline": 1}
    assert "Against control trial " in whole.said


def test_the_end_says_what_can_be_concluded_and_what_cannot(whole: Whole) -> None:
    assert "One search and one control say nothing of the method" in whole.said
    error = (networks()[winner_name()]["test"]["mean"] * (1 - networks()[winner_name()]["test"]["mean"]) / 30) ** 0.5
    assert f"The 30 test images alone give a standard error of {error:.4f}." in whole.said
    assert read(STUDY / "finals.yaml")["conclusion"] in whole.said


def test_finals_of_a_finished_study_are_not_repeated(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole.home, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    changing = ("lock", "environment.yaml", "journal.log")  # each run is noted
    left = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file() and path.name not in changing}
    assert main(WHOLE) == 0
    there = {path for path in Path().rglob("*.*") if path.is_file() and path.name not in changing}
    assert left == {path: path.read_bytes() for path in there}
    assert len(read(STUDY / "environment.yaml")["runs"]) == 2


def test_the_same_finals_come_out_of_the_same_search_whatever_comes_first(whole: Whole, home: Path) -> None:
    first = read(whole.home / STUDY / "finals.yaml")
    assert main([*WHOLE, "pool.slots=2"]) == 0
    assert read(home / STUDY / "finals.yaml") == first


def test_more_can_be_asked_for_later_and_nothing_is_trained_again(home: Path) -> None:
    assert main(finals("top=1", "seeds=2", "baselines=[small.yaml]")) == 0
    before = read_table(STUDY)
    assert len(before) == len(list((STUDY / "finals" / "checkpoints").iterdir())) == 4
    logs = {path: path.read_text() for path in (STUDY / "finals" / "logs").iterdir()}
    assert not (STUDY / TEST_READS).exists()
    assert main(finals("top=1", "seeds=3", "baselines=[small.yaml]", "test=true")) == 0
    assert read_table(STUDY)[:4] == before
    assert len(read_table(STUDY)) == 6
    assert len(reads()) == 6
    assert {path: path.read_text() for path in logs} == logs


def test_tuning_gives_each_as_many_settings_and_the_best_is_trained_under_all_seeds(home: Path) -> None:
    assert main(finals("top=2", "seeds=2", "baselines=[small.yaml]", "tune=4", "test=true")) == 0
    rows = by_network(read_table(STUDY))
    for name in (winner_name(), "small"):
        tuning = [row for row in rows[name] if row.purpose == "tuning"]
        assert len(tuning) == 4
        assert {row.seed for row in tuning} == {0}, "the search's: the seeds of the finals choose nothing here"
        best = max(tuning, key=lambda row: row.value or 0.0)
        network = networks()[name]
        assert (network["lr"], network["weight_decay"]) == (best.lr, best.weight_decay)
        trained = [row for row in rows[name] if row.purpose == "final" and row.lr == best.lr]
        assert {str(row.seed): row.value for row in trained} == network["validation"]["values"]
    assert read(STUDY / "best.yaml")["training"]["lr"] == networks()[winner_name()]["lr"]
    assert len(reads()) == 4


def test_longer_finals_train_longer_and_baselines_can_be_made_equal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "tiny.yaml").write_text(TINY_SPACE.replace("[0.01, 0.03]", f"[{DIES_ONCE}]"), encoding="utf-8")
    assert main(finals("top=1", "seeds=1", "epochs=5", "baselines=[small.yaml]", "equal=parameters")) == 0
    assert [(row.epochs, row.state) for row in read_table(STUDY)] == [(5, "complete")] * 2
    assert read(STUDY / "best.yaml")["training"]["epochs"] == 5
    assert networks()["small"]["parameters"] <= read(STUDY / "best.yaml")["record"]["parameters"]
    said = capsys.readouterr().out
    assert said.count("its process died: killed by signal 9") == said.count("(retried)") == 6, "each dies once"


def test_a_training_that_fails_is_told_and_counted(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FAILS, "1001")
    assert main(finals("top=2", "seeds=3")) == 0
    said = capsys.readouterr().out
    assert said.count("failed: ValueError: the loss is no number (see finals/logs/") == 2
    assert {network["validation"]["n"] for network in networks().values()} == {2}
    assert {network["failed"] for network in networks().values()} == {1}
    assert "1 failed" in said
    assert "the test split has not been read" in " ".join(said.split())
    failed = [row for row in read_table(STUDY) if row.state == "failed"]
    assert [(row.seed, row.value) for row in failed] == [(1001, None)] * 2
    assert (STUDY / failed[0].reason.rpartition("see ")[2].rstrip(")")).is_file()
    monkeypatch.setenv(FAILS, "1000 1001 1002")
    assert main([*finals("top=2", "seeds=3"), "study.name=other"]) == 0
    assert "all trainings have failed; best.yaml is what the search found" in capsys.readouterr().out
    assert "chosen" not in read(Path("studies/other/best.yaml"))["record"]


LONG = TINY_SPACE.replace("epochs: 2", "epochs: 25")


def started(home: Path, command: list[str], output: Path) -> "subprocess.Popen[bytes]":
    program = [sys.executable, str(Path(__file__).parent / "final_program.py"), *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with output.open("wb") as file:
        return subprocess.Popen(program, cwd=home, stdout=file, stderr=subprocess.STDOUT, env=environment)


def wait_for_rows(path: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_text(encoding="utf-8").count("\n") <= count:
        assert time.monotonic() < deadline, "no rows came"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_finals_that_are_killed_or_interrupted_go_on_where_they_were(home: Path, how: signal.Signals) -> None:
    (home / "tiny.yaml").write_text(LONG, encoding="utf-8")
    command = finals("top=2", "seeds=2", "test=true")
    with started(home, command, home / "out.txt") as program:
        wait_for_rows(STUDY / FINALS_TABLE, 2)  # the third is under way
        time.sleep(0.1)
        program.send_signal(how)
        assert program.wait(60) == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert "finals: interrupted; the same command goes on with them" in (home / "out.txt").read_text()
    assert not (STUDY / TEST_READS).exists()
    done = read_table(STUDY)
    assert 2 <= len(done) < 4
    logs = {path: path.read_text() for path in (STUDY / "finals" / "logs").iterdir()}
    assert main(command) == 0
    after = read_table(STUDY)
    assert after[: len(done)] == done
    assert len(after) == 4
    assert len(reads()) == 2
    printed = {path: path.read_text() for path in (STUDY / "finals" / "logs").iterdir()}
    for path, text in printed.items():
        assert text.startswith(logs.get(path, ""))
        # an epoch that was trained and not yet written down may come twice
        assert [line for line in text.splitlines() if line == "epoch 0"] == ["epoch 0"]
    kinds = Counter(read(STUDY / "finals.yaml")["networks"][0]["validation"]["values"])
    assert set(kinds) == {"1000", "1001"}


def test_what_there_is_not_is_refused_before_anything_is_written(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(finals("top=1", "baselines=[resnet19]")) == 2
    assert "baselines: resnet19: architecture: no published network 'resnet19'" in capsys.readouterr().err
    with np.load("images.npz") as arrays:
        kept = {name: arrays[name] for name in arrays if not name.endswith("test")}
    np.savez("images.npz", **kept)
    assert main(finals("top=1", "test=true")) == 2
    assert "search.finals.test: data 'images' has no test split" in capsys.readouterr().err
    assert not Path("studies").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"top": -1}, "search.finals.top: expected a whole number from 0 to 1000; got -1"),
        ({"seeds": 0}, "search.finals.seeds: expected a whole number from 1"),
        ({"epochs": 0}, "search.finals.epochs"),
        ({"equal": "size"}, "search.finals.equal: no measure 'size'; there are: parameters, macs, null"),
        ({"test": True}, "search.finals.test: there is no winner without search.finals.top=5"),
        ({"top": 1, "final": 1}, "search.finals.final: expected true or false; got 1"),
        ({"baselines": ["resnet18"]}, "search.finals.baselines: there is no winner without"),
        ({"top": 1, "baselines": "resnet18"}, "search.finals.baselines: expected a list of names and files"),
        ({"tops": 3}, "search.finals: no key 'tops'; did you mean 'top'?"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        section(FinalsOptions, options, "search.finals")
    assert said in str(refused.value)


def test_there_is_one_control() -> None:
    with pytest.raises(InputError, match=r"search\.control: no control 'tpe'; there are: random, null"):
        SearchOptions(Budget(), control="tpe")


def test_seeds_of_the_finals_are_no_others() -> None:
    assert final_seeds(0, 3) == [1000, 1001, 1002]
    assert not {0, 1, 2, *final_seeds(0, 1000)} & {*final_seeds(1, 1000)}


def test_a_winner_is_repeated_by_a_real_training_of_best_yaml_on_test_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test split is read from the finished checkpoint, and there gives what it gives right after the training."""
    monkeypatch.chdir(prepared(tmp_path))
    options = [f"search.finals.{option}" for option in ("top=1", "seeds=2", "test=true", "final=true")]
    assert main([*SEARCH, "study.trials=1", "tracking=none", *options]) == 0
    document = read(STUDY / "best.yaml")
    record = document["record"]
    images = partial(load_npz, "images.npz")
    result = run(Job(document, images, "cpu", "32-true", Path("new.pt"), test=True), lambda epoch, metrics: None, 1)
    assert isinstance(result, Result)
    assert result.value == record[METRIC] == record["chosen"]["finals"]["values"]["1000"]
    assert (result.test or {})["test/accuracy"] == record["chosen"]["test"]["values"]["1000"]
    assert (STUDY / "finals" / "weights.pt").stat().st_size > 100


def test_the_command_in_the_documentation_composes() -> None:
    text = (Path(__file__).parent.parent / "docs" / "evaluation.md").read_text(encoding="utf-8")
    command = text.partition("```sh\n")[2].partition("```")[0].replace("\\\n", "")
    options = configuration(shlex.split(command)[2:]).options["search"]
    asked = section(FinalsOptions, options["finals"], "search.finals")
    assert (asked.top, asked.test, asked.equal, options["control"]) == (5, True, "parameters", "random")
    assert asked.baselines == ["resnet18", "inception_v3.a"]
