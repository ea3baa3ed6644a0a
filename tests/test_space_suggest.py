"""Filling holes from records and at random."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_spaces import recipe

from nas.errors import InputError
from nas.space.holes import Choice, Integer
from nas.space.suggest import RandomSuggest, Recorded

holes = st.one_of(
    st.lists(st.integers(-3, 3) | st.sampled_from(["full", "fork", None, 0.5]), min_size=1, unique=True).map(
        lambda options: {"choice": options}
    ),
    st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(1, 7)).map(
        lambda r: {"int": [r[0], r[0] + r[1]], "step": r[2]}
    ),
    st.tuples(st.integers(1, 50), st.integers(0, 50)).map(lambda r: {"int": [r[0], r[0] + r[1]], "log": True}),
    st.tuples(st.floats(1e-6, 1e3), st.floats(0, 1e3), st.booleans()).map(
        lambda r: {"float": [r[0], r[0] + r[1]], "log": r[2]}
    ),
)


@given(st.dictionaries(st.sampled_from("abcde"), holes), st.integers(0, 1000))
def test_replaying_what_was_chosen_at_random_repeats_the_document(training: dict[str, Any], seed: int) -> None:
    space = recipe(**training)
    suggest = RandomSuggest(Random(seed))
    document = space.sample(suggest)
    assert list(suggest.parameters) == [f"training.{name}" for name in training]
    assert space.sample(Recorded(suggest.parameters)) == document
    assert space.sample(RandomSuggest(Random(seed))) == document


def test_random_values_reach_every_option_and_both_ends() -> None:
    suggest = RandomSuggest(Random(0))
    assert {suggest("c", Choice(("a", "b", None))) for _ in range(100)} == {"a", "b", None}
    assert {suggest("i", Integer(2, 8, 3)) for _ in range(100)} == {2, 5, 8}
    assert {suggest("i", Integer(1, 4, log=True)) for _ in range(200)} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("hole", "value", "told"),
    [
        ({"choice": [3, 5]}, 4, "training.x: 4 is not one of [3, 5]"),
        ({"choice": [3, 5]}, "3", "training.x: '3' is not one of [3, 5]"),
        ({"choice": {"a": 1, "b": 2}}, 1, "training.x: 1 is not one of ['a', 'b']"),
        ({"int": [1, 9], "step": 2}, 4, "training.x: 4 is not in [1, 9] in steps of 2"),
        ({"int": [1, 9]}, 10, "is not in [1, 9]"),
        ({"int": [1, 9]}, 2.0, "is not in [1, 9]"),
        ({"int": [0, 1]}, True, "is not in [0, 1]"),
        ({"float": [0, 1]}, 1.5, "is not in [0.0, 1.0]"),
        ({"float": [0, 1]}, "0.5", "is not in [0.0, 1.0]"),
        ({"float": [0, 1]}, float("nan"), "is not in [0.0, 1.0]"),
    ],
)
def test_a_recorded_value_that_cannot_be_is_refused(hole: Any, value: Any, told: str) -> None:
    space = recipe(x=hole)
    with pytest.raises(InputError) as refused:
        space.sample(Recorded({"training.x": value}))
    assert told in str(refused.value)


def test_a_missing_record_is_refused_with_what_was_expected() -> None:
    with pytest.raises(InputError, match=r"training.x: no value recorded; expected one of \[1, 2\]"):
        recipe(x={"choice": [1, 2]}).sample(Recorded({"training.y": 1}))


def test_a_record_that_was_stored_as_another_type_gives_the_option_itself() -> None:
    sample = recipe(x={"choice": [1, 2]}).sample(Recorded({"training.x": 1.0}))
    assert type(sample["training"]["x"]) is int
