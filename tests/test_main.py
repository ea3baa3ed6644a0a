"""The commands of `python -m nas`, and those on networks."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from verbs import refused, said

from nas.__main__ import VERBS, main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_draw_writes_a_picture_named_after_the_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "draw", "inception_v3") == "inception_v3.svg\n"
    assert ElementTree.parse(folder / "inception_v3.svg").getroot().get("role") == "img"


def test_draw_writes_one_cell_where_it_is_told(folder: Path) -> None:
    assert main(["draw", "inception_v3", "--cell", "stage_b.1", "--out", "b.svg"]) == 0
    assert main(["draw", "inception_v3", "--cell", "stage_b.1"]) == 0
    assert "stage_b.1" in (folder / "b.svg").read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.iterdir()) == ["b.svg", "inception_v3_stage_b.1.svg"]


def test_describe_prints_the_table_at_a_size_and_number_of_classes(capsys: pytest.CaptureFixture[str]) -> None:
    table = said(capsys, "describe", "bn_inception", "--size", "64", "--classes", "10")
    assert table.startswith("input 3×64×64, depth 34, training keeps ")
    assert "linear 10 " in table


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["draw", "inception_v33"], "no published network 'inception_v33'; did you mean 'inception_v3'"),
        (["describe", "missing.yaml"], "no file 'missing.yaml'"),
        (["describe", "broken.yaml"], "broken.yaml"),
        (["draw", "inception_v3", "--cell", "z"], "no cell or op 'z'"),
        (["draw", "inception_v3", "--out", "x.jpg"], "a picture is .svg or .png; got 'x.jpg'"),
        (["draw", "inception_v3", "--out", "no/such/x.svg"], "cannot write 'no/such/x.svg': No such file or directory"),
        (["describe", "inception_v3", "--size", "0"], "--size: expected at least 1; got 0"),
        (["describe", "inception_v3", "--size", "16"], "does not fit the grid"),
        (["describe", "inception_v3", "--variant", "no such"], "variant"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_input_is_one_line_and_writes_nothing(
    arguments: list[str], expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.yaml").write_text("architecture: {network: [", encoding="utf-8")
    assert expected in refused(capsys, *arguments)
    assert [path.name for path in folder.iterdir()] == ["broken.yaml"]


def test_commands_on_networks_and_spaces_import_no_torch(folder: Path) -> None:
    stem = "{op: conv, name: stem, width: {choice: [2, 3]}, kernel: 1}"
    own = f"architecture: {{network: [{stem}, {{op: global_pool}}, {{op: linear, width: classes}}]}}"
    (folder / "own.yaml").write_text(own, encoding="utf-8")
    space = ["space", "own.yaml", "--samples", "2", "--draw", "pictures"]
    lines = [["draw", "googlenet"], ["describe", "googlenet"], space]
    code = f"import sys; from nas.__main__ import main; print(*map(main, {lines})); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder)
    assert done.stdout.splitlines()[-2:] == ["0 0 0", "False"]


def test_output_that_nobody_reads_to_its_end_is_no_error() -> None:
    command = f"{sys.executable} -m nas describe inception_resnet_v2 | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("input 3×299×299, depth 176, training keeps ")
    assert done.stderr == ""


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ([], *([name] for name in VERBS)):
        with pytest.raises(SystemExit) as stopped:
            main([*verb, "--help"])
        assert stopped.value.code == 0
        assert "usage: python -m nas" in capsys.readouterr().out


def test_a_terminal_without_the_characters_ends_nothing() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "nas", "describe", "googlenet"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("input 3?224?224, ")


def test_help_imports_nothing_that_takes_long() -> None:
    code = "import sys, nas.__main__ as main; main.parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"optuna", "hydra", "numpy", "yaml", "rich", "wandb", "torch"} & set(loaded)
