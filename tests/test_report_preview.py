"""What a search will cost, said before it."""

import re
from pathlib import Path

import pytest
from search_parts import SEARCH, prepared
from verbs import said

from nas.__main__ import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return prepared(tmp_path)


def test_a_preview_counts_and_prices_without_training(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "preview", *SEARCH, "search.budget.parameters=100", "--timed", "0")
    assert told.startswith("tiny on images: 60 images to train on, 30 to validate, 1×8×8, 3 classes\n")
    assert "documents   32, 3 holes" in told
    assert re.search(r"300 drawn at random, of which \d+% are rejected", told)
    assert re.search(r"  parameters  \d+ to \d+, half of them up to \d+", told)
    assert "expected" not in told


@pytest.mark.slow
def test_a_preview_times_some_candidates_in_processes_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "preview", *SEARCH, "study.trials=7", "--samples", "20", "--timed", "2")
    assert len(re.findall(r"MACs: .* an epoch, .* for 2, .* MB", told)) == 2
    assert re.search(r"expected    .* for 7 candidates if none is pruned", told)
    assert not (Path.cwd() / "studies").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["data=npz", "data.path=images.npz"], "which space"),
        ([*SEARCH, "search.budget.parameters=1", "--timed", "0"], "none of 300 random candidates fits"),
        ([*SEARCH, "--samples", "0"], "--samples: expected at least 1; got 0"),
        (["+search=tiny.yaml", "data=npz", "data.path=nowhere.npz"], "nowhere.npz"),
    ],
)
def test_what_a_search_would_refuse_a_preview_refuses(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["preview", *arguments]) == 2
    assert expected in capsys.readouterr().err
