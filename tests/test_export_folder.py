"""An export is complete: whoever has the folder and PyTorch can use it as its card says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from exported import assert_close, images, module_of, onnx_outputs, trained

import nas
from nas.__main__ import main
from nas.architecture import Architecture
from nas.network import Network

HOSTILE = "a\"b'c <script>|`$(x)` ../é\n# *b* _c_ {0}"


def snippets(folder: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def run_alone(folder: Path, program: str) -> str:
    """In a process that cannot import this project."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    hidden = "import sys\nfor name in ('nas', 'conf', 'search_spaces'):\n    sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", hidden + program], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Path]:
    """A trained network, and the folder of its export in all forms."""
    home = tmp_path_factory.mktemp("everything")
    network = trained(home / "train-001")
    assert main(["export", str(home / "train-001"), "--out", str(home / "out"), "--to", "all"]) == 0
    return network, home / "out"


def test_whoever_follows_the_card_runs_the_network_with_torch_alone(everything: tuple[Network, Path]) -> None:
    """And, where its programs say so, with the packages of other forms."""
    network, out = everything
    check = "print(network(torch.ones(2, 1, 12, 12)).tolist())\n"
    classes, *printed = run_alone(out, "".join(program + check for program in snippets(out))).splitlines()
    assert set(re.findall("round|square", classes)) <= {"round", "square"}
    assert len(printed) == 5
    with torch.inference_mode():
        expected = network(torch.ones(2, 1, 12, 12))
    for line in printed:
        assert_close(torch.tensor(json.loads(line)), expected)


def test_every_form_has_the_outputs_of_the_network(everything: tuple[Network, Path]) -> None:
    network, out = everything
    x = images(build(out).plan, count=3, dtype=torch.float32)
    with torch.inference_mode():
        expected = network(x)
        assert_close(torch.export.load(out / "network.pt2").module()(x), expected)
        assert_close(module_of((out / "network.py").read_text(encoding="utf-8")).load(out / "weights.pt")(x), expected)
        assert_close(nas.load(out)(x), expected)
        assert_close(nas.load(out, out / "weights.safetensors")(x), expected)
        assert_close(onnx_outputs(out / "network.onnx", x), expected)


def test_graphs_with_folded_norms_have_the_outputs_of_the_network(tmp_path: Path) -> None:
    network = trained(tmp_path / "train-001")
    out = tmp_path / "out"
    assert main(["export", str(tmp_path / "train-001"), "--out", str(out), "--to", "onnx,torch-export", "--fold"]) == 0
    x = images(build(out.parent / "train-001").plan, count=3, dtype=torch.float32)
    with torch.inference_mode():
        assert_close(torch.export.load(out / "network.pt2").module()(x), network(x))
        assert_close(onnx_outputs(out / "network.onnx", x), network(x))
    onnx = pytest.importorskip("onnx", reason="looks into an ONNX file")
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(out / "network.onnx").graph.node}


def build(folder: Path) -> Architecture:
    return Architecture.load(next(folder.glob("*[te].yaml")))


def test_texts_of_any_kind_do_no_harm_in_an_export(tmp_path: Path) -> None:
    folder = tmp_path / "it's <b> | `x`"
    trained(folder, name=HOSTILE, classes=(HOSTILE, '"""', "\\", "class"))
    assert main(["export", str(folder), "--out", str(tmp_path / "out"), "--to", "yaml,python,timm,svg,card"]) == 0
    assert module_of((tmp_path / "out/network.py").read_text(encoding="utf-8")).CLASSES[0] == HOSTILE
    assert json.loads((tmp_path / "out/preprocessing.json").read_text())["class_names"][0] == HOSTILE
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["model-index"][0]["results"][0]["dataset"]["name"] == HOSTILE
    assert "<script>" not in card.split("---\n", 2)[2]
    assert "<b>" not in card.split("---\n", 2)[2]
    compile((tmp_path / "out/timm_network.py").read_text(encoding="utf-8"), "timm_network.py", "exec")


def test_an_export_can_be_exported_and_loaded_again(everything: tuple[Network, Path], tmp_path: Path) -> None:
    network, out = everything
    assert main(["export", str(out), "--out", str(tmp_path / "again"), "--to", "yaml,python"]) == 0
    assert (tmp_path / "again/best.yaml").read_text() == (out / "best.yaml").read_text()
    classifier = nas.load(tmp_path / "again")
    x = torch.randint(0, 256, (2, 1, 12, 12))
    with torch.inference_mode():
        assert_close(classifier(classifier.preprocess(x)), network((x / 255 - 0.25) / 0.5))
    assert classifier.class_names == ("round", "square")


def test_a_published_network_is_exported_without_weights(tmp_path: Path) -> None:
    assert main(["export", "nin_cifar10", "--out", str(tmp_path)]) == 0
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"README.md", "best.yaml", "cells.yaml", "network.py", "network.svg"}
    assert run_alone(tmp_path, snippets(tmp_path)[0]) == "torch.Size([1, 10])\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "nothing"),
        (["nin_cifar10", "--to", "pdf"], r"--to: no format 'pdf'.*yaml, python"),
        (["nin_cifar10", "--to", "onnx,card"], "--to onnx: there are no weights of nin_cifar10; give --weights FILE"),
        (["nin_cifar10", "--weights", "missing.pt"], "missing.pt: no such file"),
        (["nin_cifar10", "--trial", "1"], "nin_cifar10"),
        (["nin_cifar10", "--train", "--no-weights"], "exclude each other"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_weights_that_were_not_kept_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained(tmp_path / "train-001")
    (tmp_path / "train-001/weights.pt").rename(tmp_path / "elsewhere.pt")
    command = ["export", str(tmp_path / "train-001"), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "its weights were not kept" in capsys.readouterr().err
    assert main([*command, "--weights", str(tmp_path / "elsewhere.pt")]) == 0
    assert (tmp_path / "out/weights.safetensors").is_file()
    assert "not with these weights | 0.7500" in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert main([*command[:-1], str(tmp_path / "bare"), "--no-weights"]) == 0
    assert not (tmp_path / "bare/weights.pt").exists()
