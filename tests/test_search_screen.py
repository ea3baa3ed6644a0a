"""Which of several candidates is trained."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.search.screen import Screen
from nas.training.job import PROXIES


def test_the_candidate_that_the_proxy_likes_best_is_trained_and_the_first_of_equal_ones() -> None:
    screen = Screen("snip", 3)
    assert screen.best([{"snip": 1.0, "zen": 9.0}, {"snip": 3.0, "zen": 1.0}, {"snip": 3.0, "zen": 2.0}]) == 1
    assert screen.best([{"snip": -5.0}]) == 0
    with pytest.raises(ValueError, match="empty"):
        screen.best([])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0.1, 10))
def test_the_choice_does_not_depend_on_the_scale_of_the_proxy(values: list[float], times: float) -> None:
    screen = Screen("zen", 8)
    chosen = screen.best([{"zen": value} for value in values])
    assert values[chosen] == max(values)
    assert values[screen.best([{"zen": value * times} for value in values])] == pytest.approx(max(values))


def test_a_screen_is_read_from_its_option() -> None:
    assert Screen.from_option(None) is None
    for name in PROXIES:
        assert Screen.from_option({"proxy": name, "of": 8}) == Screen(name, 8)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("naswot", r"search\.screen: expected \{proxy: \.\.\., of: \.\.\.\}"),
        ({"proxy": "naswot"}, r"search\.screen: expected"),
        ({"proxy": "naswott", "of": 8}, r"search\.screen\.proxy: no proxy 'naswott'; did you mean 'naswot'"),
        ({"proxy": "zen", "of": 1}, r"search\.screen\.of: expected a whole number from 2"),
        ({"proxy": "zen", "of": True}, r"search\.screen\.of: expected"),
    ],
)
def test_a_wrong_screen_is_refused(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Screen.from_option(value)
