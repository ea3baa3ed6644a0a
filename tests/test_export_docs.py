"""What docs/export.md shows is done here, from its first line to its last, with what a search has left."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from search_parts import whole_search

from nas import command
from nas.__main__ import main
from nas.architecture import Architecture
from nas.export.python import python_source

PAGE = (Path(__file__).parent.parent / "docs" / "export.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
QUICK = ["training.epochs=1", "training.batch_size=8", "trainer.accelerator=cpu", "pool.threads=1", "data.cache=cache"]


def write_images() -> None:
    for number in range(24):
        path = Path("images", "dark" if number % 2 else "light", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 128 if number % 2 else 256, (20, 30), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


def test_everything_that_the_page_shows_can_be_done(
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(whole_search(tmp_path_factory).home / "studies/tiny", tmp_path / "studies/inception_cell")
    monkeypatch.chdir(tmp_path)
    write_images()
    for language, block in BLOCKS:
        if language == "python" and "import" in block:
            exec(compile(block, "docs/export.md", "exec"), {})
        elif language == "sh":
            words = shlex.split(block)
            own = words[words.index("nas") + 1 :] if "nas" in words else words[words.index("train.py") + 1 :]
            assert (main(own) if "nas" in words else command.main([*own, *QUICK])) == 0
    said = capsys.readouterr().out
    assert "found/README.md" in said
    assert "images/dark/1.png: 0 " in said or "images/dark/1.png: 1 " in said or "images/dark/1.png: 2 " in said
    assert "starts from found/weights.pt (our own names; drawn anew: linear.linear)" in said


def test_the_class_that_the_page_shows_is_that_of_the_export() -> None:
    (shown,) = [block for language, block in BLOCKS if block.startswith("class A(")]
    assert shown in python_source(Architecture.load("inception_v3").plan, "It.")
