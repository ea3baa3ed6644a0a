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
import torch
import yaml
from search_parts import PROGRAM, SLOT, Searched, prepared, whole_search

from nas.architecture import Architecture
from nas.command import main
from nas.network import build_network
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


SKELETON = """
architecture:
  cells: {head: [{op: global_pool}, {op: linear, width: classes}]}
  network: [{op: cell, name: stage_1, depth: 2, values: {width: 6}}, {op: cell, name: head, cell: head}]
training: {epochs: 1}
"""
FOUND = """
architecture:
  input: {channels: 1, size: 8}
  classes: 3
  cells: {normal: {op: conv, width: $width, kernel: 3}}
  network:
    - {op: cell, name: stage_1, cell: normal, values: {width: 2}}
    - {op: global_pool}
    - {op: linear, width: classes}
training: {epochs: 2, batch_size: 30, lr: 0.02, warmup_epochs: 0}
seed: 5
record: {threads: 3, data: {name: clothes, fingerprint: abc}}
"""


def test_a_found_cell_is_trained_in_a_skeleton_and_what_was_trained_stands_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recipe is the skeleton's over that of what was found; where it was found says nothing of these images."""
    (home / "skeleton.yaml").write_text(SKELETON, encoding="utf-8")
    (home / "found.yaml").write_text(FOUND, encoding="utf-8")
    edit = "architecture.network.stage_1.depth=3"
    assert main(["cell=found.yaml", "architecture=skeleton.yaml", edit, *IMAGES]) == 0
    said = capsys.readouterr().out
    assert "skeleton.yaml: " in said
    assert "note:" not in said
    document = read(home / "studies" / "skeleton" / "train-001" / "document.yaml")
    network = document["architecture"]["network"]
    assert network[0] == {"op": "cell", "name": "stage_1", "cell": "normal", "depth": 3, "values": {"width": 6}}
    assert (document["training"]["epochs"], document["training"]["batch_size"], document["seed"]) == (1, 30, 5)
    assert document["record"]["cells"] == {"skeleton": "skeleton.yaml", "all": "found.yaml"}
    for name in ("found.yaml", "skeleton.yaml"):
        (home / name).unlink()
    assert main(["architecture=studies/skeleton/train-001/document.yaml", *IMAGES, "study.name=again"]) == 0
    again = read(home / "studies" / "again" / "train-001" / "document.yaml")
    assert again["record"][METRIC] == document["record"][METRIC]


def test_a_cell_found_by_a_study_is_trained_in_the_folder_of_that_study(home: Path) -> None:
    (home / "skeleton.yaml").write_text(SKELETON, encoding="utf-8")
    study = home / "studies" / "mine"
    study.mkdir(parents=True)
    (study / "best.yaml").write_text(FOUND, encoding="utf-8")
    (study / "journal.log").write_text("", encoding="utf-8")
    assert main(["cell={stage:studies/mine/best.yaml}", "architecture=skeleton.yaml", *IMAGES]) == 0
    assert read(study / "train-001" / "document.yaml")["record"]["cells"]["stage"] == "studies/mine/best.yaml"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cell=found.yaml"], "architecture: cells need a skeleton"),
        (["cell=none.yaml", "architecture=cifar"], "no file 'none.yaml'"),
        (["cell=found.yaml", "architecture=doc.yaml"], "doc.yaml: architecture: no place for a cell"),
        (["cell=found.yaml", "architecture=cifar"], "cifar: network.reduction_1: found.yaml has no op of this name"),
        (["cell=doc.yaml", "+search=tiny.yaml"], "cell: places a found cell in a network to train"),
        (["architecture=cifar"], "no published network 'cifar'"),
    ],
)
def test_a_cell_that_cannot_be_placed_is_refused_before_anything_is_written(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "found.yaml").write_text(FOUND, encoding="utf-8")
    assert main([*arguments, *IMAGES]) == 2
    assert message in capsys.readouterr().err
    assert not (home / "studies").exists()


def test_a_training_begins_with_weights_and_says_what_did_not_come_from_them(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="writes a safetensors file")
    assert main(["architecture=doc.yaml", *IMAGES, "training.epochs=12", "training.lr=0.05"]) == 0
    first = home / "studies" / "doc" / "train-001"
    began = read(first / "result.yaml")[METRIC]
    assert began > 0.5
    state = torch.load(first / "weights.pt", weights_only=True)
    (head,) = (name for name in state if name.endswith("linear.weight"))
    others = {**state, head: torch.zeros(7, 4), head.replace("weight", "bias"): torch.zeros(7)}
    safetensors.save_file(others, "others.safetensors")
    capsys.readouterr()
    still = ["architecture=doc.yaml", *IMAGES, "training.lr=1e-9", "training.epochs=1"]
    assert main([*still, f"weights={first / 'weights.pt'}"]) == 0
    assert "weights.pt (our own names)" in " ".join(capsys.readouterr().out.split())
    document = read(home / "studies" / "doc" / "train-002" / "document.yaml")
    assert document["record"][METRIC] == began, "nothing has been learned"
    assert document["record"]["weights"]["file"] == str(first / "weights.pt")
    assert main([f"architecture={first.parent}/train-002/document.yaml", *still[1:], "study.name=again"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "without weights=FILE, this training begins from scratch" in said
    assert "the search had" not in said
    assert main([*still, "weights=others.safetensors"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    layer = head.removesuffix(".weight")
    assert f"starts from others.safetensors (our own names; drawn anew: {layer})" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["weights=none.pt"], "weights: no file 'none.pt'"),
        (["weights=doc.yaml"], "doc.yaml: cannot be read as weights alone"),
        (["weights=wide.pt"], "of another shape: body.conv.weight (9×1×3×3) for (4×1×3×3)"),
        (["weights=wide.pt", "+search=tiny.yaml"], "weights: a search trains from scratch"),
    ],
)
def test_weights_that_do_not_fit_are_refused_before_anything_is_written(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    architecture = Architecture.from_document(yaml.safe_load(DOCUMENT.replace("width: 4", "width: 9"))["architecture"])
    torch.save(build_network(architecture, in_channels=1, classes=3).state_dict(), "wide.pt")
    document = [] if "+search=tiny.yaml" in arguments else ["architecture=doc.yaml"]
    assert main([*document, *IMAGES, *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (home / "studies").exists()


def test_what_was_found_on_more_than_one_device_or_in_micro_batches_is_trained_so_or_noted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = []
    for record in ("{}", "{micro_batch: 8, devices: 2}"):
        (home / "doc.yaml").write_text(f"{DOCUMENT}record: {record}", encoding="utf-8")
        assert main(["architecture=doc.yaml", *IMAGES, "trainer.max_epochs=1"]) == 0
        results.append(read(home / "studies" / "doc" / f"train-00{len(results) + 1}" / "result.yaml"))
    assert "it was found on 2 devices at once and is trained on one here" in " ".join(capsys.readouterr().out.split())
    assert [result.get("micro_batch") for result in results] == [None, 8]
    (home / "doc.yaml").write_text(f"{DOCUMENT}record: {{micro_batch: many}}", encoding="utf-8")
    assert main(["architecture=doc.yaml", *IMAGES]) == 2
    assert "record.micro_batch: expected a whole number from 1 to" in capsys.readouterr().err


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
