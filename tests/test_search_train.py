"""Training one document: what a search found, to the same figure; a published network; the default one."""

import csv
import re
import shlex
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import yaml
from search_parts import PROGRAM, SLOT, Searched, prepared, whole_search

from nas.command import main
from nas.search.train import DEFAULT
from nas.training.recipe import METRIC

DOCUMENT = """
architecture:
  input: {channels: 1, size: 8}
  classes: 3
  network: [{op: conv, name: body, width: 4, kernel: 3}, {op: global_pool}, {op: linear, width: classes}]
training: {epochs: 2, batch_size: 32, lr: 0.02, warmup_epochs: 0}
"""
IMAGES = ["data=npz", "data.path=images.npz", *SLOT]


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return whole_search(tmp_path_factory)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(prepared(tmp_path))
    (tmp_path / "doc.yaml").write_text(DOCUMENT, encoding="utf-8")
    return tmp_path


def test_the_command_that_a_search_ends_with_repeats_its_figure_to_the_last_digit(searched: Searched) -> None:
    (command,) = re.findall(r"^to retrain:  python (.*)$", searched.output, re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert program == "train.py"
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments, "test=true"],
        cwd=searched.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = read(searched.folder / "best.yaml")
    (folder,) = searched.folder.glob("train-*")
    assert {path.name for path in folder.iterdir()} == {"checkpoint.pt", "document.yaml", "result.yaml", "weights.pt"}
    result = read(folder / "result.yaml")
    assert result[METRIC] == found["record"][METRIC]
    assert f"the search had {result[METRIC]!r}, this training has {result[METRIC]!r}" in done.stdout
    assert (result["epochs"], result["threads"], result["versions"]) == (2, 1, found["record"]["versions"])
    document = read(folder / "document.yaml")
    assert {key: document[key] for key in ("architecture", "training", "seed")} == {
        key: found[key] for key in ("architecture", "training", "seed")
    }
    with (searched.folder / "test_reads.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["digest"] == found["record"]["digest"]
    assert row["document"] == "studies/tiny/best.yaml"
    assert yaml.safe_load(row["result"]) == result["test"]
    assert "test split (30 images): " in done.stdout


def test_a_training_has_a_folder_of_its_own_and_reads_no_test_split_unless_asked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["architecture=doc.yaml", *IMAGES]) == 0
    first, second = (home / "studies" / "doc" / f"train-00{number}" for number in (1, 2))
    assert read(first / "result.yaml")["test"] is None
    assert not (home / "studies" / "doc" / "test_reads.csv").exists()
    same = [read(folder / "result.yaml") for folder in (first, second)]
    assert same[0][METRIC] == same[1][METRIC]
    assert (first / "weights.pt").read_bytes() != b""
    said = capsys.readouterr().out
    assert "epoch 2/2: loss " in said
    assert "doc.yaml: 59 parameters, " in said


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["trainer.max_epochs=1"], {"training": {"epochs": 1}}),
        (["training.lr=0.5", "training.epochs=1"], {"training": {"lr": 0.5, "epochs": 1}}),
        (["training={lr:0.5}", "trainer.max_epochs=1"], {"training": {"lr": 0.5}}),
        (["study.seed=7", "training.epochs=1"], {"seed": 7}),
        (["architecture.network.body.width=5", "training.epochs=1"], {"architecture": {"classes": 3}}),
    ],
)
def test_the_command_line_goes_over_the_document(arguments: list[str], changed: dict[str, Any], home: Path) -> None:
    assert main(["architecture=doc.yaml", *IMAGES, *arguments, "study.name=mine"]) == 0
    document = read(home / "studies" / "mine" / "train-001" / "document.yaml")
    for section, values in changed.items():
        given = document[section]
        assert given == values if not isinstance(values, dict) else {key: given[key] for key in values} == values
    width = document["architecture"]["network"][0]["width"]
    assert width == (5 if "width=5" in arguments[0] else 4)


def test_folders_that_are_there_are_left_alone(home: Path) -> None:
    for name in ("train-001", "train-002"):
        (home / "studies" / "doc" / name).mkdir(parents=True)
    assert main(["architecture=doc.yaml", *IMAGES, "trainer.max_epochs=1"]) == 0
    assert [len(list((home / "studies" / "doc" / f"train-00{n}").iterdir())) for n in (1, 2, 3)] == [0, 0, 4]


def test_what_was_trained_trains_again(home: Path) -> None:
    assert main(["architecture=doc.yaml", *IMAGES]) == 0
    again = "studies/doc/train-001/document.yaml"
    assert main([f"architecture={again}", *IMAGES, "study.name=again"]) == 0
    results = [read(home / "studies" / name / "train-001" / "result.yaml")[METRIC] for name in ("doc", "again")]
    assert results[0] == results[1]


def test_other_images_than_a_document_was_found_on_are_noted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "doc.yaml").write_text(DOCUMENT + "record: {data: {name: clothes, fingerprint: abc}}", encoding="utf-8")
    assert main(["architecture=doc.yaml", *IMAGES, "trainer.max_epochs=1"]) == 0
    assert "not the images it was found on (clothes)" in capsys.readouterr().out


def test_a_training_that_diverges_ends_with_a_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["training.lr=1e38", "training.optimizer=sgd", "training.epochs=5"]
    assert main(["architecture=doc.yaml", *IMAGES, *arguments]) == 1
    said = capsys.readouterr()
    assert "the training has failed: " in said.out
    assert "Traceback" not in said.err


def test_a_terminal_without_the_characters_ends_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TextIOWrapper(BytesIO(), encoding="ascii", write_through=True) as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        assert main(["architecture=doc.yaml", *IMAGES, "trainer.max_epochs=1"]) == 0
        assert isinstance(terminal.buffer, BytesIO)
        assert b"MACs at 1?8?8; 1 epoch on images" in terminal.buffer.getvalue()


def test_a_folder_that_cannot_be_written_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["architecture=doc.yaml", *IMAGES, "study.folder=doc.yaml"]) == 2
    assert "study.folder: doc.yaml/doc cannot be written" in capsys.readouterr().err


def test_without_anything_the_default_network_is_trained_on_the_embedded_images(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["architecture.width_multiplier=0.25", "training.batch_size=256", "pool.threads=1"]
    assert main(["trainer.max_epochs=1", *small]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{DEFAULT}: ")
    assert "fashion_mnist_mini" in said
    assert "after 1 epoch in" in said
    assert read(home / "studies" / DEFAULT / "train-001" / "result.yaml")[METRIC] > 0.1
