"""The kinds of hole, how each is written, and every way to write one wrongly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.space.holes import Alternatives, Choice, Integer, Real, is_hole, read_hole


@pytest.mark.parametrize(
    ("written", "hole"),
    [
        ({"choice": [3]}, Choice((3,))),
        ({"choice": [3, "full", 0.5, False, None]}, Choice((3, "full", 0.5, False, None))),
        ({"int": [1, 3]}, Integer(1, 3)),
        ({"int": [-2, -2]}, Integer(-2, -2)),
        ({"int": [8, 64], "step": 8}, Integer(8, 64, 8)),
        ({"int": [1, 6], "step": 2}, Integer(1, 5, 2)),
        ({"int": [1, 64], "log": True}, Integer(1, 64, 1, True)),
        ({"float": [0, 1]}, Real(0.0, 1.0)),
        ({"float": [1e-4, 1e-1], "log": True}, Real(1e-4, 1e-1, True)),
        ({"float": [-0.5, 0.5], "log": False}, Real(-0.5, 0.5)),
    ],
)
def test_a_hole_is_read_as_it_is_written(written: dict[str, Any], hole: object) -> None:
    assert is_hole(written)
    assert read_hole(written, "here") == hole


def test_named_alternatives_may_hold_anything() -> None:
    hole = read_hole({"choice": {"absent": None, "one": 1, "many": [{"op": "conv"}], "more": {"int": [1, 2]}}}, "here")
    assert isinstance(hole, Alternatives)
    assert list(hole.options) == ["absent", "one", "many", "more"]


@pytest.mark.parametrize("node", [{"width": 3}, {}, [], "choice", None, {"choices": [1]}])
def test_what_has_no_key_of_a_hole_is_none(node: object) -> None:
    assert not is_hole(node)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"choice": []}, "at least one scalar"),
        ({"choice": {}}, "at least one scalar"),
        ({"choice": 3}, "at least one scalar"),
        ({"choice": "abc"}, "at least one scalar"),
        ({"choice": None}, "at least one scalar"),
        ({"choice": [[1, 7], [7, 1]]}, "name it"),
        ({"choice": [{"int": [1, 2]}]}, "name it"),
        ({"choice": [1, 2, 1]}, "1 stands twice"),
        ({"choice": [1, True]}, "True stands twice"),
        ({"choice": [0, False]}, "False stands twice"),
        ({"choice": [1, 1.0]}, "1.0 stands twice"),
        ({"choice": [None, None]}, "None stands twice"),
        ({"choice": [float("nan")]}, "nan is no number"),
        ({"choice": [1, 2], "step": 1}, "no field of a hole of kind choice 'step'"),
        ({"choice": [1, 2], "default": 1}, "there are: choice"),
        ({"choice": [1, 2], "int": [1, 2]}, "choice and int at once"),
        ({"int": [1, 2], "float": [1, 2]}, "int and float at once"),
        ({"int": [1, 2], "stepp": 1}, "did you mean 'step'"),
        ({"int": [3, 1]}, "ends before it starts"),
        ({"int": [1.0, 2]}, "integer ends"),
        ({"int": [1]}, "a range is"),
        ({"int": [1, 2, 3]}, "a range is"),
        ({"int": {"low": 1}}, "a range is"),
        ({"int": ["1", "2"]}, "a range is"),
        ({"int": [False, True]}, "a range is"),
        ({"int": [1, 10**400]}, "a range is"),
        ({"int": [1, 3], "step": 0}, "step is an integer"),
        ({"int": [1, 3], "step": 0.5}, "step is an integer"),
        ({"int": [1, 3], "step": True}, "step is an integer"),
        ({"int": [0, 3], "log": True}, "starts at 1"),
        ({"int": [2, 8], "log": True, "step": 2}, "no step"),
        ({"int": [2, 8], "log": 1}, "log is true or false"),
        ({"float": [0.0, 1.0], "log": True}, "above 0"),
        ({"float": [-1.0, 1.0], "log": True}, "above 0"),
        ({"float": [0, 1], "log": "yes"}, "log is true or false"),
        ({"float": [0, 1], "step": 0.1}, "no field of a hole of kind float 'step'"),
        ({"float": [0, float("inf")]}, "a range is"),
        ({"float": [float("nan"), 1]}, "a range is"),
        ({"float": [1, 0]}, "ends before it starts"),
    ],
)
def test_a_hole_that_is_written_wrongly_is_refused_with_its_place(written: dict[str, Any], told: str) -> None:
    assert is_hole(written)
    with pytest.raises(InputError) as refused:
        read_hole(written, "cells.a.width")
    assert str(refused.value).startswith("cells.a.width: ")
    assert told in str(refused.value)


@given(st.integers(-50, 50), st.integers(0, 50), st.integers(1, 20))
def test_a_range_ends_on_its_own_grid(low: int, room: int, step: int) -> None:
    hole = read_hole({"int": [low, low + room], "step": step}, "here")
    assert isinstance(hole, Integer)
    assert hole.high in range(low, low + room + 1, step)
    assert hole.high + step > low + room
