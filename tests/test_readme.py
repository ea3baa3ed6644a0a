"""README's two commands are found by the gate, and what it shows of a space is one."""

import re
from pathlib import Path

import pytest
import yaml
from search_parts import write_space

from nas.command import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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


def test_nothing_stands_in_for_what_is_to_be_written() -> None:
    assert not re.findall(r"^[A-Z]+$", README, re.MULTILINE)
