"""What README and docs show is what the program takes; a block or command of a kind that nobody checks is refused."""

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import (
    PAGES,
    ROOT,
    Block,
    Command,
    blocks,
    commands,
    commands_in_sentences,
    name_of,
    registered,
    written,
)
from search_parts import write_space

from nas.__main__ import VERBS, parser
from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.ops import OPS
from nas.architecture.placing import skeleton_path
from nas.architecture.published import published_path
from nas.compose import configuration
from nas.search.spaces import at_data
from nas.space.suggest import first
from nas.training.recipe import Training

KINDS = {"sh", "bash", "python", "yaml", "text"}
"""Of blocks: commands, scripts for SLURM, programs, documents, and what a program prints."""

ELSEWHERE = {
    "ray": "needs Ray: tests/test_pool_ray.py starts clusters",
    "export": "sets a variable of the shell",
    "optuna-dashboard": "is another project's: tests/test_report_dashboard.py opens a journal in it",
}
"""Programs that are not looked at here, with the reason."""

STANDS_FOR = {"+search=NAME": "+search=inception_cell", "architecture=NAME": "architecture=nin_cifar10"}

FRAGMENTS = {"variants", "form"}
"""What a block of YAML may show alone, though it is no document: with one of these keys."""

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [*(command for block in blocks("sh") for command in commands(block)), *commands_in_sentences()]


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    assert len(blocks()) > 50
    assert {block.kind for block in blocks()} <= KINDS


