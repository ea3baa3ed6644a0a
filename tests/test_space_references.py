"""References to other values of a document: what they stand for, and where they end."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.space.references import resolve_references, scaled


def resolved(reference: dict[str, Any], **others: Any) -> Any:
    return resolve_references({"here": reference, **others})["here"]


def test_a_reference_stands_for_what_it_names() -> None:
    document = {"network": [{"op": "conv", "name": "stem", "width": 24}, {"width": {"ref": "network.stem.width"}}]}
    before = deepcopy(document)
    assert resolve_references(document)["network"][1] == {"width": 24}
    assert document == before


def test_a_reference_to_a_whole_chain_is_a_copy_of_it() -> None:
    chain = [{"op": "conv", "width": {"ref": "w"}}]
    result = resolve_references({"a": chain, "b": {"ref": "a"}, "w": 3})
    assert result["a"] == result["b"] == [{"op": "conv", "width": 3}]
    assert result["a"] is not result["b"]


def test_a_reference_to_a_reference_is_followed() -> None:
    assert resolved({"ref": "a", "times": 2}, a={"ref": "b", "times": 2}, b={"ref": "c"}, c=3) == 12


@pytest.mark.parametrize(
    ("scaling", "value"),
    [
        ({"times": 0.5}, 12),
        ({"times": 2}, 48),
        ({"times": 0.5, "multiple_of": 8}, 8),
        ({"times": 0.01}, 1),
        ({"times": 0.01, "multiple_of": 8}, 8),
        ({"times": 0.01, "minimum": 4}, 4),
        ({"multiple_of": 16}, 16),
        ({"minimum": 32}, 32),
    ],
)
def test_a_reference_can_be_scaled(scaling: dict[str, Any], value: int) -> None:
    assert resolved({"ref": "a", **scaling}, a=24) == value


@given(st.integers(1, 4096), st.floats(0.01, 8), st.integers(1, 64), st.integers(1, 64))
def test_a_scaled_width_is_a_multiple_and_never_too_small(value: int, times: float, multiple: int, low: int) -> None:
    width = scaled(value, times, multiple)
    assert width % multiple == 0
    assert width == multiple or value * times - multiple - 1e-6 < width <= value * times + 1e-6
    assert scaled(value, times, multiple, low) == max(width, low)


def test_a_reference_is_scaled_by_no_more_than_a_million_and_to_no_more_than_what_that_gives() -> None:
    assert resolved({"ref": "a", "times": 1_000_000, "multiple_of": 1_000_000, "minimum": 1_000_000}, a=1) == 1_000_000
    assert resolved({"ref": "a", "times": 1}, a=1_000_000) == 1_000_000
    for scaling in ({"times": 1_000_001}, {"multiple_of": 1_000_001}, {"minimum": 1_000_001}):
        with pytest.raises(InputError, match="of at most 1000000; got 1000001"):
            resolved({"ref": "a", **scaling}, a=1)
    with pytest.raises(InputError, match="'a' is 1000001; only 0 to 1000000 can be scaled"):
        resolved({"ref": "a", "times": 1}, a=1_000_001)


def test_what_is_absent_stays_absent_when_scaled() -> None:
    assert scaled(0, 2.0, 8, 16) == 0
    assert resolved({"ref": "a", "times": 2}, a=0) == 0


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ({"ref": "b"}, "here: the reference to 'b' leads nowhere: b: no part of the document called 'b'"),
        ({"ref": "a.b"}, "leads nowhere"),
        ({"ref": ""}, "leads nowhere"),
        ({"ref": "9" * 5000}, "leads nowhere"),
        ({"ref": "here"}, "references run in a circle: here → here"),
        ({"ref": 3}, "here.ref: expected a path"),
        ({"ref": ["a"]}, "here.ref: expected a path"),
        ({"ref": None}, "here.ref: expected a path"),
        ({"ref": "a", "time": 2}, "no field of a reference 'time'; did you mean 'times'"),
        ({"ref": "a", "times": 0}, "here.times: expected a positive number"),
        ({"ref": "a", "times": -1}, "here.times: expected a positive number"),
        ({"ref": "a", "times": True}, "here.times: expected a positive number"),
        ({"ref": "a", "times": "2"}, "here.times: expected a positive number"),
        ({"ref": "a", "times": float("nan")}, "here.times: expected a positive number"),
        ({"ref": "a", "times": float("inf")}, "here.times: expected a positive number"),
        ({"ref": "a", "times": 10**400}, "here.times: expected a positive number"),
        ({"ref": "a", "multiple_of": 1.5}, "here.multiple_of: expected a positive integer"),
        ({"ref": "a", "minimum": 0.5}, "here.minimum: expected a positive integer"),
        ({"ref": "word", "times": 2}, "here: 'word' is 'x'; only"),
        ({"ref": "yes", "times": 2}, "here: 'yes' is True; only"),
        ({"ref": "half", "times": 2}, "here: 'half' is 0.5; only"),
        ({"ref": "below", "times": 2}, "here: 'below' is -3; only"),
        ({"ref": "huge", "times": 2}, "here: 'huge' is 1000"),
    ],
)
def test_a_reference_that_stands_for_nothing_is_refused(reference: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        resolved(reference, a=3, word="x", yes=True, half=0.5, below=-3, huge=10**400)
    assert told in str(refused.value)
    assert str(refused.value).startswith("here")


@pytest.mark.parametrize(
    "document",
    [
        {"a": {"ref": "b"}, "b": {"ref": "a"}},
        {"a": {"ref": "b"}, "b": {"ref": "c"}, "c": {"ref": "a"}},
        {"a": {"x": {"ref": "a"}}},
        {"a": {"x": {"ref": "b"}}, "b": {"y": {"ref": "a"}}},
        {"a": [{"name": "x", "width": {"ref": "a.0"}}]},
    ],
)
def test_references_that_run_in_a_circle_are_refused(document: Any) -> None:
    with pytest.raises(InputError, match="circle"):
        resolve_references(document)


def test_references_that_multiply_are_refused_early() -> None:
    laughs = {f"a{n}": {key: {"ref": f"a{n + 1}"} for key in "abcdefghi"} for n in range(12)}
    with pytest.raises(InputError, match="more than 100000 values"):
        resolve_references({**laughs, "a12": 1})


def test_references_in_a_chain_reach_sixty_four_levels_down() -> None:
    def chain(length: int) -> dict[str, Any]:
        return {**{f"a{n}": {"ref": f"a{n + 1}"} for n in range(length)}, f"a{length}": 1}

    assert resolve_references(chain(63))["a0"] == 1
    with pytest.raises(InputError, match="more than 64 levels"):
        resolve_references(chain(64))


def test_a_reference_is_called_by_the_names_of_the_ops_around_it() -> None:
    with pytest.raises(InputError, match=r"^network\.stem\.width: the reference to 'nowhere'"):
        resolve_references({"network": [{"op": "conv", "name": "stem", "width": {"ref": "nowhere"}}]})


def test_a_very_long_chain_of_references_is_refused() -> None:
    chain: dict[str, Any] = {f"a{n}": {"ref": f"a{n + 1}"} for n in range(5000)}
    with pytest.raises(InputError, match="more than 64 levels"):
        resolve_references({**chain, "a5000": 1})
    nested: dict[str, Any] = {f"a{n}": {"x": {"x": {"x": {"ref": f"a{n + 1}"}}}} for n in range(1000)}
    with pytest.raises(InputError, match="more than 64 levels"):
        resolve_references({**nested, "a1000": 1})
