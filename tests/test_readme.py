"""The commands in README and docs are what the program takes."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from search_parts import write_space

from nas.architecture.placing import skeleton_path
from nas.architecture.published import published_path
from nas.command import main
from nas.compose import configuration

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PAGES = [README, *(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))]
SHELL = [block for page in PAGES for block in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
LINES = [line.partition(" #")[0].strip() for block in SHELL for line in block.replace("\\\n", "").splitlines()]
COMMANDS = [words for line in LINES for words in [shlex.split(line)] if "train.py" in words]
DRAWN = [shlex.split(line) for line in LINES if "-m nas" in line]


def arguments(words: list[str]) -> list[str]:
    return words[words.index("train.py") + 1 :]


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 5
    assert all(line.count("'") % 2 == 0 for line in LINES)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_composes(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_space(tmp_path / "my_space.yaml")
    config = configuration(arguments(words))
    named = config.options["architecture"]
    if named is not None and "/" not in named:
        path = published_path if config.options["cell"] is None else skeleton_path
        assert path(named).is_file()
    assert (config.space is None) != any(word.startswith("+search=") for word in words)


@pytest.mark.parametrize("marker", ["main job", "tests"])
def test_the_gate_finds_its_commands(marker: str) -> None:
    """`.ci/run` takes the block that follows each marker."""
    (block,) = re.findall(rf"^<!-- {marker} -->\n```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (line,) = block.splitlines()
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert ("train.py +search=inception_cell" in line) == (marker == "main job")
    assert ("pytest" in line) == (marker == "tests")


def test_the_space_it_shows_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = [block for kind, block in BLOCKS if kind == "yaml"]
    cell = yaml.safe_load(block)
    network = [
        {"op": "cell", "name": "body", "cell": "normal"},
        {"op": "global_pool"},
        {"op": "linear", "width": "classes"},
    ]
    space = {"architecture": {"cells": {"normal": cell}, "network": network}}
    write_space(tmp_path / "space.yaml", yaml.safe_dump(space))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nas.search.proposer.GIVE_UP_AFTER", 5)
    limits = ["search.budget.parameters=1", "tracking=none"]
    assert main(["+search=space.yaml", *limits]) == 1
    assert "(3 holes)" in capsys.readouterr().out


def test_every_file_and_picture_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert "://" in target or (ROOT / target).exists(), target


def test_nothing_stands_in_for_what_is_to_be_written() -> None:
    assert not re.findall(r"^[A-Z]+$", README, re.MULTILINE)