@pytest.mark.parametrize("command", {each.words: each for each in COMMANDS}.values(), ids=str)
def test_every_command_is_one_that_can_be_given(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_space(tmp_path / "my_space.yaml")
    match command.words:
        case ("python", "train.py", "--help") | ("python", "-m", "nas", "--help"):
            pass
        case ("python", "train.py", *settings) | ("python", "-m", "nas", "train", *settings):
            composes(settings, tmp_path)
        case ("python", "-m", "nas") | ("python3", "-m", "venv", ".venv") | (".", "activate"):
            pass
        case ("python", "-m", "nas", verb):
            assert verb in VERBS
        case ("python", "-m", "nas", *arguments):
            parses(arguments, tmp_path)
        case ("python", script, *arguments) if script.startswith("benchmarks/"):
            takes(ROOT / script, arguments, tmp_path)
        case ("sh", script, *_):
            assert (ROOT / script).is_file()
        case ("pip", "install", *packages):
            are_packages(packages)
        case ("pytest", *arguments):
            choose_tests(arguments)
        case ("ruff" | "mypy" | "sphinx-build" as program, *_):
            assert f".venv/bin/{program}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        case (program, *_):
            assert program in ELSEWHERE, "nothing checks it; see ELSEWHERE"


def composes(settings: Sequence[str], folder: Path) -> None:
    settings = [STANDS_FOR.get(setting, setting) for setting in settings]
    with registered(folder) if any(setting.startswith("imports=") for setting in settings) else nullcontext():
        config = configuration(settings)
    named = config.options["architecture"]
    if named is not None and "/" not in named:
        path = published_path if config.options["cell"] is None else skeleton_path
        assert path(named).is_file()
    assert (config.space is not None) == any(setting.startswith("+search=") for setting in settings)


def parses(arguments: Sequence[str], folder: Path) -> None:
    given = parser().parse_args(arguments)
    overrides = [f"+search={given.space}"] if given.verb == "space" else []
    if given.verb in ("space", "preview"):
        composes([*overrides, *given.overrides, *(f"imports=[{name}]" for name in given.imports)], folder)


def takes(script: Path, arguments: Sequence[str], folder: Path) -> None:
    source = script.read_text(encoding="utf-8")
    assert all(f'"{argument}"' in source for argument in arguments if argument.startswith("--"))
    if settings := [each for each in arguments if re.match(r"[\w.]+=", each)]:
        composes(["+search=inception_cell", *settings], folder)


def are_packages(packages: Sequence[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for package in packages:
        named = re.fullmatch(r"(?:\.|inception-nas)\[([\w,]+)\]", package)
        extras = named[1].split(",") if named else []
        assert named or package in ("-q", "-e", ".", "inception-nas", "optuna-dashboard")
        assert all(f"\n{extra} = [" in project for extra in extras)


def choose_tests(arguments: Sequence[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for argument in arguments:
        assert argument in ("-m", "-n", "2") or f'"{argument}: ' in project or (ROOT / argument).is_file()


@pytest.mark.parametrize("block", blocks("bash"), ids=str)
def test_every_script_is_one_whose_search_composes(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    lines = [line for line in block.text.replace("$head", "head").splitlines() if "train.py" in line]
    (command,) = commands(Block(block.page, "sh", lines[-1].removeprefix("exec ")))
    composes(command.words[2:], tmp_path)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_program_imports_what_there_is(block: Block, tmp_path: Path) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "nas":
            module = importlib.import_module(str(node.module))
            assert all(getattr(module, name.name) for name in node.names)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_document_is_a_space_or_network_or_a_part_of_one(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: Any = yaml.safe_load(block.text)
    match shown:
        case {"architecture": _}:
            space = shown
        case {"op": _} | [{"op": _}, *_]:
            network = [{"op": "chain", "name": "shown", "chain": shown}, {"op": "global_pool"}]
            space = {"architecture": {"network": [*network, {"op": "linear", "width": "classes"}]}}
        case _:
            assert FRAGMENTS & set(shown), "neither space, network, op nor a known fragment"
            return
    monkeypatch.chdir(written(tmp_path))
    for key in ("input", "classes"):
        space["architecture"].pop(key, None)
    write_space(tmp_path / "shown.yaml", yaml.safe_dump({key: space[key] for key in space if key != "seed"}))
    with registered(tmp_path):
        holes = at_data(configuration(["+search=shown.yaml"]).space or {}, channels=3, size=64, classes=10)
        Architecture.from_document(holes.sample(first, context)["architecture"])


def test_every_file_and_picture_that_is_pointed_to_is_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{name_of(page)}: {target}"


def test_the_candidate_s_way_names_what_is_in_the_files() -> None:
    page = ROOT / "docs" / "candidates_way.md"
    named = re.findall(r"\[`([\w.]+)`\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert len(named) > 30
    for name, file in named:
        source = (page.parent / file).read_text(encoding="utf-8")
        for word in name.removesuffix(".py").split("."):
            assert re.search(rf"^ *(def|class) {word}\b", source, re.MULTILINE) or Path(file).name == name, name


def test_the_page_on_the_language_has_all_of_it() -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / "language.md").read_text("utf-8").splitlines() if "|" in line]
    for kind, op in OPS.items():
        (row,) = [cells for cells in rows if f"`{kind}`" in cells[1]]
        assert all(name.name in row[2] for name in fields(op) if name.name not in ("name", "copies")), kind
    recipe = {name: default for cells in rows if len(cells) == 5 for name, default in listed(cells[1], cells[2])}
    assert recipe == {name: str(value).lower() for name, value in Training().to_document().items()}


def listed(names: str, defaults: str) -> Iterator[tuple[str, str]]:
    """Of a row such as `momentum`, `nesterov` | 0.9, false; of rows of other tables nothing."""
    found = re.findall(r"`(\w+)`", names)
    values = [value.strip() for value in defaults.split(",")]
    return zip(found, values, strict=True) if len(found) == len(values) else iter(())


def test_pictures_are_small() -> None:
    assert all(path.stat().st_size < 400_000 for path in (ROOT / "docs" / "images").rglob("*.*"))


@pytest.mark.parametrize("marker", ["main job", "tests"])
def test_the_gate_finds_its_commands(marker: str) -> None:
    """`.ci/run` takes the block that follows each marker of the README."""
    (block,) = re.findall(rf"^<!-- {marker} -->\n```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    (line,) = block.splitlines()
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert ("train.py +search=inception_cell" in line) == (marker == "main job")
    assert ("pytest" in line) == (marker == "tests")


def test_the_cell_that_the_readme_shows_has_three_holes() -> None:
    (block,) = blocks("yaml", page="README.md")
    body = {"op": "cell", "name": "body", "cell": "normal"}
    network = [body, {"op": "global_pool"}, {"op": "linear", "width": "classes"}]
    space = {"architecture": {"cells": {"normal": yaml.safe_load(block.text)}, "network": network}}
    assert len(at_data(space, channels=1, size=28, classes=10).holes) == 3


def test_nothing_in_the_readme_stands_in_for_what_is_to_be_written() -> None:
    assert not re.findall(r"^[A-Z]+$", README, re.MULTILINE)
