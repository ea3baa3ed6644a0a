"""The option of a screen: what may be asked for, and the brief trainings that follow from it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_parts import tiny_space

from nas.architecture.context import context
from nas.errors import InputError
from nas.search.screen import Screen
from nas.space.suggest import first
from nas.training.job import PROXIES
from nas.training.recipe import Training

DOCUMENT = tiny_space(epochs=8).sample(first, context)


def test_a_screen_is_read_from_its_option() -> None:
    assert Screen.from_option(None) is None
    for name in PROXIES:
        assert Screen.from_option({"by": name, "of": 8}) == Screen(name, 8)
    brief = {"by": "inherited", "of": 4, "epochs": 2, "size": 16, "share": 0.5}
    assert Screen.from_option(brief) == Screen("inherited", 4, 2, 16, 0.5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("naswot", r"search\.screen: expected \{by: \.\.\., of: \.\.\.\}"),
        ({"by": "naswot"}, r"search\.screen: expected"),
        ({"by": "naswott", "of": 8}, r"search\.screen\.by: no way to score 'naswott'; did you mean 'naswot'"),
        ({"by": "zen", "of": 1}, r"search\.screen\.of: expected a whole number from 2"),
        ({"by": "zen", "of": True}, r"search\.screen\.of: expected"),
        ({"by": "zen", "of": 2, "epochs": 2}, r"search\.screen: no key for zen 'epochs'; there are: by, of"),
        (
            {"by": "training", "of": 2, "epoch": 2},
            r"search\.screen: no key for training 'epoch'; did you mean 'epochs'",
        ),
        ({"by": "training", "of": 2, "epochs": 0}, r"search\.screen\.epochs: expected a whole number from 1"),
        ({"by": "training", "of": 2, "size": 8.5}, r"search\.screen\.size: expected a whole number from 1"),
        ({"by": "training", "of": 2, "share": 0}, r"search\.screen\.share: expected a number above 0 and up to 1"),
    ],
)
def test_a_wrong_screen_is_refused(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Screen.from_option(value)


def test_a_screen_that_saves_nothing_is_refused() -> None:
    brief = Screen("training", 2, epochs=8, size=8)
    with pytest.raises(InputError, match=r"search\.screen\.epochs: 8 are no fewer than the 8 of a whole training"):
        brief.check(8, (8, 8))
    with pytest.raises(InputError, match=r"search\.screen\.size: 8 pixels are more than the images have, 6"):
        brief.check(9, (12, 6))
    brief.check({"int": [4, 9]}, (8, 8))
    Screen("zen", 2).check(1, (8, 8))


@given(st.integers(1, 20), st.sampled_from([None, 4, 8]))
def test_a_brief_training_has_the_recipe_in_fewer_epochs(epochs: int, size: int | None) -> None:
    brief = Screen("training", 2, epochs=epochs, size=size).brief(DOCUMENT)
    whole, short = (Training.from_document(each["training"]) for each in (DOCUMENT, brief))
    assert short.epochs == epochs
    assert short.warmup_epochs / epochs == pytest.approx(whole.warmup_epochs / whole.epochs)
    assert short.decay_epochs / epochs == pytest.approx(whole.decay_epochs / whole.epochs)
    assert brief["architecture"]["input"]["size"] == [size or 8, size or 8]
    assert {**brief, "architecture": 0, "training": 0} == {**DOCUMENT, "architecture": 0, "training": 0}
    assert brief["architecture"]["network"] == DOCUMENT["architecture"]["network"]
