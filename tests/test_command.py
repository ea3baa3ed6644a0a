"""`train.py` as people call it: its help, and input that is refused with one message and nothing written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_parts import TINY_SPACE, write_images, write_space

from nas.command import main

PROGRAM = Path(__file__).parent.parent / "train.py"
SEARCH = ["+search=tiny.yaml", "data=npz", "data.path=images.npz", "tracking=none", "study.trials=1"]
TRAIN = ["data=npz", "data.path=images.npz"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a space, images, and an empty folder for studies."""
    monkeypatch.chdir(tmp_path)
    write_space(tmp_path / "tiny.yaml")
    write_images(tmp_path / "images.npz")
    (tmp_path / "studies").mkdir()
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def refusal(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    before = everything(folder)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert everything(folder) == before
    return said.err


def space(body: str = "{op: conv, width: 4, kernel: 1}", rest: str = "") -> str:
    network = f"[{body}, {{op: global_pool}}, {{op: linear, width: classes}}]"
    return f"architecture: {{network: {network}}}\n{rest}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (space("{op: convolve, width: 4}"), "no op 'convolve'; did you mean 'conv'?"),
        (space("{op: conv, widht: 4}"), "no field of conv called 'widht'; did you mean 'width'?"),
        (
            space("{op: conv, name: a, width: {int: [1, 4], steps: 2}}"),
            "'steps'; did you mean 'step'? There are: int, log, step",
        ),
        (space("{op: conv, name: a, width: {choice: []}}"), "choice takes a list of at least one scalar"),
        (space("{op: conv, name: a, width: {choice: [4, 4]}}"), "the option 4 stands twice"),
        (space("{op: conv, name: a, width: {int: [4, 1]}}"), "ends before it starts"),
        (space("{op: conv, width: {choice: [4, 5]}}"), "an op that holds a hole needs a name"),
        (space("{op: conv, width: 4, kernel: 9, padding: valid}"), "a kernel of 9×9 does not fit the grid of 8×8"),
        (space("{op: branches, branches: {a: [], b: [{op: pool, kind: max, stride: 2}]}}"), "branches disagree"),
        (space("{op: residual, body: [{op: conv, width: 4, kernel: 1}]}"), "width"),
        (space(rest="training: {lr: 0}"), "training.lr: 0 is not a number above 0"),
        (space(rest="training: {learning_rate: 1}"), "training: no field 'learning_rate'"),
        ("architecture: {network: [{op: linear, width: classes}], input: {size: 3}}", "comes from the data"),
        ("architecture: 5", "search.architecture: expected keys with values; got 5"),
        ("", "expected a mapping with keys, got nothing"),
        ("{", "not valid YAML"),
    ],
)
def test_a_wrong_space_is_refused(text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_space(folder / "tiny.yaml", text)
    assert said in refusal(folder, SEARCH, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["study.trials=0"], "study.trials: expected a whole number from 1"),
        (["study.name=../x"], "study.name: '../x' cannot name a folder"),
        (["study.name=''"], "study.name: '' cannot name a folder"),
        (["study.folder=images.npz"], "study.folder: images.npz/tiny cannot be written (Not a directory)"),
        (["study=null"], "study: expected the keys name, trials, seed, folder, "),
        (["tracking=mlflow"], "tracking: no tracking 'mlflow'; there are: none, wandb"),
        (["test=true"], "a search never reads the test split"),
        (["architecture=inception_v3"], "leave out either architecture=... or +search=..."),
        (["architecture.network.a.width=3"], "leave out either architecture=... or +search=..."),
        (["search.budget.macs=0"], "search.budget.macs: expected a number above 0"),
        (["training.lr=fast"], "training.lr: 'fast' is not a number above 0"),
        (["trainer.max_epochs=0"], "trainer.max_epochs: expected a whole number from 1"),
        (["sampler=tpe", "sampler.n_startup_trials=many"], "sampler or pruner: cannot be used as set"),
        (["pool.slots=0"], "pool.slots: expected a whole number from 1 to 1024"),
        (["+search=other"], "search: one space at a time"),
        (["--multirun"], "--multirun: no such flag; settings are written key=value"),
        (["data.path=missing.npz"], "missing.npz: no such file"),
    ],
)
def test_wrong_settings_of_a_search_are_refused(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refusal(folder, [*SEARCH, *arguments], capsys)


def arrays(**changed: Any) -> dict[str, Any]:
    with np.load("images.npz") as there:
        return {**there, **changed}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda: b"not an archive", "images.npz"),
        (lambda: Path("images.npz").read_bytes()[:500], "images.npz"),
        (lambda: arrays(y_train=np.full(60, -1)), "images.npz"),
        (lambda: arrays(x_train=np.zeros((60, 8), np.uint8)), "x_train"),
        (lambda: arrays(x_train=np.zeros((60, 8, 8), np.float32)), "x_train"),
        (lambda: arrays(y_train=np.arange(59) % 3), "y_train"),
    ],
    ids=["no archive", "truncated", "labels", "shape", "type", "lengths"],
)
def test_wrong_data_are_refused(damage: Any, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = damage()
    if isinstance(made, bytes):
        (folder / "images.npz").write_bytes(made)
    else:
        np.savez(folder / "images.npz", **made)
    for arguments in (SEARCH, [*TRAIN, "architecture=nin_cifar10"]):
        assert said in refusal(folder, arguments, capsys)


DOCUMENT = """
architecture:
  input: {channels: 1, size: 8}
  classes: 3
  network: [{op: conv, name: body, width: 4, kernel: 1}, {op: global_pool}, {op: linear, width: classes}]
"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x80\x02PK\x03\x04 a checkpoint of torch", "not a text file in UTF-8"),
        (b"epochs: 1", "no architecture in it"),
        (DOCUMENT.encode() + b"state: 5", "the key 'state'; a document has architecture, training, seed and record"),
        (DOCUMENT.encode() + b"seed: 1.5", "seed: expected a whole number of at least 0; got 1.5"),
        (DOCUMENT.encode() + b"seed: true", "seed: expected a whole number"),
        (DOCUMENT.encode() + b"training: [1]", "training: expected keys with values; got [1]"),
        (DOCUMENT.encode() + b"training: {epochs: 0}", "training.epochs"),
        (DOCUMENT.encode() + b"record: 5", "record: expected keys with values; got 5"),
        (DOCUMENT.encode() + b"record: {threads: many}", "record.threads: expected a whole number"),
        (DOCUMENT.encode() + b"record: {data: 5}", "data: expected keys with values; got 5"),
        (DOCUMENT.encode().replace(b"conv", b"convolve"), "no op 'convolve'"),
        (DOCUMENT.encode()[:60], ""),
        (TINY_SPACE.encode(), "architecture: needs input"),
        (b"architecture: !!python/object/apply:os.getcwd []", "the tag"),
        (b"architecture: 5", "5"),
    ],
)
def test_a_file_that_is_no_document_is_refused(
    content: bytes, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "best.yaml").write_bytes(content)
    assert said in refusal(folder, [*TRAIN, "architecture=best.yaml"], capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["architecture=missing.yaml"], "architecture: no file 'missing.yaml'"),
        (["architecture=gogglenet"], "no published network 'gogglenet'; did you mean 'googlenet"),
        (["architecture={a:1}"], "no published network"),
        (["architecture=doc.yaml", "architecture.network.body.width=-1"], "network.0.width"),
        (["architecture=doc.yaml", "architecture.network.nobody.width=1"], "no part of network called 'nobody'"),
        (["architecture=doc.yaml", "training.lr=0"], "training.lr: 0 is not a number above 0"),
        (["architecture=doc.yaml", "training.rate=1"], "training: no field 'rate'"),
        (["architecture=doc.yaml", "test=maybe"], "test: expected true or false; got 'maybe'"),
        (["architecture=doc.yaml", "study.seed=-1"], "study.seed"),
        (["architecture=doc.yaml", "study.name=a/b"], "study.name: 'a/b' cannot name a folder"),
        (["architecture=doc.yaml", "pool.threads=0"], "pool.threads"),
        (["architecture=doc.yaml", "trainer.precision=8"], "trainer.precision"),
        (["architecture=inception_v3"], "does not fit the grid"),
    ],
)
def test_wrong_settings_of_a_training_are_refused(
    arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "doc.yaml").write_text(DOCUMENT, encoding="utf-8")
    assert said in refusal(folder, [*TRAIN, *arguments], capsys)


def test_a_test_split_that_there_is_not_cannot_be_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "doc.yaml").write_text(DOCUMENT, encoding="utf-8")
    np.savez(folder / "images.npz", **{key: value for key, value in arrays().items() if "test" not in key})
    assert "has no test split" in refusal(folder, [*TRAIN, "architecture=doc.yaml", "test=true"], capsys)


def test_help_names_everything_there_is_and_imports_nothing_heavy(folder: Path) -> None:
    for flag in ("--help", "-h"):
        code = (
            f"import sys; sys.argv = ['train.py', {flag!r}]; import runpy\n"
            f"try: runpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "heavy = {'torch', 'optuna', 'wandb', 'pytorch_lightning', 'hydra'} & set(sys.modules)\n"
            "assert not heavy, heavy"
        )
        arguments = [sys.executable, "-c", code]
        done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=True, env=ENVIRONMENT)
        for word in (
            "+search=inception_cell",
            "googlenet",
            "study:",
            "trials: 20",
            "data=",
            "image_folder",
            "tpe",
            "test=true",
        ):
            assert word in done.stdout
        assert done.stderr == ""


ENVIRONMENT = {"PYTHONPATH": str(PROGRAM.parent), "PATH": "/usr/bin:/bin"}


def test_the_program_gives_the_status_and_one_line_of_a_refusal(folder: Path) -> None:
    arguments = [sys.executable, str(PROGRAM), "+search=inception_cel"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: search: no search space 'inception_cel'; did you mean 'inception_cell'?")


def test_the_driver_of_a_search_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys; from nas.command import main\n"
        f"status = main({[*SEARCH, 'search.budget.macs=1', 'study.folder=elsewhere']!r})\n"
        "assert status == 1, status\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "nothing else is new and fits" in done.stdout


def test_an_interrupt_before_the_search_has_begun_is_one_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.compose.configuration", interrupted)
    assert main([]) == 130
    assert capsys.readouterr().err == "interrupted\n"
