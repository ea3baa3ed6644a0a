"""Whoever follows a page gets there: its programs and commands run one after the other, on a small scale."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pages import ROOT, Block, blocks, commands, written
from PIL import Image

SMALL = ("study.trials=2", "trainer.max_epochs=1", "tracking=none")
"""Added to whatever trains."""

SMALLER = {
    "[:1000]": "[:200]",  # images
    "search.finals.top=3": "search.finals.top=1 search.finals.seeds=1",
    "-m nas preview": "-m nas preview --samples 20 --timed 1",
    " 13 ": " 0 ",  # trials
    ":13": ":0",
    ":21": ":1",
}
"""What is changed in the text of pages, so that it takes less."""

FOLLOWED = ("README.md", *(f"docs/{name}.md" for name in ("evaluation", "export", "extending", "first_hour", "report")))

NOT_FOLLOWED = {
    "pip install": "the gate installs",
    "optuna-dashboard": "tests/test_report_dashboard.py",
    "~/photos": "files of the reader",
    "images.npz": "files of the reader",
    "+search=my_space.yaml\n": "a file of the reader",
    "inception_v3.pth": "a download",
    "search.control=random": "tests/test_search_final_report.py; takes too long here",
    "search.architecture.network.stage_1.depth": "another space in the study's name, which is refused",
    "search/architecture/cells/normal": "the same",
    "search.architecture.network.stage_3.depth": "the same",
}
"""Commands that are not run, by a part of them, with the reason; the other tests of pages look at them, too."""

ALONE = ("nas.search.statistics", "import optuna")
"""What the programs hold that need no files."""


@pytest.mark.parametrize("block", [b for b in blocks("python") if any(word in b.text for word in ALONE)], ids=str)
def test_a_program_that_needs_no_files_runs(block: Block) -> None:
    exec(compile(block.text, block.page, "exec"), {})


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study that pages speak of, an export of it, images, and the files of docs/extending.md."""
    home = written(tmp_path_factory.mktemp("followed"))
    run(["python", "train.py", "+search=inception_cell"], home)
    run(["python", "-m", "nas", "export", "inception_cell", "--out", "found"], home)
    random = np.random.default_rng(0)
    for kind in ("bag", "boot"):
        (home / "images" / kind).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 256, (30, 40), np.uint8)
            Image.fromarray(pixels).save(home / "images" / kind / f"{number}.png")
    return home


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_can_be_followed(page: str, searched: Path, tmp_path: Path) -> None:
    home = shutil.copytree(searched, tmp_path / "home")
    for block in blocks("sh", "python", page=page):
        for words in steps(block):
            run(words, home)


def steps(block: Block) -> Iterator[list[str]]:
    text = block.text
    for usual, small in SMALLER.items():
        text = text.replace(usual, small)
    if block.kind == "python":
        if "import" in text and not text.startswith("# my_"):  # neither an excerpt nor a file of the reader's
            yield ["python", "-c", text]
        return
    for command in commands(Block(block.page, block.kind, text)):
        line = " ".join(command.words) + "\n"
        if command.words[0] == "python" and not any(part in line for part in NOT_FOLLOWED):
            yield list(command.words)


def run(words: list[str], home: Path) -> None:
    settings = SMALL if "train.py" in words else ()
    program = [str(ROOT / word) if word == "train.py" else word for word in words[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(home / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *program, *settings], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
