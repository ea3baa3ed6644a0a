"""The tables: NAS-Bench-201, NAS-Bench-Macro, EC-NAS and ours, each with the space whose documents it holds.

The archives of all but ours are not part of the project; what arrays they hold is said at each.
"""

from collections.abc import Callable
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
from inception_table.networks import rows as inception_rows
from inception_table.networks import space as inception_space
from numpy.typing import NDArray
from table import Parameters, Table, relative, space_of

from nas.compose import configuration
from nas.errors import InputError
from nas.search.spaces import at_data
from nas.space.space import Space

EDGES = [f"cells.cell.nodes.{edge}" for edge in ("one.in", "two.in", "two.one", "three.in", "three.one", "three.two")]
NOISE = {"cifar10": 0.18, "cifar100": 0.54, "ImageNet16-120": 0.52}
"""By how many points isomorphic cells of NAS-Bench-201 differ (standard deviation)."""


def nasbench201(folder: Path, data: str) -> Table:
    """15,625 cells (Dong and Yang 2020), validation accuracy after 200 epochs; brief trainings have 12.

    `ops` (cells, 6) indices into `op_names`; `datasets`; `val_acc_200`, `val_acc_12`, `test_acc_200`, `mmacs` (cells,
    data sets); `iso_class` (cells).
    """
    held = np.load(folder / "nasbench201.npz")
    column = held["datasets"].tolist().index(data)
    names = held["op_names"].tolist()
    rows = {tuple(names[op] for op in ops): row for row, ops in enumerate(held["ops"])}
    return Table(
        name=f"nasbench201 {data}",
        space=_cells(),
        row=lambda parameters: rows[tuple(str(parameters[edge]) for edge in EDGES)],
        values=held["val_acc_200"][:, column],
        test=held["test_acc_200"][:, column],
        cost=relative(held["mmacs"][:, column]),
        same=held["iso_class"].astype(int),
        noise=NOISE[data],
        brief=held["val_acc_12"][:, column],
        brief_share=12 / 200,
    )


@cache
def _cells() -> Space:
    """The shipped space with one cell a stage, so that networks are made sooner; the table knows nothing of depth."""
    document = configuration(["+search=nasbench201"]).space["architecture"]
    architecture = at_data({"architecture": document}, 3, 32, 10).document["architecture"]
    network = [{**op, "depth": 1} if op.get("name") == "stage_1" else op for op in architecture["network"]]
    rest = {key: value for key, value in architecture.items() if key not in ("input", "classes")}
    return at_data({"architecture": {**rest, "network": network}}, 3, 32, 10)


