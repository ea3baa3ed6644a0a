"""A search space: which holes it has, what they are called, and which of them a sample fills."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.space.holes import Choice
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded

KERNEL = {"choice": [3, 5]}


def space(*network: Any, **sections: Any) -> Space:
    cells = sections.pop("cells", None)
    architecture = {"cells": cells, "network": list(network)} if cells else {"network": list(network)}
    return Space.from_document({"architecture": architecture, **sections})


def names(*network: Any, **sections: Any) -> list[str]:
    return list(space(*network, **sections).holes)


def sampled(of: Space, **parameters: Any) -> dict[str, Any]:
    """The architecture sampled with these parameters; dots in their names are written `__`."""
    return of.sample(Recorded({name.replace("__", "."): value for name, value in parameters.items()}))["architecture"]


def test_a_hole_is_called_by_its_path() -> None:
    cell = {"op": "branches", "branches": {"wide": [{"op": "conv", "name": "spatial", "kernel": KERNEL}]}}
    stage = {"op": "cell", "name": "stage", "cell": "normal", "depth": {"int": [1, 3]}}
    assert names(stage, cells={"normal": cell}, training={"lr": {"float": [1e-4, 1e-1], "log": True}}) == [
        "cells.normal.branches.wide.spatial.kernel",
        "network.stage.depth",
        "training.lr",
    ]


def test_holes_inside_an_alternative_begin_with_its_name() -> None:
    pool = {"choice": {"absent": None, "max": [{"op": "conv", "name": "project", "width": {"int": [1, 8]}}]}}
    assert names({"op": "branches", "name": "mixed", "branches": {"pool": pool}}) == [
        "network.mixed.branches.pool",
        "network.mixed.branches.pool.max.project.width",
    ]
    nested = {"choice": {"a": {"choice": {"b": KERNEL}}, "c": 3}}
    assert names({"op": "conv", "name": "x", "kernel": nested}) == [
        "network.x.kernel",
        "network.x.kernel.a",
        "network.x.kernel.a.b",
    ]


ops = st.sampled_from(
    [
        {"op": "pool", "kind": "max"},
        {"op": "conv", "width": 8, "kernel": 3},
        {"op": "conv", "name": "other", "width": 8, "kernel": {"choice": [1, 3]}},
        {"op": "chain", "chain": [{"op": "conv", "name": "spatial", "width": {"int": [1, 3]}, "kernel": 3}]},
    ]
)


@given(ops, st.integers(0, 2))
def test_names_stay_when_an_op_is_inserted_before(op: Any, position: int) -> None:
    network = [
        {"op": "identity"},
        {"op": "conv", "name": "spatial", "kernel": KERNEL, "width": {"of": "in", "times": {"choice": [1, 2]}}},
        {"op": "branches", "branches": {"a": [{"op": "conv", "name": "b", "width": {"int": [1, 9]}}]}},
    ]
    before = names(*network)
    network.insert(position, deepcopy(op))
    assert [name for name in names(*network) if name in before] == before


@pytest.mark.parametrize(
    "op",
    [
        {"op": "conv", "kernel": KERNEL},
        {"op": "conv", "name": None, "kernel": KERNEL},
        {"op": "conv", "kernel": 3, "width": {"of": "in", "times": {"choice": [1, 2]}}},
        {"op": "conv", "kernel": 3, "norm": {"eps": {"float": [0.0, 1.0]}}},
        {"op": "cell", "cell": "a", "values": {"width": {"int": [1, 2]}}},
        {"op": "branches", "branches": {"pool": {"choice": {"absent": None}}}},
    ],
)
def test_an_op_that_holds_a_hole_needs_a_name(op: Any) -> None:
    with pytest.raises(InputError, match=r"space\.architecture\.network\.0: an op that holds a hole needs a name"):
        space(op)
    assert names({**op, "name": "named"})


def test_a_name_cannot_be_a_hole() -> None:
    with pytest.raises(InputError, match="needs a name"):
        space({"op": "conv", "name": {"choice": ["a", "b"]}, "kernel": 3})


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"architecture": {"network": [KERNEL]}}, "a hole in a list has no name"),
        ({"architecture": {"x": {"choice": []}}}, "space.architecture.x: choice takes a list"),
        ({"architecture": {"x": {"choice": [1], "of": 2}}}, "no field of a hole"),
        ({"architecture": {"x": {"choice": {"a.b": 1}}}}, "'a.b' is no name"),
        ({"architecture": {"x": {"choice": {"": 1}}}}, "'' is no name"),
        ({"architecture": {"x.y": KERNEL}}, "'x.y' is no name"),
        ({"architecture": {"x": [{"name": "a.b", "k": KERNEL}]}}, "'a.b' is no name"),
        ({"architecture": {"x": [{"name": "a", "k": KERNEL}, {"name": "a", "k": KERNEL}]}}, "two holes are called"),
        ({"architecture": {"training": {"lr": KERNEL}}, "training": {"lr": KERNEL}}, "two holes are called"),
        ({"architecture": KERNEL}, "cannot stand for the whole section"),
        ({"training": KERNEL}, "cannot stand for the whole section"),
        ({"seed": {"int": [0, 9]}}, "holes stand under architecture and training alone"),
        ({"record": {"data": [{"x": {"y": KERNEL}, "name": "z"}]}}, "holes stand under architecture and training"),
        ({"architecture": {"x": "${oc.env:HOME}"}}, "space.architecture.x"),
        ({"architecture": {"_target_": "x"}}, "'_target_'"),
        ([1], "expected a mapping"),
    ],
)
def test_a_space_with_a_wrong_hole_is_refused(document: Any, told: str) -> None:
    with pytest.raises(InputError) as refused:
        Space.from_document(document)
    assert told in str(refused.value)
    assert str(refused.value).startswith("space")


def test_keys_that_lead_to_no_hole_may_hold_dots() -> None:
    assert Space.from_document({"architecture": {"variants": {"small": {"input.size": 32}}}}).holes == {}


def test_a_document_without_holes_is_its_own_sample() -> None:
    document = {
        "architecture": {"cells": {"used": [{"op": "identity"}], "unused": []}, "network": [{"cell": "used"}]},
        "training": {"lr": 0.1, "flip": False, "note": None},
        "seed": 3,
        "record": {"parameters": {"a.b": 1}, "classes": ["x", "y"]},
    }
    before = deepcopy(document)
    space = Space.from_document(document)
    assert space.sample(Recorded({})) == document == before
    assert space.sample(Recorded({}))["record"] is not document["record"]


def test_a_sample_fills_every_kind_of_hole() -> None:
    mixed = space(
        {
            "op": "conv",
            "name": "a",
            "kernel": KERNEL,
            "width": {"int": [8, 64], "step": 8},
            "rate": {"float": [0, 1]},
            "form": {"choice": {"full": "full", "twice": {"kind": "asymmetric", "times": {"int": [1, 3]}}}},
        }
    )
    filled = sampled(
        mixed,
        network__a__kernel=5,
        network__a__width=16,
        network__a__rate=0.5,
        network__a__form="twice",
        network__a__form__twice__times=2,
    )
    assert filled["network"] == [
        {"op": "conv", "name": "a", "kernel": 5, "width": 16, "rate": 0.5, "form": {"kind": "asymmetric", "times": 2}}
    ]


def test_holes_of_an_alternative_are_filled_only_where_it_is_chosen() -> None:
    pool = {"choice": {"absent": None, "max": {"op": "conv", "width": {"int": [1, 8]}}}}
    optional = space({"op": "branches", "name": "b", "branches": {"pool": pool}})
    suggest = RandomSuggest(Random(0))
    for _ in range(20):
        suggest.parameters.clear()
        chosen = optional.sample(suggest)["architecture"]["network"][0]["branches"]["pool"]
        assert set(suggest.parameters) == {
            "network.b.branches.pool",
            *(["network.b.branches.pool.max.width"] if chosen else []),
        }


CELLS = {name: {"op": "conv", "kernel": 3, "width": {"int": [1, 8]}} for name in ("a", "b", "c")}
CELLS["outer"] = {"op": "cell", "cell": {"choice": ["a", "b"]}}


@pytest.mark.parametrize(
    ("network", "parameters", "kept"),
    [
        ([{"op": "cell", "cell": "a"}], {"cells.a.width": 2}, {"a"}),
        ([{"op": "cell", "cell": "a"}, {"op": "cell", "cell": "a"}], {"cells.a.width": 2}, {"a"}),
        ([{"op": "cell", "cell": "outer"}], {"cells.outer.cell": "b", "cells.b.width": 2}, {"outer", "b"}),
        (
            [{"op": "cell", "name": "x", "cell": {"choice": ["c", "outer"]}}],
            {"network.x.cell": "c", "cells.c.width": 2},
            {"c"},
        ),
        ([{"op": "cell", "cell": "wrap", "values": {"inner": "c"}}], {"cells.c.width": 2}, {"wrap", "c"}),
        (
            [{"op": "cell", "cell": "wrap", "depth": 2, "each": {"inner": ["c", "a"]}}],
            {"cells.c.width": 2, "cells.a.width": 3},
            {"wrap", "c", "a"},
        ),
        ([{"op": "conv", "width": {"ref": "cells.a.width"}}], {"cells.a.width": 2}, {"a"}),
        (
            [{"op": "cell", "name": "x", "cell": "a"}, {"op": "cell", "cell": {"ref": "network.x.cell"}}],
            {"cells.a.width": 2},
            {"a"},
        ),
    ],
)
def test_only_the_cells_in_use_are_sampled_and_kept(network: Any, parameters: Any, kept: set[str]) -> None:
    wrap = {"op": "cell", "cell": "$inner"}
    used = space(*network, cells={**CELLS, "wrap": wrap, "plain": []})
    suggest = RandomSuggest(Random(0))
    used.sample(suggest)
    assert set(used.sample(Recorded(parameters))["architecture"]["cells"]) == {*kept, "wrap", "plain"}
    assert {name for name in used.holes if name.startswith("cells.")} == {
        "cells.a.width",
        "cells.b.width",
        "cells.c.width",
        "cells.outer.cell",
    }


def test_an_unused_cell_that_refers_to_another_is_left_out_with_it() -> None:
    refers = [{"op": "conv", "kernel": 3, "width": {"ref": "cells.a.width"}}]
    unused = space({"op": "identity"}, cells={"a": CELLS["a"], "refers": refers})
    assert sampled(unused)["cells"] == {}


def test_the_cells_themselves_may_be_a_choice() -> None:
    either = {"choice": {"small": {"a": CELLS["a"]}, "large": {"a": CELLS["b"]}}}
    chosen = sampled(space({"op": "cell", "cell": "a"}, cells=either), cells="small", cells__small__a__width=4)
    assert chosen["cells"] == {"a": {"op": "conv", "kernel": 3, "width": 4}}


def test_references_have_the_value_that_was_sampled() -> None:
    double = {"ref": "network.stem.width", "times": 2}
    stem = {"op": "conv", "name": "stem", "width": {"choice": [8, 16]}}
    chosen = sampled(space(stem, {"op": "conv", "width": double}), network__stem__width=16)
    assert [op["width"] for op in chosen["network"]] == [16, 32]


def test_a_reference_in_the_recipe_is_written_as_its_parameter_is_called() -> None:
    training = {"lr": {"choice": [0.1, 0.2]}, "decay": {"ref": "training.lr"}}
    chosen = space(training=training).sample(Recorded({"training.lr": 0.2}))
    assert chosen["training"] == {"lr": 0.2, "decay": 0.2}


def test_the_holes_are_there_to_be_looked_at() -> None:
    assert space({"op": "conv", "name": "a", "kernel": KERNEL}).holes == {"network.a.kernel": Choice((3, 5))}


def test_sampling_changes_nothing_that_was_given() -> None:
    document = {"architecture": {"cells": CELLS, "network": [{"op": "cell", "cell": "outer"}]}}
    before = deepcopy(document)
    space = Space.from_document(document)
    sample = space.sample(RandomSuggest(Random(1)))
    sample["architecture"]["network"][0]["cell"] = "other"
    sample["architecture"]["cells"]["outer"]["op"] = "other"
    assert document == before
    assert Space.from_document(document).holes.keys() == space.holes.keys()
