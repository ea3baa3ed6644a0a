"""Exported Python: the same network to the last bit, in one file that a formatter has nothing to change in."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from documents import HEAD, build, conv, document, side_by_side
from exported import assert_python_is_the_same, module_of, smallest_plan
from pages import blocks
from shipped_spaces import SPACES, candidate, load

from nas.architecture import Architecture
from nas.architecture.plan import ShapeError
from nas.architecture.published import published_names
from nas.export.preprocessing import Preprocessing
from nas.export.python import python_source

GREY = Preprocessing((28, 28), 1, (0.3,), (0.4,), ("a", "b"))


def source_of(*ops: Any, **keys: Any) -> str:
    architecture = build(*ops, **keys)
    return assert_python_is_the_same(architecture, architecture.plan)


@pytest.mark.parametrize("name", published_names())
def test_a_published_network_with_a_quarter_of_its_widths_is_the_same_in_python(name: str) -> None:
    written = Architecture.load(name).to_document()
    architecture = Architecture.from_document({**written, "width_multiplier": 0.25})
    assert_python_is_the_same(architecture, smallest_plan(architecture))


@pytest.mark.slow
@pytest.mark.parametrize("name", published_names())
def test_a_published_network_is_the_same_in_python(name: str) -> None:
    architecture = Architecture.load(name)
    assert_python_is_the_same(architecture, architecture.plan)


@pytest.mark.parametrize("space", SPACES)
def test_random_candidates_of_a_space_are_the_same_in_python_and_well_formatted(space: str, tmp_path: Path) -> None:
    holes, found = load(space, size=32), 0
    for seed in range(20):
        try:
            architecture = candidate(holes, seed)
        except ShapeError:
            continue
        source = assert_python_is_the_same(architecture, architecture.plan)
        (tmp_path / f"{seed}.py").write_text(source, encoding="utf-8")
        found += 1
        if found == 3:
            break
    assert found == 3
    assert_well_formatted(tmp_path)


def assert_well_formatted(folder: Path) -> None:
    for command in (
        ["format", "--isolated", "--check"],
        ["check", "--isolated", "--line-length=88", "--select=E,F,W,I,UP"],
    ):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_python_of_published_networks_is_well_formatted(tmp_path: Path) -> None:
    for name in published_names():
        (tmp_path / f"{name}.py").write_text(python_source(Architecture.load(name).plan, name, GREY), encoding="utf-8")
    assert_well_formatted(tmp_path)


def test_python_imports_torch_and_the_standard_library_alone() -> None:
    tree = ast.parse(python_source(Architecture.load("inception_v3").plan, "It.", GREY))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"__future__", "collections", "pathlib", "torch"}


def test_copies_that_differ_in_width_are_one_class_with_arguments() -> None:
    source = python_source(Architecture.load("inception_v3").plan, "It.")
    classes = re.findall(r"^class (\w+)\(nn.Module\)", source, re.MULTILINE)
    assert classes == ["GlobalAverage", "A", "AToB", "B", "BToC", "Fork", "C", "Network"]
    assert "chain(branches=A(192, width=32))" in source
    assert source.count("chain(branches=B(width=160))") == 2


def test_equal_copies_are_written_once() -> None:
    source = python_source(Architecture.load("inception_resnet_v2").plan, "It.")
    assert "self.stage_a = nn.Sequential(*[chain(residual=A()) for _ in range(10)])" in source


def test_branches_are_attributes_with_their_shapes_beside_them() -> None:
    source = source_of(side_by_side(point=[conv(4, 1)], wide=[conv(6, 5)]))
    assert "self.point = " in source
    assert "wide = self.wide(x)  # 6×8×8" in source
    assert "return torch.cat([point, wide], 1)  # 10×8×8" in source


def test_side_classifiers_drop_path_and_what_does_nothing_are_gone() -> None:
    head = {"op": "aux", "name": "side_classifier", "chain": HEAD}
    source = source_of(conv(4), {"op": "identity"}, head, {"op": "dropout", "rate": 0.0}, conv(4))
    assert "side_classifier" not in source
    assert "Identity" not in source
    assert "Dropout" not in source


EVERY_LEAF = [
    {"op": "channel_affine", "scale": [0.5, 1, 2], "shift": 0.25},
    conv(8, [1, 3], padding=[0, 1, 2, 0], bias=True, norm="none", activation="leaky_relu"),
    conv(8, 3, groups="in", activation="silu", norm={"eps": 0.01, "momentum": 0.3, "scale": False}),
    conv(8, 3, padding="tf_same", stride=2, activation="none"),
    conv(12, 3, groups=4, activation="gelu"),
    {"op": "pool", "kind": "max", "kernel": 2, "padding": [0, 1, 0, 1]},
    {"op": "pool", "kind": "average", "kernel": 2, "padding": [0, 1, 0, 1]},
    {"op": "pool", "kind": "average", "kernel": 2, "padding": [0, 1, 0, 1], "count_padding": False},
    {"op": "pool", "kind": "average", "kernel": [1, 3], "count_padding": False},
    {"op": "pool", "kind": "max", "kernel": 2, "stride": 2, "padding": "valid", "ceil": True},
    {"op": "lrn", "size": 3, "alpha": 0.1, "k": 2, "divide_alpha": False},
    {"op": "norm"},
    *({"op": "activation", "activation": each} for each in ("relu6", "elu", "hardswish", "sigmoid")),
    {"op": "adaptive_pool", "size": [2, 3], "kind": "max"},
    {"op": "flatten"},
    {"op": "linear", "width": 9, "norm": "batch", "activation": "relu"},
    {"op": "norm", "norm": {"scale": False}},
    {"op": "l2_norm"},
    {"op": "dropout"},
    {"op": "linear", "width": "classes", "bias": False},
]


def test_every_leaf_is_the_same_in_python(tmp_path: Path) -> None:
    architecture = Architecture.from_document(document(*EVERY_LEAF, size=[17, 14]))
    source = assert_python_is_the_same(architecture, architecture.plan)
    (tmp_path / "network.py").write_text(source, encoding="utf-8")
    assert_well_formatted(tmp_path)


def test_global_maxima_and_closing_activations_are_the_same_in_python() -> None:
    ops = [{"op": "residual", "body": [conv(3)], "scale": 0.3, "activation": each} for each in ("none", "gelu", "elu")]
    architecture = Architecture.from_document(document(*ops, {"op": "global_pool", "kind": "max"}, HEAD[1]))
    assert_python_is_the_same(architecture, architecture.plan)


HOSTILE = (
    "class",
    "None",
    "in",
    "x",
    "torch",
    "nn",
    "self_",
    "1x3",
    "values",
    "keys",
    "chain",
    "super",
    "Tensor",
    "functional",
)


def test_names_that_mean_something_in_python_do_no_harm() -> None:
    """Of branches, nodes, ops and cells; keywords, methods of dictionaries, names that the file itself uses."""
    branches = side_by_side(**{name: [conv(2, 1)] for name in HOSTILE})
    nodes: dict[str, Any] = {}
    for before, name in zip(("in", *HOSTILE), HOSTILE, strict=False):
        if name != "in":
            nodes[name] = {source: [conv(30, 1)] for source in {"in", before} if source in ("in", *nodes)}
    graph = {"op": "graph", "name": "graph", "nodes": nodes}
    cells = {name: [{"op": "residual", "name": name, "body": [conv(30, 3)]}] for name in HOSTILE}
    uses = [{"op": "cell", "name": f"{name}_use" if name == "in" else name, "cell": name} for name in HOSTILE]
    architecture = build(branches, graph, *uses, cells=cells)
    assert_python_is_the_same(architecture, architecture.plan)


@pytest.mark.parametrize(
    "text", ['"""\n', "a'b\"c", "\\", "new\nline", "\u202eright to left", "\udc80", "é中", "</script>", "'''#", "{x}"]
)
def test_texts_of_any_kind_stay_texts(text: str) -> None:
    architecture = build(conv(4), channels=1, size=28, classes=2)
    known = Preprocessing((28, 28), 1, (0.3,), (0.4,), (text, f"{text}2"))
    module = module_of(python_source(architecture.plan, f"{text} {text}", known).encode("utf-8").decode())
    assert (text, f"{text}2") == module.CLASSES


def test_preprocessing_is_that_of_training() -> None:
    module = module_of(python_source(build(conv(4), channels=1, size=28, classes=2).plan, "It.", GREY))
    pixels = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    assert torch.allclose(module.preprocess(pixels), torch.tensor([[[[-0.75, 1.75]]]]))


def test_the_class_that_the_page_shows_is_that_of_the_export() -> None:
    (shown,) = [block.text for block in blocks("python", page="docs/export.md") if block.text.startswith("class A(")]
    assert shown in python_source(Architecture.load("inception_v3").plan, "It.")
