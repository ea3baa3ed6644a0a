"""`python -m nas space`: what it says of a space, what it draws, and what it refuses."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from verbs import said

from nas.__main__ import main
from nas.search.spaces import quantile

OWN = """
architecture:
  network:
    - {op: conv, name: stem, width: {choice: [4, 8]}, kernel: {choice: [3, 5]}, form: {choice: [full, stacked]}}
    - {op: cell, name: stage, cell: googlenet.3a, depth: {int: [0, 1]}, width_multiplier: 0.125}
    - {op: global_pool}
    - {op: linear, width: classes}
training: {lr: {choice: [0.1, 0.2]}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def test_a_small_space_is_told_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(
        capsys, "space", "own.yaml", "--samples", "200", "--data-size", "32", "--channels", "3", "--classes", "7"
    )
    lines = text.splitlines()
    assert lines[0] == "own at 3×32×32, 7 classes"
    assert "holes       5: 4 in network, 1 in training" in lines
    assert "documents   32" in lines
    assert "            16 without training" in lines
    assert "networks    12 (all 16 documents made)" in lines  # a stacked 3×3 is a 3×3
    assert "200 random candidates, each hole drawn evenly" in lines
    assert "published cells in it, but for widths, norms and padding:" in lines
    assert any(line.split()[:2] == ["googlenet", "3a"] for line in lines)
    assert all(line == line.rstrip() and len(line) <= 120 for line in lines)


def test_the_share_over_a_budget_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "space", "own.yaml", "--samples", "100", "--budget-parameters", "300", "--budget-macs", "1e9")
    (line,) = [line for line in text.splitlines() if line.startswith("rejected")]
    assert line.endswith("over 300 parameters, 0 % over 1 G MACs")
    assert "rejected" not in said(capsys, "space", "own.yaml", "--samples", "10")


def test_depth_and_memory_are_told_and_may_be_limited(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["own.yaml", "--samples", "50", "--budget-depth", "3", "--budget-memory", "1e12", "--budget-batch"]
    few, many = said(capsys, "space", *options, "1"), said(capsys, "space", *options, "1000")
    (line,) = [line for line in few.splitlines() if line.startswith("rejected")]
    assert line.endswith("over 3 layers, 0 % over 1 T bytes")
    (depth,) = [line.split() for line in few.splitlines() if line.startswith("depth")]
    assert depth[1:3] == ["2", "2"]
    assert depth[-1] == "5"  # a stacked 5×5, and an Inception cell
    assert [line for line in few.splitlines() if line.startswith("memory")] != [
        line for line in many.splitlines() if line.startswith("memory")
    ]


def test_overrides_close_and_narrow_holes(capsys: pytest.CaptureFixture[str]) -> None:
    override = "search.architecture.network.stem.kernel=3"
    assert (
        "documents   16"
        in said(capsys, "space", "own.yaml", override, "training.lr=0.1", "--samples", "5").splitlines()
    )


def test_pictures_of_the_space_and_of_candidates_are_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "space", "own.yaml", "--samples", "5", "--draw", "pictures/new")
    files = sorted(path.name for path in (folder / "pictures" / "new").iterdir())
    assert files == [*(f"candidate_{number:02d}.svg" for number in range(1, 11)), "own.svg"]
    for name in files:
        assert f"pictures/new/{name}" in text
        assert ElementTree.parse(folder / "pictures" / "new" / name).getroot().get("role") == "img"


def test_candidates_that_do_not_fit_the_images_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "large.yaml").write_text(OWN.replace("[3, 5]", "[3, 11]").replace("kernel:", "padding: valid, kernel:"))
    override = "search.architecture.network.stem.form=full"
    text = said(capsys, "space", "large.yaml", override, "--data-size", "8", "--samples", "60")
    (line,) = [line for line in text.splitlines() if line.startswith("unfit")]
    assert "do not fit the images; the first: stem: a kernel of 11×11 does not fit the grid of 8×8" in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["inception_cel"], "no search space 'inception_cel'; did you mean 'inception_cell'"),
        (["missing.yaml"], "no file 'missing.yaml'"),
        (["own.yaml", "--samples", "0"], "--samples: expected at least 1; got 0"),
        (["own.yaml", "--enumerate", "-1"], "--enumerate: expected at least 0; got -1"),
        (["own.yaml", "search.architecture.network.stam.kernel=3"], "stam"),
        (["own.yaml", "--budget-macs", "-5"], "search.budget.macs: expected a number above 0"),
        (["own.yaml", "--budget-memory", "0"], "search.budget.memory: expected a number above 0"),
        (["own.yaml", "--budget-batch", "0"], "search.budget.batch: expected a whole number from 1"),
        (["own.yaml", "--samples", "1", "--draw", "own.yaml"], "--draw: cannot write 'own.yaml'"),
        (["own.yaml", "search.architecture.network.stem.padding=valid", "--data-size", "1"], "none of 1000 random"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_input_is_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert main(["space", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert [path.name for path in folder.iterdir()] == ["own.yaml"]


def test_a_quantile_is_a_value_that_was_there() -> None:
    values = [5, 1, 4, 2, 3]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1, 3, 5, 5]
    assert quantile([7], 0.5) == 7
