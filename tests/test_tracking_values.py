"""Whatever a name or a value holds, W&B can hold it."""

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.tracking.values import plain, safe_name

any_text = st.text(st.characters())  # lone surrogates and control characters, too


@given(any_text)
def test_a_safe_name_is_short_printable_and_its_own_safe_name(text):
    name = safe_name(text)
    assert 1 <= len(name) <= 128
    assert name.isprintable()
    assert not set(name) & set("/\\#?%:\"'<>")
    assert safe_name(name) == name


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(any_text, values, max_size=5))
def test_plain_values_survive_json_and_being_made_plain_again(mapping):
    once = plain(mapping)
    assert json.loads(json.dumps(once).encode()) == once
    assert plain(once) == once


def test_values_that_need_no_change_keep_name_value_and_kind():
    values = {"cells.normal.width": 64, "lr": 1e-3, "se": True, "norm": None, "kernel": [1, 7], "é": "木"}
    assert plain(values) == values
    assert [type(value) for value in plain(values).values()] == [type(value) for value in values.values()]


def test_numbers_of_other_kinds_become_numbers_and_the_rest_text():
    values = {"n": np.int64(3), "x": np.float32(0.5), "shape": (1, 2), "path": Path("/x"), "bad": "\ud800"}
    assert plain(values) == {"n": 3, "x": 0.5, "shape": [1, 2], "path": "/x", "bad": "?"}


def test_what_has_a_meaning_for_wandb_loses_it():
    assert plain({"_wandb": 1, "a": "wandb-artifact://x/y:v0"}) == {"wandb": 1, "a": "wandb-artifact:x/y:v0"}
