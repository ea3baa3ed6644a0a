"""From a finished search to a network that stands alone: one command, with the weights that the search had."""

import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from search_parts import SEARCH, whole_search

import nas
from nas import command
from nas.__main__ import main
from nas.data.npz import load_npz
from nas.training.recipe import METRIC


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of where a search of four candidates has ended."""
    copy = tmp_path / "home"
    shutil.copytree(whole_search(tmp_path_factory).home, copy, ignore=shutil.ignore_patterns("wandb"))
    monkeypatch.chdir(copy)
    return copy


def best(folder: str = "studies/tiny") -> dict[str, object]:
    record: dict[str, object] = yaml.safe_load((Path(folder) / "best.yaml").read_text(encoding="utf-8"))["record"]
    return record


def accuracy_of(given: str) -> float:
    """On the validation images."""
    data = load_npz(Path("images.npz"))
    classifier = nas.load(given)
    with torch.inference_mode():
        pixels = torch.from_numpy(data.val.images.copy()).permute(0, 3, 1, 2)
        right = classifier(classifier.preprocess(pixels)).argmax(1) == torch.from_numpy(data.val.labels.copy())
    return right.double().mean().item()


def test_a_search_keeps_the_weights_of_its_best_alone(home: Path) -> None:
    assert [path.name for path in Path("studies/tiny/weights").iterdir()] == [f"{best()['trial']:04d}.pt"]


def test_a_finished_search_is_exported_with_its_weights_by_one_command(home: Path) -> None:
    assert main(["export", "tiny", "--out", "out"]) == 0
    assert accuracy_of("out") == pytest.approx(best()[METRIC])
    assert accuracy_of("studies/tiny/best.yaml") == pytest.approx(best()[METRIC])
    card = Path("out/README.md").read_text(encoding="utf-8")
    assert "found by a search among 4 trained candidates" in card
    assert f"| accuracy, validation split, these weights | {best()[METRIC]:.4f} |" in card


def test_other_trials_are_trained_again_to_the_same_figure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(next(number for number in range(4) if number != best()["trial"]))
    command = ["export", "studies/tiny", "--trial", other, "--out", "out"]
    assert main(command) == 2
    assert f"error: tiny, trial {other}: its weights were not kept" in capsys.readouterr().err
    assert main([*command, "--train"]) == 0
    assert "note:" not in capsys.readouterr().out
    assert accuracy_of("out") == pytest.approx(best("out")[METRIC])
    assert main(command) == 0  # they are kept from now on


def test_the_winner_of_finals_is_exported_with_the_weights_it_had_there(home: Path) -> None:
    found = str(best()["trial"])
    options = ["study.trials=4", "tracking=none", "search.finals.top=2", "search.finals.seeds=2"]
    assert command.main([*SEARCH, *options]) == 0
    assert len(list(Path("studies/tiny/weights").iterdir())) == 2  # the search's best, and the winner
    assert "chosen" in best()
    assert main(["export", "tiny", "--out", "out"]) == 0
    assert accuracy_of("out") == pytest.approx(best()[METRIC])
    assert "## Compared" in Path("out/README.md").read_text(encoding="utf-8")
    assert main(["export", "tiny", "--trial", found, "--out", "as_found"]) == 0
    assert accuracy_of("as_found") == pytest.approx(best("as_found")[METRIC])


def test_with_one_objective_the_front_is_the_best(home: Path) -> None:
    assert main(["export", "studies/tiny", "--front", "--to", "python", "--out", "front"]) == 0
    assert [path.name for path in Path("front").iterdir()] == [f"{best()['trial']:04d}"]


def test_images_are_fitted_as_the_record_says(home: Path) -> None:
    best = Path("studies/tiny/best.yaml")
    best.write_text(best.read_text(encoding="utf-8").replace("fit: crop", "fit: pad"), encoding="utf-8")
    assert main(["export", str(best), "--to", "yaml,python", "--out", "out"]) == 0
    preprocessing = nas.load("out").preprocessing
    assert preprocessing is not None
    assert preprocessing.fit == "pad"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "--trial", "99", "--out", "out"], "no trial 99; its trials are 0 to"),
        (["tiny", "--out", "studies/tiny"], "--out: studies/tiny is the folder of a study"),
        (["studies/tiny/best.yaml", "--trial", "0", "--out", "out"], "--trial: .* is a file"),
    ],
)
def test_what_a_study_cannot_give_is_refused(
    arguments: list[str], message: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)
