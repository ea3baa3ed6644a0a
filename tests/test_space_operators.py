"""Mutation, cross-over and neighbours: each result is in the space, and differs in what it should."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from shipped_spaces import SPACES, load
from small_spaces import CONTEXT, recipe, spaces

from nas.architecture.context import context
from nas.errors import InputError
from nas.space.enumeration import enumerate_documents
from nas.space.operators import cross_over, mutate, neighbours, random_parameters
from nas.space.space import Space
from nas.space.suggest import Recorded

KERNEL = {"choice": [3, 5, 7]}
POOL = {"choice": {"absent": None, "max": {"width": {"int": [1, 9]}, "k": KERNEL}}}
seeds = st.integers(0, 99)


def drawn(space: Space, seed: int) -> dict[str, Any]:
    """Random parameters; rejects a space in which a condition asks for what comes after it."""
    try:
        return random_parameters(space, Random(seed), CONTEXT)
    except InputError:
        reject()


class Noting(dict[str, Any]):
    """Parameters that note which of them are asked for."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)


def assert_in_space(space: Space, parameters: Mapping[str, Any], of: Any = CONTEXT) -> None:
    """That they make a document, and that all of them are asked for."""
    noting = Noting(parameters)
    space.sample(Recorded(noting), of)
    assert noting.asked == set(parameters)


@given(spaces(contexts=True), seeds)
def test_random_parameters_are_in_the_space(space: Space, seed: int) -> None:
    assert_in_space(space, drawn(space, seed))


@given(spaces(contexts=True), seeds)
def test_a_mutation_changes_one_hole_and_what_it_opens_and_closes(space: Space, seed: int) -> None:
    before = drawn(space, seed)
    try:
        after = mutate(space, before, Random(seed), CONTEXT)
    except InputError as error:
        assert str(error).startswith("the document has no hole with a second value")  # noqa: PT017
        return
    assert_in_space(space, after)
    assert sum(after[name] != before[name] for name in before if name in after) == 1


@given(spaces(contexts=True), seeds, seeds)
def test_a_child_is_in_the_space_and_takes_after_its_parents(space: Space, one: int, other: int) -> None:
    parents = drawn(space, one), drawn(space, other)
    child = cross_over(space, *parents, Random(0), CONTEXT)
    assert_in_space(space, child)
    for name, value in child.items():
        there = [parent[name] for parent in parents if name in parent]
        assert value in there or not there
    assert cross_over(space, parents[0], parents[0], Random(0), CONTEXT) == parents[0]


@given(spaces(contexts=True), seeds, st.booleans())
def test_neighbours_are_in_the_space_and_differ_in_one_hole(space: Space, seed: int, adjacent: bool) -> None:
    before = drawn(space, seed)
    for after in neighbours(space, before, CONTEXT, adjacent):
        assert_in_space(space, after)
        assert sum(after[name] != before[name] for name in before if name in after) == 1


@pytest.mark.parametrize("name", SPACES)
def test_every_operator_works_on_a_shipped_space(name: str) -> None:
    space, random = load(name, size=28, channels=1), Random(0)
    one, other = (random_parameters(space, random, context) for _ in range(2))
    made = [mutate(space, one, random, context), cross_over(space, one, other, random, context)]
    for parameters in [*made, *list(neighbours(space, one, context))[:20]]:
        assert_in_space(space, parameters, context)


def test_a_mutation_opens_a_branch_and_closes_it() -> None:
    space = recipe(pool=POOL, lr=0.1)
    opened = mutate(space, {"training.pool": "absent"}, Random(0))
    assert set(opened) == {"training.pool", "training.pool.max.width", "training.pool.max.k"}
    after = [mutate(space, opened, Random(seed)) for seed in range(30)]
    assert {"training.pool": "absent"} in after
    kept = [each for each in after if each["training.pool"] == "max"]
    assert all(sum(each[name] != opened[name] for name in opened) == 1 for each in kept)


def test_mutations_reach_every_document() -> None:
    space = recipe(pool=POOL, lr=KERNEL)
    everything = {tuple(sorted(each.items())) for each in enumerate_documents(space)}
    reached = {tuple(sorted(next(enumerate_documents(space)).items()))}
    random = Random(0)
    now = dict(next(iter(reached)))
    for _ in range(4000):
        now = mutate(space, now, random)
        reached.add(tuple(sorted(now.items())))
    assert reached == everything


def test_a_document_that_cannot_change_says_so() -> None:
    with pytest.raises(InputError, match="no hole with a second value"):
        mutate(recipe(k={"choice": [3]}, w={"int": [4, 5], "step": 2}), {"training.k": 3, "training.w": 4}, Random(0))


@pytest.mark.parametrize(
    ("hole", "value", "all_", "adjacent"),
    [
        ({"choice": [7, 3, 5]}, 5, [7, 3], [3, 7]),
        ({"choice": [7, 3, 5]}, 3, [7, 5], [5]),
        ({"choice": ["a", "b", "c"]}, "a", ["b", "c"], ["b", "c"]),
        ({"choice": [1, None, 2]}, 1, [None, 2], [None, 2]),
        ({"choice": {"x": 1, "y": 2}}, "x", ["y"], ["y"]),
        ({"int": [2, 8], "step": 2}, 4, [2, 6, 8], [2, 6]),
        ({"int": [2, 8], "step": 2}, 8, [2, 4, 6], [6]),
        ({"float": [0, 10]}, 4.0, [3.0, 5.0], [3.0, 5.0]),
        ({"float": [0, 10]}, 0.0, [1.0], [1.0]),
        ({"float": [1, 1024], "log": True}, 32.0, [16.0, 64.0], [16.0, 64.0]),
        ({"choice": [3]}, 3, [], []),
    ],
)
def test_numbers_have_neighbours_on_both_sides(hole: Any, value: Any, all_: Any, adjacent: Any) -> None:
    space = recipe(x=hole)
    for expected, only in ((all_, False), (adjacent, True)):
        found = [near["training.x"] for near in neighbours(space, {"training.x": value}, adjacent=only)]
        assert found == pytest.approx(expected) if isinstance(value, float) else found == expected


def test_holes_that_open_are_filled_with_their_first_options_or_at_random() -> None:
    space = recipe(pool=POOL)
    (opened,) = neighbours(space, {"training.pool": "absent"})
    assert opened == {"training.pool": "max", "training.pool.max.width": 1, "training.pool.max.k": 3}
    drawn = [next(neighbours(space, {"training.pool": "absent"}, random=Random(seed))) for seed in range(9)]
    assert len({each["training.pool.max.width"] for each in drawn}) > 1


def test_a_mutation_of_a_range_moves() -> None:
    space = recipe(lr={"float": [0.1, 0.2]}, w={"int": [1, 10**9], "log": True})
    before = {"training.lr": 0.1, "training.w": 7}
    assert all(mutate(space, before, Random(seed)) != before for seed in range(50))
