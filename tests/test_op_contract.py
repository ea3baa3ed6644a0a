"""Every leaf of the language, and the ops that docs/extending.md shows, keep their word."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import build, conv, side_by_side
from op_contract import CHECKS, Case
from pages import ROOT, commands_of, registered, written

from nas.architecture.ops import OPS, Aux, Branches, Cell, Chain, Graph, Op, Residual
from nas.architecture.own_ops import import_own, register
from nas.errors import InputError
from nas.network import build_network

CONV: dict[str, Any] = {"width": 4, "kernel": 3}
STRUCTURE = (Chain, Branches, Residual, Graph, Cell, Aux)

CASES = [
    Case(
        "conv",
        CONV,
        [
            {**CONV, "kernel": [1, 5]},
            {**CONV, "stride": 2},
            {**CONV, "stride": [1, 2]},
            {**CONV, "padding": "tf_same", "stride": 2},
            {**CONV, "padding": [0, 1, 2, 0]},
            {**CONV, "groups": 2},
            {**CONV, "groups": "in", "width": "in"},
            {**CONV, "bias": True},
            {**CONV, "norm": "none"},
            {**CONV, "norm": {"scale": False}},
            {**CONV, "activation": "silu"},
            {**CONV, "kernel": 5, "form": "stacked"},
            {**CONV, "form": "asymmetric", "stride": 2},
            {**CONV, "form": "fork"},
            {"width": {"of": "in", "times": 0.5}, "kernel": 1},
        ],
    ),
    Case(
        "pool",
        {"kind": "max"},
        [
            {"kind": "average"},
            {"kind": "max", "kernel": 2, "stride": 2, "padding": "valid"},
            {"kind": "max", "stride": 2, "padding": "valid", "ceil": True},
            {"kind": "average", "stride": 2, "padding": "tf_same"},
            {"kind": "average", "count_padding": False},
        ],
    ),
    Case("global_pool", {}, [{"kind": "max"}], flat=True),
    Case("adaptive_pool", {"size": 2}, [{"size": [3, 1]}, {"size": 2, "kind": "max"}]),
    Case("lrn", {}, [{"size": 3}, {"alpha": 0.1}, {"beta": 0.5}, {"k": 2.0}, {"divide_alpha": False}]),
    Case("dropout", {}, [{"rate": 0.2}]),
    Case("identity", {}, does_nothing=True),
    Case("flatten", {}, flat=True),
    Case(
        "linear",
        {"width": 4},
        [{"width": 5}, {"width": 4, "bias": False}, {"width": 4, "norm": "batch"}, {"width": 4, "activation": "relu"}],
        vector=True,
    ),
    Case("norm", {}, [{"norm": {"scale": False}}, {"norm": {"eps": 0.1}}]),
    Case("activation", {}, [{"activation": kind} for kind in ("elu", "gelu", "hardswish", "leaky_relu", "sigmoid")]),
    Case("l2_norm", {}, vector=True),
    Case("channel_affine", {"scale": 2.0}, [{"shift": 1.0}, {"scale": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}]),
    Case("squeeze_excite", {}, [{"ratio": 0.5}]),  # this and the next: docs/extending.md
    Case("separable", {"width": 4}, [{"width": 5}, {"width": 4, "kernel": 5}, {"width": 4, "stride": 2}]),
]


@pytest.fixture(scope="module", autouse=True)
def own_ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with registered(tmp_path_factory.mktemp("documented")):
        yield


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("assert_"))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_an_op_keeps_its_word(case: Case, check: Any) -> None:
    check(case)


def test_every_leaf_of_the_language_is_listed() -> None:
    assert [case.kind for case in CASES] == [kind for kind, op in OPS.items() if op not in STRUCTURE]


def test_an_op_that_stands_for_others_is_what_it_stands_for() -> None:
    spelled = [conv("in", 5, groups="in"), conv(4, 1)]
    assert build({"op": "separable", "width": 4, "kernel": 5}).digest == build(*spelled).digest


def test_a_width_multiplier_scales_the_fields_that_an_op_names() -> None:
    built = build({"op": "separable", "width": 8}, width_multiplier=0.5)
    assert built.plan.children[0].output[0] == 4


def test_branches_before_an_op_that_keeps_the_order_of_channels_have_none() -> None:
    sides = {"a": [conv(2, 3)], "b": [conv(4, 1)]}
    digests = [
        build(side_by_side(**{name: sides[name] for name in order}), {"op": "squeeze_excite"}).digest
        for order in ("ab", "ba")
    ]
    assert digests[0] == digests[1]


@dataclass(frozen=True, kw_only=True)
class Forgotten(Op):
    """An op without a layer."""


class NoOp:
    pass


def test_an_op_without_a_layer_can_be_priced_but_not_built() -> None:
    register("forgotten", Forgotten)
    built = build({"op": "forgotten"})
    with pytest.raises(InputError, match=r"the op 'forgotten' has no layer; register it with one"):
        build_network(built)
    register("forgotten", Forgotten, layer="no_such_module:f")
    with pytest.raises(InputError, match=r"the layer no_such_module:f of the op 'forgotten': No module named"):
        build_network(built)


@pytest.mark.parametrize(
    ("kind", "op", "layer", "told"),
    [
        ("conv", Forgotten, None, "there is an op of this name already (nas.architecture.weighted.Conv)"),
        ("squeeze_excite", Forgotten, None, "there is an op of this name already (my_ops.SqueezeExcite)"),
        ("not a name", Forgotten, None, "is no name"),
        ("forward", Forgotten, None, "taken by torch's modules"),
        ("no_op", NoOp, None, "expected a frozen dataclass derived from nas.architecture.ops.Op"),
        ("forgotten", Forgotten, "my_layers.f", "layer is written package.module:function"),
    ],
)
def test_what_is_no_op_is_not_registered(kind: str, op: Any, layer: str | None, told: str) -> None:
    before = dict(OPS)
    with pytest.raises(InputError) as refused:
        register(kind, op, layer)
    assert told in str(refused.value)
    assert before == OPS


def test_modules_that_cannot_be_imported_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "broken_ops.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"imports: cannot import 'broken_ops' \(ZeroDivisionError: division by zero\)"
    ):
        import_own(["broken_ops"])
    with pytest.raises(InputError, match="cannot import 'no_such_ops'"):
        import_own(["no_such_ops"])
    with pytest.raises(InputError, match=r"expected a list of modules, such as \[my_ops\]; got 'my_ops'"):
        import_own("my_ops")


COMMANDS = commands_of("docs/extending.md")


def run(command: tuple[str, ...], folder: Path, *more: str) -> str:
    """Runs a command of the page in `folder`, with the program in its place."""
    assert command[0] == "python"
    words = [str(ROOT / word) if word == "train.py" else word for word in command[1:]]
    done = subprocess.run(
        [sys.executable, *words, *more], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def searched(folder: Path) -> None:
    run(COMMANDS[0], written(folder), "study.trials=1", "tracking=none", "trainer.max_epochs=1")


def test_the_page_s_search_trains_candidates_with_its_ops(tmp_path: Path) -> None:
    searched(tmp_path)
    best = yaml.safe_load((tmp_path / "studies" / "my_space" / "best.yaml").read_text(encoding="utf-8"))
    assert "squeeze_excite" in best["architecture"]["defaults"]
    assert "my_ops" not in str(best), "a candidate is data, and names no modules"


def test_the_page_s_space_is_described(tmp_path: Path) -> None:
    assert "documents   " in run(COMMANDS[2], written(tmp_path), "--samples", "10")


@pytest.mark.slow
def test_the_page_s_candidate_is_trained_again(tmp_path: Path) -> None:
    searched(tmp_path)
    assert "val/accuracy" in run(COMMANDS[1], tmp_path, "tracking=none")
