"""What is true of each shipped space: what it holds, where its conditions hold, and what it promises of its widths."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from documents import HEAD
from shipped_spaces import load
from torch import Tensor, nn

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.ops import Aux, Cell, Conv, Residual
from nas.architecture.plan import Node
from nas.architecture.published import published_names, published_path
from nas.architecture.sketch import cell_sketches
from nas.cost import cost
from nas.errors import InputError
from nas.network import build_network
from nas.space.reading import read_document
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded


def candidates(space: Space, count: int = 30) -> Iterator[tuple[dict[str, Any], Architecture]]:
    """Parameters and architectures at random."""
    for seed in range(count):
        suggest = RandomSuggest(Random(seed))
        yield suggest.parameters, Architecture.from_document(space.sample(suggest, context))


def nodes(architecture: Architecture, kind: type) -> list[Node]:
    return [node for node in architecture.plan.walk(aux=True) if isinstance(node.op, kind)]


def completed(space: Space, parameters: dict[str, Any]) -> Architecture:
    """The architecture of these parameters."""
    alone = Space.from_document({"architecture": space.document["architecture"]})
    return Architecture.from_document(alone.sample(Recorded(parameters), context))


def test_inception_cell_holds_a_cell_like_the_first_of_inception_v3() -> None:
    """1×1 beside 1×1, 3×3 beside 1×1, 3×3, 3×3 beside an average and a 1×1 (Szegedy et al. 2016, figure 5)."""
    inception, reduction = "cells.inception.branches.", "cells.reduction.branches."
    chosen = {
        "network.stem.values.width": 16,
        **{f"network.stage_{stage}.depth": 1 for stage in (1, 2, 3)},
        "cells.normal": "concat",
        inception + "point": "present",
        inception + "point.present.project.width.times": 0.25,
        inception + "near.reduce.width": "quarter",
        inception + "near.spatial.kernel": 3,
        inception + "near.spatial.width.times": 0.5,
        inception + "near.spatial.form": "full",
        inception + "far": "present",
        inception + "far.present.reduce.width": "quarter",
        inception + "far.present.spatial.kernel": 5,
        inception + "far.present.spatial.width.times": 0.5,
        inception + "far.present.spatial.form": "stacked",
        inception + "pool": "average",
        inception + "pool.average.project.width.times": 0.25,
        reduction + "near.reduce.width": "none",
        reduction + "near.spatial.kernel": 3,
        reduction + "near.spatial.width.times": 0.5,
        reduction + "far": "absent",
        reduction + "pool.pool.kind": "max",
    }
    sketches = cell_sketches(completed(load("inception_cell"), chosen))
    assert sketches["normal"] == "1×1 4 | 1×1 4 → 3×3 8 | 1×1 4 → 3×3 8 → 3×3 8 | avg → 1×1 4"
    assert sketches["reduction"] == "3×3/2 16 | max 3×3/2"


def test_inception_resnet_cell_holds_cell_a_of_inception_resnet_v1() -> None:
    """At the 256 channels that it was made for: 32 in each branch, and the eps of the published norms."""
    published_norms = {"conv": {"norm": {"eps": 0.001}}}
    data = {"input": {"channels": 256, "size": 35}, "classes": 10, "defaults": published_norms}
    cells = {"residual": load("inception_resnet_cell").document["architecture"]["cells"]["residual"]}
    branches = "cells.residual.body.branches."
    chosen = {
        "cells.residual.projection": True,
        "cells.residual.scale": 0.17,
        "cells.residual.activation": "relu",
        branches + "deep": "present",
        branches + "deep.present.reduce.width.times": 0.125,
        branches + "deep.present.first.width.times": 1.0,
        branches + "deep.present.second.width.times": 1.0,
        branches + "near.reduce.width.times": 0.125,
        branches + "near.spatial.kernel": 3,
        branches + "near.spatial.form": "full",
        branches + "near.spatial.width.times": 1.0,
        branches + "point.project.width.times": 0.125,
    }
    ours = Space.from_document({"architecture": {**data, "cells": cells, "network": [use("residual"), *HEAD]}})
    published = Architecture.from_document({**data, "network": [use("inception_resnet_v1.a"), *HEAD]})
    assert Architecture.from_document(ours.sample(Recorded(chosen))).digest == published.digest


def use(cell: str) -> dict[str, Any]:
    return {"op": "cell", "cell": cell}


def test_residual_cells_without_projection_fit_what_comes_in() -> None:
    seen = set()
    for parameters, architecture in candidates(load("inception_resnet_cell"), 60):
        projection = parameters["cells.residual.projection"]
        seen.add((projection, parameters["cells.residual.body.branches.deep"]))
        assert ("cells.residual.body.branches.near.spatial.width.times" in parameters) == projection
        for node in nodes(architecture, Residual):
            assert len(node.children) == (2 if projection else 1)
            assert projection or node.children[0].output == node.input
    assert len(seen) == 4


def in_a_row(architecture: Architecture) -> Iterator[tuple[str, int]]:
    """The stage and grid of each 1×n and n×1 that stand one after the other, not side by side."""
    for node in nodes(architecture, Conv):
        if len(set(node.op.kernel)) > 1 and node.name != "conv":  # type: ignore[attr-defined]
            yield node.path.partition(".")[0], node.input[1]


@pytest.mark.parametrize(("size", "stages"), [(20, set()), (28, {"stage_1"}), (32, {"stage_1"}), (64, {"stage_2"})])
def test_factorized_cell_puts_1xn_and_nx1_in_a_row_where_the_grid_is_12_to_20(size: int, stages: set[str]) -> None:
    found = [
        each for _, architecture in candidates(load("factorized_cell", size=size)) for each in in_a_row(architecture)
    ]
    assert {stage for stage, _ in found} == stages
    assert all(12 <= grid <= 20 for _, grid in found)


def test_factorized_cell_does_so_elsewhere_if_the_user_says_so() -> None:
    override = "search.architecture.cells.late.branches.large.spatial.form={choice: [full, asymmetric]}"
    space = load("factorized_cell", override, size=28)
    found = {each for _, architecture in candidates(space) for each in in_a_row(architecture)}
    assert found == {("stage_1", 14), ("stage_3", 4)}


def test_factorized_cell_tries_all_forms_and_kernels_in_the_first_stage() -> None:
    spatial = "cells.early.branches.large.spatial."
    chosen = [parameters for parameters, _ in candidates(load("factorized_cell", size=28), 60)]
    assert {each[spatial + "kernel"] for each in chosen} == {5, 7, 9, 11, 13, 15}
    forms = {tuple(value for name, value in each.items() if name.startswith(spatial + "form")) for each in chosen}
    rows = {("asymmetric", times, first) for times in (1, 2) for first in ("1xn", "nx1")}
    assert forms == {("full",), ("stacked",), ("fork",), *rows}
    assert not any("early" in name and name.endswith(".else") for each in chosen for name in each)


def test_nin_block_ends_in_a_map_for_each_class() -> None:
    for parameters, architecture in candidates(load("nin_block"), 10):
        for block in (1, 2, 3):
            convolutions = [n for n in nodes(architecture, Conv) if n.path.startswith(f"block_{block}.")]
            assert [n.op.kernel[0] for n in convolutions[1:]] == [1] * (len(convolutions) - 1)  # type: ignore[attr-defined]
            assert len(convolutions) == 1 + parameters[f"network.block_{block}.values.depth"]
        last = nodes(architecture, Conv)[-1]
        assert (last.output[0], last.op.kernel) == (architecture.classes, (1, 1))  # type: ignore[attr-defined]


def test_inception_network_trains_a_side_classifier_or_has_none() -> None:
    for parameters, architecture in candidates(load("inception_network"), 10):
        assert len(nodes(architecture, Aux)) == (parameters["network.aux.weight"] > 0)


def test_inception_network_takes_published_cells_as_they_are() -> None:
    whole = load("inception_network", "search.architecture.width_multiplier=1.0")
    for parameters, architecture in candidates(whole, 10):
        for stage in ("stage_1", "stage_2", "stage_3"):
            cell = parameters[f"network.{stage}.cell"]
            if "." in cell:
                (used,) = [node for node in nodes(architecture, Cell) if node.path == stage]
                channels, size = used.children[0].input[0], used.children[0].input[1]
                assert alone(cell, channels, size).plan.children[0].children[0].output == used.children[0].output


def alone(cell: str, channels: int = 48, size: int = 14) -> Architecture:
    data = {"input": {"channels": channels, "size": size}, "classes": 10}
    return Architecture.from_document({**data, "network": [use(cell), *HEAD]})


COVERED = {
    "bn_inception": "bn_inception_576, but for biases before its norms and the reading of 4c and 4d",
    "inception_v3.fork": "a part of c",
    "inception_v4.fork": "a part of c",
    "nin_cifar10.block3": "the head: as wide as there are classes",
    "nin_cifar100.block3": "the head",
    "nin_imagenet.block4": "the head",
}
"""Published parts that published_cells leaves out, and what there is instead."""


def test_published_cells_has_every_published_cell_that_keeps_the_grid() -> None:
    network = load("published_cells").document["architecture"]["network"]
    options = [cell for op in network if "choice" in str(op.get("cell")) for cell in op["cell"]["choice"]]
    held = {alone(cell).digest for cell in options}
    assert len(held) == len(options)
    missing = []
    for name in published_names():
        document = read_document(published_path(name))["architecture"]
        once = [op["name"] for op in document["network"] if op["op"] == "cell" and op.get("depth", 1) == 1]
        for part in [*document.get("cells", {}), *once]:
            with suppress(InputError):  # a reduction too large for this grid, or a cell that waits for its widths
                cell = alone(f"{name}.{part}")
                whole = cell.plan.children[0].output[1:] == (14, 14)
                if whole and cell.digest not in held and not {name, f"{name}.{part}"} & {*COVERED}:
                    missing.append(f"{name}.{part}")
    assert missing == []


# The parameters and millions of multiply-adds of some cells of the benchmark on CIFAR-10, by its own numbers of cells.
# Operations are in its order, node by node.
BENCHMARK: dict[int, tuple[str, int, float]] = {
    0: ("p1s1ss", 129306, 15.64736),
    1: ("33ps3s", 802426, 113.95136),
    2: ("p33ppp", 559386, 78.56192),
    3: ("ps000s", 73306, 7.78304),
    857: ("113s33", 858426, 121.81568),
    1462: ("333333", 1531546, 220.11968),
    6111: ("333s31", 1073466, 153.27296),
    9930: ("333s33", 1288506, 184.73024),
    13777: ("3333s0", 1045466, 149.3408),
    15624: ("101011", 185306, 23.51168),
}
OPERATIONS = {"0": "none", "s": "skip_connect", "1": "nor_conv_1x1", "3": "nor_conv_3x3", "p": "avg_pool_3x3"}
EDGES = [f"cells.cell.nodes.{edge}" for edge in ("one.in", "two.in", "two.one", "three.in", "three.one", "three.two")]


@pytest.fixture(scope="module")
def benchmark() -> Space:
    return load("nasbench201", size=32)


def chosen(cell: str) -> dict[str, str]:
    return {edge: OPERATIONS[letter] for edge, letter in zip(EDGES, cell, strict=True)}


@pytest.mark.parametrize("number", BENCHMARK)
def test_nasbench201_costs_what_the_benchmark_says(benchmark: Space, number: int) -> None:
    cell, parameters, millions = BENCHMARK[number]
    price = cost(completed(benchmark, chosen(cell)))
    assert (price.parameters, price.macs / 1e6) == (parameters, pytest.approx(millions, abs=1e-6))


def test_nasbench201_holds_the_benchmarks_cells_and_no_others(benchmark: Space) -> None:
    options = [benchmark.holes[edge].options for edge in EDGES]  # type: ignore[union-attr]
    assert [set(each) for each in options] == [set(OPERATIONS.values())] * 6
    assert {name.partition(".")[0] for name in benchmark.holes} == {"cells", "training"}


def one_cell(benchmark: Space, cell: str) -> Architecture:
    """A cell on its own, on a map of 2×4×4."""
    graph = completed(benchmark, chosen(cell)).to_document()["cells"]["cell"]
    return Architecture.from_document({"input": {"channels": 2, "size": 4}, "classes": 5, "network": [graph, *HEAD]})


def outputs(architecture: Architecture, x: Tensor) -> bytes:
    """What its graph makes of `x` if all convolutions of one size have one set of weights."""
    network = build_network(architecture, in_channels=2, classes=5).double().eval()
    for module in network.modules():
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            match module:
                case nn.Conv2d() | nn.BatchNorm2d():
                    for value in module.state_dict().values():
                        if value.is_floating_point():
                            value.copy_(torch.rand(value.shape, generator=generator, dtype=value.dtype) + 0.1)
    result = network.get_submodule("graph")(x)
    return (result.detach() * 1e6).round().add(0.0).numpy().tobytes()  # sums in another order differ in the last digits


def test_cells_without_weights_have_one_digest_only_if_they_compute_the_same(benchmark: Space) -> None:
    """All 729 of them. Some that compute the same have two: pools of sums, and sums of pools."""
    x = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    computed: dict[str, set[bytes]] = {}
    for cell in map("".join, product("0sp", repeat=6)):
        architecture = one_cell(benchmark, cell)
        if architecture.digest not in computed or Random(cell).random() < 0.3:
            computed.setdefault(architecture.digest, set()).add(outputs(architecture, x))
    assert all(len(results) == 1 for results in computed.values())
    assert len(computed) < 150


def test_cells_of_one_digest_compute_the_same_with_the_same_weights(benchmark: Space) -> None:
    x = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    alike: dict[str, list[Architecture]] = {}
    random = Random(0)
    for _ in range(400):
        architecture = one_cell(benchmark, "".join(random.choices("00s13p", k=6)))
        alike.setdefault(architecture.digest, []).append(architecture)
    several = [group for group in alike.values() if len(group) > 1]
    assert len(several) > 20
    for group in several:
        assert len({outputs(architecture, x) for architecture in group[:3]}) == 1
