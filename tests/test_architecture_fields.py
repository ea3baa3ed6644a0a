"""How a field of an op is read, and that what is written for it is read again."""

from typing import Any

import pytest
from documents import build, conv, side_by_side
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nas.architecture import fields as f
from nas.architecture.ops import OPS
from nas.errors import InputError
from nas.network.build import Network, Parallel, ResidualSum


def public_words(module: nn.Module) -> set[str]:
    return {word for word in dir(module) if not word.startswith("_")}


def test_every_attribute_of_torchs_modules_and_ours_is_reserved() -> None:
    architecture = build(conv(name="op"), side_by_side(op=[conv()]))
    modules = [
        nn.Module(),
        nn.Sequential(),
        Parallel({}),
        ResidualSum({"body": nn.Identity()}, 1.0, "none"),
        Network(architecture.plan, aux=False),
    ]
    ours = {"op", "branches", "global_pool", "linear"}  # children of this network
    children = {"body", "projection", "shortcut", "activation", "scale"}  # of a residual, where no names are given
    words = set().union(*map(public_words, modules)) - ours - children
    assert words - f.RESERVED == set()


def test_no_name_of_an_op_is_reserved() -> None:
    assert not f.RESERVED & set(OPS)


@pytest.mark.parametrize(
    ("value", "sides"),
    [
        (1, (1, 1, 1, 1)),
        ([1, 2], (1, 1, 2, 2)),
        ([0, 1, 2, 3], (0, 1, 2, 3)),
        ("same", "same"),
        ("valid", "valid"),
        ("tf_same", "tf_same"),
    ],
)
def test_padding_is_a_word_or_one_two_or_four_numbers(value: Any, sides: Any) -> None:
    assert f.padding(value, "here") == sides


@pytest.mark.parametrize(
    ("value", "width"),
    [
        (0, 0),
        (64, 64),
        ("in", "in"),
        ("classes", "classes"),
        ({"of": "in"}, f.Relative()),
        ({"of": "in", "times": 0.5, "multiple_of": 8, "minimum": 16}, f.Relative(0.5, 8, 16)),
        ({"of": 96, "times": 0.5, "multiple_of": 32}, 32),
        ({"of": 0, "times": 2}, 0),
    ],
)
def test_a_width_is_a_number_a_symbol_or_relative(value: Any, width: Any) -> None:
    assert f.width(value, "here") == width


@pytest.mark.parametrize(
    ("value", "norm"),
    [
        ("none", None),
        ("batch", f.BatchNorm()),
        ({}, f.BatchNorm()),
        ({"eps": 1e-3, "scale": False}, f.BatchNorm(1e-3, 0.1, False)),
    ],
)
def test_a_norm_is_a_word_or_its_fields(value: Any, norm: Any) -> None:
    assert f.norm(value, "here") == norm


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("fork", f.Form("fork")),
        ("asymmetric", f.Form("asymmetric")),
        ({"kind": "stacked"}, f.Form("stacked")),
        ({"kind": "asymmetric", "times": 2, "first": "nx1"}, f.Form("asymmetric", 2, "nx1")),
    ],
)
def test_a_form_is_a_word_or_its_fields(value: Any, form: Any) -> None:
    assert f.form(value, "here") == form


numbers = st.integers(1, 9)
pairs = numbers | st.lists(numbers, min_size=2, max_size=2)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "pair": pairs,
    "padding": pairs | st.lists(numbers, min_size=4, max_size=4) | st.sampled_from(["same", "valid", "tf_same"]),
    "width": numbers
    | st.sampled_from(["in", "classes"])
    | st.fixed_dictionaries(
        {"of": st.just("in") | numbers}, optional={"times": st.floats(0.1, 4), "multiple_of": numbers}
    ),
    "groups": numbers | st.just("in"),
    "norm": st.sampled_from(["none", "batch"])
    | st.fixed_dictionaries({}, optional={"eps": st.floats(0, 1), "momentum": st.floats(0, 1), "scale": st.booleans()}),
    "form": st.sampled_from(["full", "stacked", "asymmetric", "fork"])
    | st.fixed_dictionaries({"kind": st.just("asymmetric")}, optional={"times": numbers, "first": st.just("nx1")}),
    "per_channel": st.floats(-1, 1) | st.lists(st.integers(-1, 1) | st.floats(-1, 1), min_size=1, max_size=3),
}
READERS: dict[str, Any] = {
    "pair": f.pair(1),
    "padding": f.padding,
    "width": f.width,
    "groups": f.groups,
    "norm": f.norm,
    "form": f.form,
    "per_channel": f.per_channel,
}


@pytest.mark.parametrize("field", VALUES)
@given(st.data())
def test_what_is_written_for_a_value_is_read_as_the_same_value(field: str, data: st.DataObject) -> None:
    typed = READERS[field](data.draw(VALUES[field]), "here")
    written = f.plain(typed)
    assert READERS[field](written, "here") == typed
    assert f.plain(READERS[field](written, "here")) == written


def test_every_default_can_be_written_and_read() -> None:
    for op in OPS.values():
        for key, default in f.defaults(op).items():
            assert f.readers(op)[key](f.plain(default), "here") == default


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, 2e6, True, "1", None, [1]])
def test_a_number_is_finite_and_no_other_thing(value: Any) -> None:
    with pytest.raises(InputError, match=r"^here: expected a number"):
        f.number()(value, "here")
