"""How many documents a space holds, held against all of them made one by one."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from small_spaces import CONTEXT, recipe, spaces

from nas.errors import InputError
from nas.space.count import count, uniform_parameters
from nas.space.enumeration import enumerate_documents
from nas.space.space import Space
from nas.space.suggest import Recorded

FEW = 300
KERNEL = {"choice": [3, 5, 7]}


def made(space: Space, context: Any = None) -> list[dict[str, Any]]:
    """All documents; rejects a space in which a condition asks for what comes after it."""
    try:
        return list(enumerate_documents(space, context))
    except InputError:
        reject()


@given(spaces())
def test_the_count_is_the_number_of_documents_that_enumeration_makes(space: Space) -> None:
    assume((number := count(space).documents) <= FEW)
    everything = made(space)
    assert len(everything) == number
    assert len({tuple(parameters.items()) for parameters in everything}) == number
    assert all(set(parameters) <= set(space.holes) for parameters in everything)


@given(spaces(contexts=True))
def test_the_count_knows_what_a_grid_depends_on(space: Space) -> None:
    assume((number := count(space, CONTEXT).documents) <= FEW)
    assert len(made(space, CONTEXT)) == number


@given(spaces(), st.data())
def test_the_count_with_fixed_parameters_is_that_of_the_documents_that_have_them(space: Space, data: Any) -> None:
    assume(count(space).documents <= FEW)
    everything = made(space)
    assume(any(everything))
    parameters = data.draw(st.sampled_from([each for each in everything if each]))
    fixed = {name: parameters[name] for name in data.draw(st.sets(st.sampled_from(sorted(parameters)), max_size=2))}
    alike = sum(all(each.get(name, value) == value for name, value in fixed.items()) for each in everything)
    assert count(space, fixed=fixed).documents == alike


@pytest.mark.parametrize(
    ("training", "number"),
    [
        ({}, 1),
        ({"lr": 0.1}, 1),
        ({"k": KERNEL}, 3),
        ({"k": KERNEL, "w": {"int": [8, 64], "step": 8}}, 24),
        ({"w": {"int": [1, 2**50]}, "v": {"int": [1, 2**50]}}, 2**100),
        ({"pool": {"choice": {"absent": None, "max": {"width": {"int": [1, 8]}}}}}, 9),
        ({"k": KERNEL, "x": {"if": {"parameter": "training.k", "at_least": 5}, "then": KERNEL, "else": 1}}, 7),
    ],
)
def test_holes_multiply_and_alternatives_add_up(training: dict[str, Any], number: int) -> None:
    assert count(recipe(**training)).documents == number


@pytest.mark.parametrize(
    ("test", "number"),
    [({"at_least": 1000}, 10**6 + 2 * (10**6 - 999)), ({"is": 7}, 10**6 + 2), ({"in": [7, 2.5, 8]}, 10**6 + 4)],
)
def test_a_condition_on_a_large_range_is_counted_without_going_through_it(test: dict[str, Any], number: int) -> None:
    under = {"if": {"parameter": "training.w", **test}, "then": KERNEL, "else": 1}
    assert count(recipe(w={"int": [1, 10**6]}, x=under)).documents == number


def test_a_cell_that_is_used_twice_is_counted_once_and_one_that_is_not_is_not() -> None:
    cells = {name: {"k": KERNEL} for name in "abc"}
    network = [{"cell": "a"}, {"cell": "a"}, {"name": "x", "cell": {"choice": ["a", "b"]}}]
    space = Space.from_document({"architecture": {"cells": cells, "network": network}})
    assert count(space).documents == 3 + 3 * 3


def test_a_range_of_real_numbers_makes_it_infinite_and_is_named() -> None:
    lr = {"float": [1e-4, 1e-1], "log": True}
    found = count(recipe(lr=lr, k=KERNEL, one={"float": [2, 2]}))
    assert (found.documents, found.ranges) == (3, ("training.lr",))
    assert str(found) == "infinite (3 with one value for each of training.lr)"
    with pytest.raises(InputError, match=r"training\.lr: takes any number from 0.0001 to 0.1"):
        next(enumerate_documents(recipe(lr=lr)))


def test_documents_that_cannot_be_made_do_not_count() -> None:
    def context(cell: str, architecture: Any) -> Any:
        if architecture["network"][0]["k"] == 7:
            raise InputError("too large")
        return [{"grid": architecture["network"][0]["k"], "width": 1}]

    under = {"if": {"context": "grid", "at_least": 5}, "then": {"int": [1, 10]}, "else": 1}
    network = [{"name": "x", "k": KERNEL}, {"cell": "a"}]
    space = Space.from_document({"architecture": {"cells": {"a": {"w": under}}, "network": network}})
    assert count(space, context).documents == 1 + 10
    assert sum(1 for _ in enumerate_documents(space, context)) == 11
    drawn = Counter(uniform_parameters(space, Random(seed), context)["network.x.k"] for seed in range(200))
    assert set(drawn) == {3, 5}
    assert drawn[5] > 150


def test_documents_are_drawn_with_equal_chances() -> None:
    pool = {"choice": {"absent": None, "max": {"k": KERNEL, "w": {"int": [1, 3]}}}}
    space = recipe(pool=pool, lr={"choice": [0.1, 0.2]})
    rounds = 2000
    drawn = Counter(tuple(sorted(uniform_parameters(space, Random(seed)).items())) for seed in range(rounds))
    assert len(drawn) == 20
    expected = rounds / 20
    assert sum((number - expected) ** 2 / expected for number in drawn.values()) < 43.8  # 0.1 % of chi² with 19


@given(spaces(contexts=True), st.integers(0, 9))
def test_what_is_drawn_is_in_the_space(space: Space, seed: int) -> None:
    parameters = uniform_parameters(space, Random(seed), CONTEXT)
    try:
        space.sample(Recorded(parameters), CONTEXT)
    except InputError:  # the space asks for something before it is chosen
        reject()
