"""Imports go one way, and what only reads, searches or tracks never loads torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nas

ROOT = Path(nas.__file__).parent

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "program": {"errors"},
    "space": {"errors"},
    "architecture": {"space", "errors"},
    "cost": {"architecture", "errors"},
    "network": {"architecture", "cost", "errors"},
    "data": {"errors"},
    "training": {"architecture", "cost", "data", "network", "space", "weights", "errors"},
    "pool": {"errors"},
    "samplers": {"architecture", "cost", "space", "errors"},
    "tracking": {"errors"},
    "drawing": {"architecture", "cost", "space", "errors"},
    "weights": {"architecture", "network", "space", "errors"},
    "overrides": {"space", "errors"},
    "compose": {"architecture", "overrides", "space", "errors"},
    "study": {"architecture", "pool", "program", "samplers", "space", "training", "errors"},
    "search": {
        *(
            "architecture",
            "cost",
            "data",
            "drawing",
            "overrides",
            "pool",
            "program",
            "samplers",
            "space",
            "study",
            "tracking",
            "training",
            "errors",
        ),
    },
    "report": {
        *("architecture", "compose", "cost", "data", "drawing", "overrides", "pool", "search", "space"),
        *("study", "training", "errors"),
    },
    "export": {
        *("architecture", "compose", "cost", "data", "drawing", "network", "pool", "report", "search", "space"),
        *("study", "training", "weights", "errors"),
    },
    "command": {"architecture", "compose", "cost", "drawing", "program", "search", "space", "errors"},
    "__main__": {"architecture", "command", "program", "errors"},
}
"""What each part of the library may import of the others. A new part says here where it stands."""

ONLY_IN: dict[str, set[str]] = {
    "torch": {"export", "network", "training", "weights"},
    "pytorch_lightning": {"training"},
    "torchvision": {"data"},
    "sklearn": {"data"},
    "optuna": {"report", "samplers", "search", "study"},
    "wandb": {"tracking"},
    "wandb_workspaces": {"tracking"},
    "hydra": {"compose", "overrides"},
    "omegaconf": {"compose", "overrides"},
    "ray": {"pool"},
    "rich": {"report", "search"},
    "search_spaces": {"architecture", "compose"},
}
"""Which parts may import these packages at all."""

DRIVER = [
    "errors",
    "space",
    "architecture",
    "cost",
    "data",
    "pool",
    "samplers",
    "tracking",
    "drawing",
    "study",
    "search",
    "compose",
    "report",
    "command",
]
"""What the driver's process imports; torch is for its children alone."""


def files(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py")) if (ROOT / part).is_dir() else [ROOT / f"{part}.py"]


def imports(file: Path) -> Iterator[str]:
    """Everything that a file imports, wherever in it; our own relative imports do not exist."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str() as module, level=0):
                yield from (f"{module}.{name.name}" for name in node.names)
            case ast.ImportFrom():
                raise AssertionError(f"{file}: a relative import")


PARTS = sorted(
    {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__pycache__", "__init__"}
)


def test_every_part_of_the_library_has_its_place() -> None:
    assert set(PARTS) <= set(MAY_IMPORT), "say in MAY_IMPORT what the new part may import"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_what_it_may_of_the_others(part: str) -> None:
    for file in files(part):
        for module in imports(file):
            words = module.split(".")
            if words[0] == "nas" and len(words) > 1 and words[1] != part:
                assert words[1] in MAY_IMPORT[part], f"{file} imports {module}"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_the_packages_that_are_its_own(part: str) -> None:
    for file in files(part):
        for module in imports(file):
            package = module.split(".")[0]
            assert part in ONLY_IN.get(package, {part}), f"{file} imports {module}"


def test_nothing_goes_round_in_a_circle() -> None:
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        ready = {part for part, others in MAY_IMPORT.items() if others <= done} - done
        assert ready, f"these import one another: {set(MAY_IMPORT) - done}"
        done |= ready


def modules(part: str) -> list[str]:
    """The modules of a part, but for those that only an extra of the installation brings along."""
    names = [".".join(("nas", *path.relative_to(ROOT).with_suffix("").parts)) for path in files(part)]
    left_out = ("nas.data.download", "nas.__main__", "nas.pool.ray_")
    return [name.removesuffix(".__init__") for name in names if not name.startswith(left_out)]


def loaded_by(program: str, *arguments: str) -> set[str]:
    """The modules that are there once a fresh process has run `program`."""
    command = [sys.executable, "-c", f"{program}\nprint(*sys.modules)", *arguments]
    ended = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


def test_the_driver_loads_no_torch() -> None:
    """Really: all of it is imported in a fresh process, and what came along is looked at."""
    names = [name for part in DRIVER if part in PARTS for name in modules(part)]
    names += ["nas.training.recipe", "nas.training.result", "nas.training.memory", "nas.training.job"]
    loaded = loaded_by("import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)", *names)
    assert loaded.isdisjoint({"torch", "torchvision", "pytorch_lightning"})
    assert loaded.issuperset(names)


def test_documents_are_read_without_any_large_package() -> None:
    loaded = loaded_by("import sys, nas.architecture, nas.cost, nas.space.space")
    assert loaded.isdisjoint({"torch", "numpy", "optuna", "hydra", "omegaconf", "wandb", "rich"})
