"""Paths of words: what they find, and what replacing and removing at them changes."""

from copy import deepcopy
from typing import Any

import pytest

from nas.errors import InputError
from nas.space.paths import find, item_path, join, removed, replaced

DOCUMENT: dict[str, Any] = {
    "cells": {
        "normal": {
            "op": "branches",
            "branches": {
                "wide": [
                    {"op": "conv", "name": "reduce", "width": 8, "kernel": 1},
                    {"op": "conv", "name": "spatial", "width": 16, "kernel": {"choice": [3, 5]}},
                ],
                "pool": {
                    "choice": {
                        "absent": None,
                        "average": [{"op": "pool"}, {"op": "conv", "name": "project", "width": {"int": [1, 8]}}],
                    }
                },
            },
        }
    },
    "network": [
        {"op": "conv", "width": 3, "kernel": 3},
        {"op": "cell", "name": "stage", "cell": "normal", "depth": {"int": [1, 3]}},
        {"op": "chain", "chain": [{"op": "conv", "name": "inner", "width": 4, "kernel": 1}]},
        {"op": "pool", "kind": "max"},
    ],
}

PLACES = {
    "cells.normal.op": "branches",
    "cells.normal.branches.wide.spatial.width": 16,
    "cells.normal.branches.wide.spatial.kernel": {"choice": [3, 5]},
    "cells.normal.branches.pool.absent": None,
    "cells.normal.branches.pool.average.project.width": {"int": [1, 8]},
    "network.stage.depth": {"int": [1, 3]},
    "network.stage.depth.int": [1, 3],
    "network.0.width": 3,
    "network.width": 3,
    "network.3.kind": "max",
    "network.chain.inner.width": 4,
    "network.2.chain.inner.width": 4,
    "network.2.chain.0.width": 4,
}


@pytest.mark.parametrize(("path", "value"), PLACES.items(), ids=PLACES)
def test_find_gives_what_stands_at_a_path(path: str, value: object) -> None:
    assert find(DOCUMENT, path) == value


@pytest.mark.parametrize("path", PLACES)
def test_replaced_sets_that_value_whole_and_nothing_else(path: str) -> None:
    before = deepcopy(DOCUMENT)
    new = {"choice": ["a", "b"]}
    changed = replaced(DOCUMENT, path, new)
    assert find(changed, path) == new
    assert before == DOCUMENT
    assert replaced(changed, path, find(DOCUMENT, path)) == DOCUMENT


@pytest.mark.parametrize("path", PLACES)
def test_removed_takes_out_that_value_and_nothing_else(path: str) -> None:
    before = deepcopy(DOCUMENT)
    changed = removed(DOCUMENT, path)
    assert changed != DOCUMENT
    assert before == DOCUMENT


def test_a_hole_is_closed_and_narrowed_by_its_name() -> None:
    closed = replaced(DOCUMENT, "network.stage.depth", 2)
    assert find(closed, "network.stage.depth") == 2
    narrowed = replaced(DOCUMENT, "cells.normal.branches.wide.spatial.kernel", {"choice": [3]})
    assert find(narrowed, "cells.normal.branches.wide.spatial.kernel") == {"choice": [3]}


def test_an_op_gets_a_new_key_but_a_hole_gets_none() -> None:
    changed = replaced(DOCUMENT, "network.stage.values", {"width": 8})
    assert find(changed, "network.stage") == {**DOCUMENT["network"][1], "values": {"width": 8}}
    assert find(replaced(DOCUMENT, "network.0.stride", 2), "network.0.stride") == 2
    with pytest.raises(InputError, match=r"no part of network\.stage\.depth called 'step'"):
        replaced(DOCUMENT, "network.stage.depth.step", 2)
    with pytest.raises(InputError, match="called 'max'; there are: absent, average"):
        replaced(DOCUMENT, "cells.normal.branches.pool.max", [])


def test_a_new_key_does_not_make_its_parents() -> None:
    with pytest.raises(InputError, match=r"no part of network\.stage called 'values'"):
        replaced(DOCUMENT, "network.stage.values.width", 8)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("cell", "no part of the document called 'cell'; did you mean 'cells'? There are: cells, network"),
        ("cells.normal.branches.width", "did you mean 'wide'? There are: pool, wide"),
        ("cells.normal.branches.wide.spatial.kernels", "There are: kernel, name, op, width"),
        ("network.stages", "did you mean 'stage'? There are: chain, kernel, kind, stage, width"),
        ("network.9.width", "no part of network called '9'"),
        ("network.-1.width", "no part of network called '-1'"),
        ("network." + "9" * 5000, "no part of network called"),
        ("network.0.width.more", "no part of network.0.width called 'more'; there are: none"),
        ("", "no part of the document called ''"),
        ("network.", "no part of network called ''"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_what_there_is(path: str, told: str) -> None:
    for refused_by in (find, removed, lambda document, place: replaced(document, f"{place}.deeper", 1)):
        with pytest.raises(InputError) as refused:
            refused_by(DOCUMENT, path)
        assert told in str(refused.value)


def test_a_word_that_stands_in_several_nameless_ops_is_refused() -> None:
    document = {"network": [{"op": "conv", "width": 3}, {"op": "conv", "width": 4}]}
    with pytest.raises(InputError, match=r"network\.width: 'width' stands in several ops without a name"):
        find(document, "network.width")
    with pytest.raises(InputError, match="stands in several ops"):
        replaced(document, "network.width", 5)


def test_an_op_with_that_name_comes_before_one_at_that_place() -> None:
    document = {"network": [{"op": "pool"}, {"op": "conv", "name": "0", "width": 4}]}
    assert find(document, "network.0.width") == 4


def test_changing_one_use_of_a_yaml_anchor_leaves_the_other() -> None:
    shared = {"width": 8}
    changed = replaced({"a": shared, "b": shared}, "a.width", 16)
    assert changed == {"a": {"width": 16}, "b": {"width": 8}}


def test_an_item_is_called_by_its_name() -> None:
    assert join("", "a") == "a"
    assert join("a", "b") == "a.b"
    assert item_path("a", {"name": "b"}) == "a.b"
    assert item_path("a", {"op": "conv"}) == item_path("a", 3) == item_path("a", {"name": None}) == "a"
