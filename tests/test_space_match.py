"""Documents matched against a space: the parameters that make them, or the place and reason why there are none."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shipped_spaces import SPACES, load
from small_spaces import CONTEXT, recipe, spaces

from nas.architecture.context import context
from nas.errors import InputError
from nas.space.match import NoMatch, match
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded

KERNEL = {"choice": [3, 5]}


def in_training(training: Any, document: Any) -> Any:
    """The parameters of a recipe, their names without the first word; or what is told if there are none."""
    space = recipe(**training)
    try:
        found = match(space, {"training": document})
    except NoMatch as error:
        return str(error)
    assert space.sample(Recorded(found)) == {"training": document}
    return {name.removeprefix("training."): value for name, value in found.items()}


@given(spaces(contexts=True), st.integers(0, 99))
def test_what_is_sampled_is_matched_by_parameters_that_give_it_again(space: Space, seed: int) -> None:
    try:
        document = space.sample(RandomSuggest(Random(seed)), CONTEXT)
    except InputError:  # a condition on what comes later, or a reference that leads nowhere
        assume(False)
    before = deepcopy(document)
    parameters = match(space, document, CONTEXT)
    assert space.sample(Recorded(parameters), CONTEXT) == document == before


@given(spaces(contexts=True), st.integers(0, 99), st.data())
def test_a_document_that_the_space_does_not_make_is_refused(space: Space, seed: int, data: Any) -> None:
    """One value of a sample is changed: either there is no match, or the sample with its parameters is the change."""
    try:
        document = space.sample(RandomSuggest(Random(seed)), CONTEXT)
    except InputError:
        assume(False)
    places = list(_scalars(document, ()))
    assume(places)
    *way, last = data.draw(st.sampled_from(places))
    changed = container = deepcopy(document)
    for key in way:
        container = container[key]
    container[last] = data.draw(st.sampled_from([0, 1, 2, 2.5, 3, "x", "a", "b", None, True, []]))
    try:
        parameters = match(space, changed, CONTEXT)
    except NoMatch:
        return
    again = space.sample(Recorded(parameters), CONTEXT)
    assert again["training"] == changed["training"]
    assert again["architecture"]["network"] == changed["architecture"]["network"]


def _scalars(node: Any, place: tuple[Any, ...]) -> Any:
    match node:
        case dict():
            for key, value in node.items():
                yield from _scalars(value, (*place, key))
        case list():
            for index, value in enumerate(node):
                yield from _scalars(value, (*place, index))
        case _:
            yield place


@pytest.mark.parametrize("name", SPACES)
def test_every_sampled_candidate_of_a_shipped_space_is_matched(name: str) -> None:
    space = load(name, size=28, channels=1)
    for seed in range(12):
        suggest = RandomSuggest(Random(seed))
        document = space.sample(suggest, context)
        assert match(space, document, context) == suggest.parameters


@pytest.mark.parametrize(
    ("training", "document", "found"),
    [
        ({"k": 3}, {"k": 3}, {}),
        ({"k": KERNEL}, {"k": 5}, {"k": 5}),
        ({"k": {"int": [2, 8], "step": 2}}, {"k": 6}, {"k": 6}),
        ({"k": {"float": [0, 1]}}, {"k": 1}, {"k": 1.0}),
        ({"k": {"choice": {"a": None, "b": [KERNEL | {}]}}}, {"k": None}, None),
        ({"k": {"choice": {"a": None, "b": {"x": KERNEL}}}}, {"k": None}, {"k": "a"}),
        ({"k": {"choice": {"a": None, "b": {"x": KERNEL}}}}, {"k": {"x": 3}}, {"k": "b", "k.b.x": 3}),
        ({"k": KERNEL, "twice": {"ref": "training.k", "times": 2}}, {"k": 5, "twice": 10}, {"k": 5}),
        (
            {"k": KERNEL, "more": {"ref": "training.k", "times": {"choice": [1, 2, 3]}}},
            {"k": 5, "more": 15},
            {"k": 5, "more.times": 3},
        ),
        (
            {"k": KERNEL, "more": {"ref": "training.k", "times": {"choice": {"one": 1, "many": {"choice": [2, 3]}}}}},
            {"k": 5, "more": 15},
            {"k": 5, "more.times": "many", "more.times.many": 3},
        ),
        (
            {"k": KERNEL, "x": {"if": {"parameter": "training.k", "is": 5}, "then": KERNEL, "else": {"int": [1, 9]}}},
            {"k": 3, "x": 4},
            {"k": 3, "x.else": 4},
        ),
    ],
)
def test_a_match_is_read_off_hole_by_hole(training: Any, document: Any, found: Any) -> None:
    if found is None:
        with pytest.raises(InputError, match="a hole in a list"):
            recipe(**training)
    else:
        assert in_training(training, document) == found


POOL = {"absent": None, "max": {"op": "pool", "kind": "max", "kernel": KERNEL}, "conv": {"op": "conv", "kernel": 1}}


@pytest.mark.parametrize(
    ("training", "document", "told"),
    [
        ({"k": KERNEL}, {"k": 9}, "training.k is 9; the space has 3, 5"),
        ({"k": KERNEL}, {"k": True}, "training.k is true; the space has 3, 5"),
        ({"k": 1}, {"k": True}, "training.k is true; the space has 1"),
        ({"k": {"int": [2, 8], "step": 2}}, {"k": 5}, "training.k is 5; the space has 2 to 8 in steps of 2"),
        ({"k": {"int": [2, 8]}}, {"k": 5.0}, "training.k is 5.0; the space has 2 to 8"),
        ({"k": {"float": [0, 1]}}, {"k": "a"}, "training.k is a; the space has 0.0 to 1.0"),
        ({"k": KERNEL}, {}, "training lacks 'k', which the space has"),
        ({"k": KERNEL}, {"k": 3, "l": 4}, "training has 'l', which the space lacks"),
        ({"k": [1, 2]}, {"k": [1, 2, 3]}, "training.k has 3 items; the space has 2"),
        ({"k": [1, {"name": "x", "y": KERNEL}]}, {"k": [1, {"name": "x", "y": 4}]}, "training.k.x.y is 4"),
        ({"k": {"choice": {"a": 1, "b": 2}}}, {"k": 3}, "training.k is 3; the space has 1, 2"),
        (
            {"p": {"choice": POOL}},
            {"p": {"op": "pool", "kind": "max", "kernel": 7}},
            "p.kernel is 7; the space has 3, 5",
        ),
        ({"p": {"choice": POOL}}, {"p": {"op": "lrn"}}, "training.p is a lrn; the space has null, a pool, a conv"),
        ({"p": {"choice": POOL}}, {"p": {"op": "conv", "kernel": 3}}, "training.p.kernel is 3; the space has 1"),
        (
            {"k": KERNEL, "twice": {"ref": "training.k", "times": 2}},
            {"k": 5, "twice": 6},
            "training.twice is 6; the space has 10 (that of training.k, scaled)",
        ),
        (
            {"k": {"choice": {"a": {"w": 3}, "b": 1}}, "x": {"ref": "training.k.w"}},
            {"k": 1, "x": 3},
            "training.x refers to what is not there: training.k.w: no part of training.k called 'w'",
        ),
        (
            {"k": KERNEL, "x": {"if": {"parameter": "training.k", "is": 5}, "then": KERNEL, "else": 1}},
            {"k": 3, "x": 5},
            "training.x is 5; the space has 1",
        ),
    ],
)
def test_what_is_not_in_the_space_is_told_with_its_place_and_reason(training: Any, document: Any, told: str) -> None:
    assert told in in_training(training, document)


def test_a_reference_scaled_by_any_number_of_a_range_is_not_matched() -> None:
    with pytest.raises(
        InputError, match=r"^training\.more\.times: a reference scaled by any number of a range cannot be"
    ):
        in_training({"k": KERNEL, "more": {"ref": "training.k", "times": {"float": [1, 2]}}}, {"k": 5, "more": 7})


CELL = {"op": "branches", "branches": {"near": [{"op": "conv", "name": "spatial", "width": 8, "kernel": KERNEL}]}}


def network(cell: str, kernel: int | None) -> dict[str, Any]:
    cells = {
        "a": {"op": "branches", "branches": {"near": [{"op": "conv", "name": "spatial", "width": 8, "kernel": kernel}]}}
    }
    return {"architecture": {"cells": cells if kernel else {}, "network": [{"op": "cell", "cell": cell}]}}


def test_the_place_is_that_in_the_document() -> None:
    space = Space.from_document({"architecture": {"cells": {"a": CELL}, "network": [{"op": "cell", "cell": "a"}]}})
    assert match(space, network("a", 3)) == {"cells.a.branches.near.spatial.kernel": 3}
    with pytest.raises(NoMatch, match=r"^cells\.a\.branches\.near\.spatial\.kernel is 9; the space has 3, 5$"):
        match(space, network("a", 9))
    with pytest.raises(NoMatch, match=r"^cells lacks 'a', which is used$"):
        match(space, network("a", None))
    with pytest.raises(NoMatch, match=r"^network\.0\.cell is b; the space has a$"):
        match(space, network("b", 3))


def test_sections_that_a_document_lacks_are_left_open() -> None:
    space = Space.from_document({"architecture": {"network": [], "x": KERNEL}, "training": {"lr": KERNEL}, "seed": 1})
    assert match(space, {"architecture": {"network": [], "x": 3}}) == {"x": 3}
    assert match(space, {"training": {"lr": 5}, "seed": 7, "record": {}}) == {"training.lr": 5}
    assert match(space, {}) == {}


def test_of_alternatives_that_are_written_alike_the_first_is_taken() -> None:
    assert in_training({"k": {"choice": {"a": 3, "b": 3, "c": KERNEL}}}, {"k": 3}) == {"k": "a"}
    condition = {"if": {"parameter": "training.k", "is": "b"}, "then": 1, "else": 2}
    assert in_training({"k": {"choice": {"a": 3, "b": 3}}, "x": condition}, {"k": 3, "x": 1}) == {"k": "b"}


def test_cells_that_nothing_uses_make_no_difference() -> None:
    space = Space.from_document(
        {"architecture": {"cells": {"a": CELL, "b": {"width": KERNEL}, "c": {"width": 1}}, "network": [{"cell": "b"}]}}
    )
    document = {"cells": {"b": {"width": 5}, "d": {"width": 9, "cell": "a"}}, "network": [{"cell": "b"}]}
    assert match(space, {"architecture": document}) == {"cells.b.width": 5}


def test_a_long_network_is_matched() -> None:
    ops = [{"op": "conv", "name": f"c{index}", "width": 8, "kernel": 3} for index in range(600)]
    space = Space.from_document({"architecture": {"network": [*ops, {"op": "conv", "name": "last", "kernel": KERNEL}]}})
    document = {"architecture": {"network": [*ops, {"op": "conv", "name": "last", "kernel": 5}]}}
    assert match(space, document) == {"network.last.kernel": 5}