def nasbench_macro(folder: Path, data: str) -> Table:
    """6,561 networks of eight layers (Su et al. 2021); the mean of three test accuracies is all there is.

    `arch` (networks, 8) of 0 identity, 1 and 2 inverted residuals; `test_acc` (networks, 3); `flops` (networks).
    """
    held = np.load(folder / "nasbench_macro.npz")
    rows = {tuple(layers): row for row, layers in enumerate(held["arch"].tolist())}
    network: list[object] = [{"op": "conv", "name": "stem", "kernel": 3, "width": 32}]
    names = []
    for stage, depth in enumerate((2, 3, 3)):
        wide = 64 * 2**stage
        layers = [_layer(wide // 2, wide, 2), *[_layer(wide, wide, 1)] * (depth - 1)]
        for place, layer in enumerate(layers):
            network.append({"op": "chain", "name": f"layer_{stage}_{place}", "chain": {"choice": layer}})
            names.append(f"network.layer_{stage}_{place}.chain")
    network += [{"op": "conv", "kernel": 1, "width": 1280}, {"op": "global_pool"}, {"op": "linear", "width": "classes"}]
    options = ("identity", "small", "large")
    accuracy = held["test_acc"].mean(1)
    alike = [
        str([[op for place, op in enumerate(part) if op or not place] for part in np.split(layers, [2, 5])])
        for layers in held["arch"]
    ]
    return Table(
        name="nasbench_macro",
        space=space_of(network, {}),
        row=lambda parameters: rows[tuple(options.index(str(parameters[name])) for name in names)],
        values=accuracy,
        test=accuracy,
        cost=relative(held["flops"]),
        same=np.unique(alike, return_inverse=True)[1],
        noise=float(held["test_acc"].std(1, ddof=1).mean()),
    )


def _layer(incoming: int, width: int, stride: int) -> dict:
    """The options of a layer; where the width changes, identity is a 1×1 convolution."""
    same = [] if stride == 1 else [{"op": "conv", "kernel": 1, "stride": stride, "width": width, "activation": "none"}]
    return {
        "identity": same,
        "small": _inverted(3, 3 * incoming, width, stride),
        "large": _inverted(5, 6 * incoming, width, stride),
    }


def _inverted(kernel: int, between: int, width: int, stride: int) -> list[dict]:
    """Sandler et al. 2018, figure 4d."""
    body = [
        {"op": "conv", "kernel": 1, "width": between, "activation": "relu6"},
        {"op": "conv", "kernel": kernel, "stride": stride, "width": "in", "groups": "in", "activation": "relu6"},
        {"op": "conv", "kernel": 1, "width": width, "activation": "none"},
    ]
    return [{"op": "residual", "activation": "none", "body": body}] if stride == 1 else body


OPERATIONS = {
    "conv1x1": [{"op": "conv", "kernel": 1, "width": "in"}],
    "conv3x3": [{"op": "conv", "kernel": 3, "width": "in"}],
    "maxpool3x3": [{"op": "pool", "kind": "max"}],
}


def ecnas(folder: Path, data: str) -> Table:
    """Cells of NAS-Bench-101's kind (Bakhtiarifard et al. 2024): 91 of up to four nodes after 108 epochs, the mean of
    three trainings (`data` v4), or 2,532 of up to five nodes after 4 epochs, one training (v5).

    `*_adjacency` row by row, `*_ops` by commas, `*_val_acc`, `*_test_acc`, `*_train_time_s`.
    """
    held = np.load(folder / "ecnas.npz")
    inner = {"v4": 2, "v5": 3}[data]
    last: Callable[[str], NDArray[np.float64]] = lambda name: (  # noqa: E731
        held[f"{data}_{name}"][:, 3].mean(1) if data == "v4" else held[f"{data}_{name}"]
    )
    cells = zip(held[f"{data}_adjacency"].tolist(), held[f"{data}_ops"].tolist(), strict=True)
    rows: dict[object, int] = {}
    for row, (adjacency, ops) in enumerate(cells):
        words = [op.removesuffix("-bn-relu") for op in ops.split(",")]
        rows[_canonical(_edges(adjacency, len(words)), words)] = row
    edge = {"choice": {"absent": None, "present": []}}
    nodes: dict[str, object] = {}
    for node in range(1, inner + 1):
        nodes[f"sum_{node}"] = dict.fromkeys(["in", *(f"op_{other}" for other in range(1, node))], edge)
        nodes[f"op_{node}"] = {f"sum_{node}": {"choice": OPERATIONS}}
    nodes["out"] = dict.fromkeys(["in", *(f"op_{node}" for node in range(1, inner + 1))], edge)
    network: list[object] = [
        {"op": "conv", "name": "stem", "kernel": 3, "width": 32},
        {"op": "cell", "name": "stage", "cell": "cell"},
        {"op": "global_pool"},
        {"op": "linear", "width": "classes"},
    ]

    def row_of(parameters: Parameters) -> int | None:
        there = {name.removeprefix("cells.cell.nodes."): value for name, value in parameters.items()}
        place = {f"{kind}_{node}": node for kind in ("op", "sum") for node in range(1, inner + 1)}
        place |= {"in": 0, "out": inner + 1}
        edges = {
            (place[name.split(".")[1]], place[name.split(".")[0]])
            for name, value in there.items()
            if value == "present"
        }
        words = ["input", *(str(there[f"op_{node}.sum_{node}"]) for node in range(1, inner + 1)), "output"]
        return rows.get(_canonical(edges, words))

    return Table(
        name=f"ecnas {data}",
        space=space_of(network, {"cell": {"op": "graph", "nodes": nodes}}),
        row=row_of,
        values=100 * last("val_acc"),
        test=100 * last("test_acc"),
        cost=relative(last("train_time_s")),
        same=np.arange(len(last("val_acc"))),
        noise=100 * float(held["v4_val_acc"][:, {"v4": 3, "v5": 0}[data]].std(1, ddof=1).mean()),
    )


def _edges(adjacency: str, size: int) -> set[tuple[int, int]]:
    return {divmod(place, size) for place, there in enumerate(adjacency) if there == "1"}


def _canonical(edges: set[tuple[int, int]], words: list[str]) -> object:
    """Equal for cells that are the same but for the order of nodes, and for nodes on no way from input to output."""
    end = len(words) - 1
    ahead, behind = {0}, {end}
    for _ in words:
        ahead |= {to for of, to in edges if of in ahead}
        behind |= {of for of, to in edges if to in behind}
    kept = sorted(ahead & behind - {0, end})
    edges = {(of, to) for of, to in edges if {of, to} <= {0, end, *kept}}
    return min(
        (
            tuple(words[node] for node in order),
            tuple(sorted((places[of], places[to]) for of, to in edges)),
        )
        for order in permutations(kept)
        for places in [{0: 0, end: len(kept) + 1, **{node: 1 + place for place, node in enumerate(order)}}]
    )


def inception(folder: Path, data: str) -> Table:
    """The part of `inception_cell` in `benchmarks/inception_table`, whose `table.npz` is in `folder` or there; accuracy
    on validation after the last epoch. Networks that it does not hold count as infeasible."""
    file = folder / "table.npz"
    held = np.load(file if file.exists() else Path(__file__).parent.parent / "inception_table" / "table.npz")
    networks = [inception_rows()[number] for number in held["row"]]
    digests = [network.candidate.digest for network in networks]
    if digests != held["digest"].tolist():
        raise InputError(f"{file}: its networks are not those of benchmarks/inception_table/networks.py")
    rows = {frozenset(each.items()): row for row, network in enumerate(networks) for each in network.parameters}
    values = 100 * held["val_accuracy"][:, -1].astype(float)
    place = {row: index for index, row in enumerate(held["row"].tolist())}
    first = values[[place[row] for row in held["again_row"].tolist()]]
    between_seeds = np.std(first - 100 * held["again_val_accuracy"][:, -1], ddof=1) / 2**0.5
    return Table(
        name=f"inception_cell {data}",
        space=inception_space(),
        row=lambda parameters: rows.get(frozenset(parameters.items())),
        values=values,
        test=values,
        cost=relative(held["macs"]),
        same=np.arange(len(values)),
        noise=float(between_seeds),
    )


TABLES: dict[str, tuple[Callable[[Path, str], Table], tuple[str, ...]]] = {
    "nasbench201": (nasbench201, tuple(NOISE)),
    "nasbench_macro": (nasbench_macro, ("cifar10",)),
    "ecnas": (ecnas, ("v4", "v5")),
    "inception": (inception, ("cifar10_16px",)),
}
"""Each table with the columns that it has."""
