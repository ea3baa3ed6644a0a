"""Values under a condition: on other holes, on where a cell is used; what they are called, and what is refused."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from documents import HEAD
from hypothesis import given
from hypothesis import strategies as st
from small_spaces import recipe

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.errors import InputError
from nas.space.conditions import OnContext, OnParameter, is_open, read_conditional
from nas.space.paths import find, replaced
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded

KERNEL = {"choice": [3, 5, 7]}
DATA = {"input": {"channels": 3, "size": 32}, "classes": 10}


def when(test: Mapping[str, Any], then: Any, otherwise: Any) -> dict[str, Any]:
    return {"if": dict(test), "then": then, "else": otherwise}


def on(name: str, **test: Any) -> dict[str, Any]:
    return {"parameter": name, **{key.rstrip("_"): value for key, value in test.items()}}


def sampled(training: Mapping[str, Any], **parameters: Any) -> Any:
    """The recipe sampled with these parameters; dots in their names are written `__`."""
    recorded = Recorded({f"training.{name.replace('__', '.')}": value for name, value in parameters.items()})
    return recipe(**training).sample(recorded)["training"]


@pytest.mark.parametrize(
    ("test", "value", "holds"),
    [
        (on("training.k", is_=5), 5, True),
        (on("training.k", is_=5), 3, False),
        (on("training.k", in_=[3, 5]), 3, True),
        (on("training.k", in_=[3, 5]), 7, False),
        (on("training.k", at_least=5), 5, True),
        (on("training.k", at_least=5), 3, False),
        (on("training.k", at_most=5), 5, True),
        (on("training.k", at_most=5), 7, False),
        (on("training.k", at_least=4, at_most=6), 5, True),
        (on("training.k", at_least=4, at_most=6), 7, False),
    ],
)
def test_a_value_depends_on_another_hole(test: Any, value: int, holds: bool) -> None:
    assert sampled({"k": KERNEL, "x": when(test, "then", None)}, k=value)["x"] == ("then" if holds else None)


def test_a_hole_is_asked_for_only_where_its_condition_lets_it() -> None:
    training = {"k": KERNEL, "x": when(on("training.k", at_least=5), {"choice": ["a", "b"]}, {"choice": ["b", "c"]})}
    assert list(recipe(**training).holes) == ["training.k", "training.x", "training.x.else"]
    for seed in range(20):
        suggest = RandomSuggest(Random(seed))
        chosen = recipe(**training).sample(suggest)["training"]
        asked = "training.x" if chosen["k"] >= 5 else "training.x.else"
        assert suggest.parameters == {"training.k": chosen["k"], asked: chosen["x"]}


def test_alternatives_are_asked_for_by_their_names() -> None:
    training = {"form": {"choice": {"full": "f", "none": None}}, "x": when(on("training.form", is_="full"), 1, 2)}
    assert [sampled(training, form=name)["x"] for name in ("full", "none")] == [1, 2]


def test_conditions_nest() -> None:
    inner = when(on("training.k", is_=5), {"int": [1, 2]}, {"int": [3, 4]})
    training = {"k": KERNEL, "x": when(on("training.k", is_=3), 0, {"deeper": inner})}
    assert list(recipe(**training).holes) == ["training.k", "training.x.else.deeper", "training.x.else.deeper.else"]
    assert sampled(training, k=3)["x"] == 0
    assert sampled(training, k=5, x__else__deeper=2)["x"] == {"deeper": 2}
    assert sampled(training, k=7, x__else__deeper__else=4)["x"] == {"deeper": 4}


def test_a_hole_that_was_not_asked_for_makes_a_condition_false() -> None:
    pool = {"choice": {"absent": None, "max": {"width": {"int": [1, 8]}}}}
    training = {"pool": pool, "x": when(on("training.pool.max.width", at_least=1), True, False)}
    assert sampled(training, pool="absent")["x"] is False
    assert sampled(training, pool="max", pool__max__width=1)["x"] is True


def test_a_hole_that_is_asked_for_later_is_an_error_with_both_places() -> None:
    training = {"x": when(on("training.k", is_=3), 1, 2), "k": KERNEL}
    told = r"^training\.x: depends on training\.k, which is asked for after it; a condition can ask for what stands bef"
    with pytest.raises(InputError, match=told):
        sampled(training, k=3)
    cells = {"a": {"op": "conv", "name": "c", "width": 8, "kernel": KERNEL}}
    stem = {"op": "conv", "name": "stem", "kernel": 3, "width": when(on("cells.a.kernel", is_=3), 8, 16)}
    later = Space.from_document({"architecture": {"cells": cells, "network": [stem, {"op": "cell", "cell": "a"}]}})
    with pytest.raises(InputError, match=r"network\.stem\.width: depends on cells\.a\.kernel"):
        later.sample(RandomSuggest(Random(0)))


@pytest.mark.parametrize("first", ["architecture", "training"])
def test_the_recipe_may_depend_on_the_architecture_wherever_it_stands(first: str) -> None:
    sections = {
        "architecture": {"network": [{"op": "conv", "name": "stem", "width": 8, "kernel": KERNEL}]},
        "training": {"lr": when(on("network.stem.kernel", is_=7), 0.1, 0.2), "epochs": {"choice": [1, 2]}},
    }
    of = Space.from_document(dict(sorted(sections.items(), key=lambda item: item[0] != first)))
    assert list(of.holes) == ["network.stem.kernel", "training.epochs"]
    document = of.sample(Recorded({"network.stem.kernel": 7, "training.epochs": 1}))
    assert document["training"] == {"lr": 0.1, "epochs": 1}


def test_a_hole_that_was_closed_still_answers() -> None:
    """`search.training.k=5` closes a hole; what depends on it goes on depending on it."""
    training = {"k": KERNEL, "pool": {"choice": ["max", "none"]}, "x": when(on("training.k", at_least=5), 1, 2)}
    assert sampled({**training, "k": 5}, pool="max")["x"] == 1
    assert sampled({**training, "k": 3}, pool="max")["x"] == 2
    assert sampled({**training, "k": "large"}, pool="max")["x"] == 2


@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({"x": when(on("training.y", is_=3), 1, 2)}, "training.x.if.parameter: no hole called 'training.y'"),
        ({"k": KERNEL, "x": when(on("training.kk", is_=3), 1, 2)}, "did you mean 'training.k'?"),
        ({"k": KERNEL, "x": when(on("training.k", is_=4), 1, 2)}, "asks whether training.k is 4; its options are"),
        ({"k": {"choice": ["a"]}, "x": when(on("training.k", at_least=1), 1, 2)}, "asks for a range of training.k"),
        ({"k": {"int": [1, 2]}, "x": when(on("training.k", is_="a"), 1, 2)}, "it is a number"),
        ({"x": {"if": on("training.k", is_=1), "then": 1}}, "needs else"),
        ({"x": {"if": on("training.k", is_=1), "else": 1}}, "needs then"),
        ({"x": {"if": on("training.k", is_=1), "then": 1, "else": 2, "elif": 3}}, "'elif'"),
        ({"x": when({"parameter": "training.k"}, 1, 2)}, "needs one of is, in, and a range"),
        ({"x": when(on("training.k", is_=1, at_least=2), 1, 2)}, "needs one of is, in, and a range"),
        ({"x": when(on("training.k", in_=[]), 1, 2)}, "in a list of at least one"),
        ({"x": when(on("training.k", in_=3), 1, 2)}, "in a list of at least one"),
        ({"x": when(on("training.k", is_=[3]), 1, 2)}, "is takes a scalar"),
        ({"x": when(on("training.k", more=3), 1, 2)}, "no field of a condition 'more'"),
        ({"x": when(on("training.k", at_least="3"), 1, 2)}, "at_least: expected a number"),
        ({"x": when(on("training.k", at_least=4, at_most=3), 1, 2)}, "ends before it starts"),
        ({"x": when({"context": "height", "at_least": 3}, 1, 2)}, "no context 'height'"),
        ({"x": when({"context": "grid"}, 1, 2)}, "needs at_least or at_most"),
        ({"x": when({"context": "grid", "is": 3}, 1, 2)}, "no field of a condition 'is'"),
        ({"x": {"if": "training.k", "then": 1, "else": 2}}, "expected {parameter: NAME, ...} or {context: ...}"),
        ({"x": [when(on("training.k", is_=1), 1, 2)]}, "in a list has no name"),
    ],
)
def test_a_wrong_condition_is_refused_at_the_door(training: Any, told: str) -> None:
    with pytest.raises(InputError) as refused:
        recipe(**training)
    assert told in str(refused.value)
    assert str(refused.value).startswith("space.training.x")


def test_conditions_stand_where_holes_may() -> None:
    condition = when({"context": "grid", "at_least": 3}, 1, 2)
    with pytest.raises(InputError, match="holes stand under architecture and training alone"):
        Space.from_document({"seed": condition})
    with pytest.raises(InputError, match="cannot stand for the whole section"):
        Space.from_document({"training": condition})


def test_two_holes_under_one_name_are_refused_though_only_one_is_ever_asked_for() -> None:
    inner = when(on("training.k", is_=5), 0, {"int": [1, 2]})
    with pytest.raises(InputError, match=r"two holes are called 'training\.x\.else'"):
        recipe(k=KERNEL, x=when(on("training.k", at_least=5), inner, {"int": [3, 4]}))


def test_an_op_that_holds_a_hole_under_a_condition_needs_a_name() -> None:
    op = {"op": "conv", "kernel": 3, "width": when({"context": "width", "at_least": 3}, {"int": [1, 2]}, 8)}
    with pytest.raises(InputError, match="needs a name"):
        Space.from_document({"architecture": {"network": [op]}})
    assert Space.from_document({"architecture": {"network": [{**op, "width": when(op["width"]["if"], 1, 2)}]}})


def test_a_path_leads_through_a_condition_and_replaces_it_whole() -> None:
    document = {"x": when(on("training.k", is_=3), {"a": {"b": 1}}, {"a": {"b": 2}})}
    assert find(document, "x.a.b") == 1
    assert find(document, "x.else.a.b") == 2
    assert replaced(document, "x.else.a.b", 3)["x"]["else"] == {"a": {"b": 3}}
    assert replaced(document, "x", KERNEL) == {"x": KERNEL}
    with pytest.raises(InputError, match="there are: a, else"):
        find(document, "x.c")


def test_an_architecture_holds_no_condition() -> None:
    width = when({"context": "grid", "at_least": 3}, 8, 16)
    for op in (
        {"op": "conv", "kernel": 3, "width": width},
        {"op": "branches", "branches": when({"context": "grid", "at_least": 3}, {"a": []}, {"a": []})},
        {"op": "chain", "chain": when({"context": "grid", "at_least": 3}, [], [])},
    ):
        with pytest.raises(InputError, match="sample the space first"):
            Architecture.from_document({**DATA, "network": [op, *HEAD]})


def contextual(test: Mapping[str, Any], *network: Any, **cells: Any) -> Space:
    """A space whose cell `a` is a convolution as wide as the test says: 16 or 8."""
    a = {"op": "conv", "name": "c", "kernel": 3, "width": when({"context": "grid", **test}, 16, 8)}
    return Space.from_document({"architecture": {**DATA, "cells": {"a": a, **cells}, "network": [*network, *HEAD]}})


def width_of(of: Space, parameters: Any = None) -> int:
    document = of.sample(Recorded(parameters) if parameters else RandomSuggest(Random(0)), context)
    width = document["architecture"]["cells"]["a"]["width"]
    assert isinstance(width, int)
    return width


POOL = {"op": "pool", "kind": "max", "stride": 2}
A = {"op": "cell", "cell": "a"}


@pytest.mark.parametrize(
    ("network", "width"),
    [
        ([A], 8),  # 32
        ([POOL, A], 16),
        ([POOL, POOL, A], 8),
        ([POOL, A, POOL, A], 8),  # 16 and 8: not at every use
        ([POOL, A, A], 16),
        ([POOL, {**A, "depth": 3}], 16),
        ([POOL, {"op": "residual", "projection": True, "body": A}], 16),
        ([POOL, {**A, "depth": 0}], 8),  # used nowhere
    ],
)
def test_a_condition_on_the_grid_holds_if_every_use_of_the_cell_satisfies_it(network: Any, width: int) -> None:
    assert width_of(contextual({"at_least": 12, "at_most": 20}, *network)) == width


def test_the_grid_is_the_one_that_was_sampled() -> None:
    stem = {"op": "conv", "name": "stem", "kernel": 3, "width": 8, "stride": {"choice": [1, 2]}}
    of = contextual({"at_most": 16}, stem, A)
    assert [width_of(of, {"network.stem.stride": stride}) for stride in (1, 2)] == [8, 16]
    wrap = {
        "op": "chain",
        "name": "w",
        "chain": [{"op": "pool", "name": "p", "kind": "max", "stride": {"int": [1, 2]}}],
    }
    of = contextual({"at_most": 16}, {"op": "cell", "cell": "wrap"}, A, wrap=wrap)
    assert [width_of(of, {"cells.wrap.chain.p.stride": stride}) for stride in (1, 2)] == [8, 16]


def test_the_width_is_that_with_what_is_chosen_later_at_its_first_option() -> None:
    def of(first: int, second: int) -> Space:
        test = {"context": "width", "at_least": 32}
        a = {
            "op": "conv",
            "name": "c",
            "width": {"choice": [first, second]},
            "kernel": 3,
            "activation": when(test, "elu", "relu"),
        }
        network = [{"op": "conv", "width": 32, "kernel": 3}, {**A, "depth": 2}, *HEAD]
        return Space.from_document({"architecture": {**DATA, "cells": {"a": a}, "network": network}})

    for widths, activation in (((32, 8), "elu"), ((8, 32), "relu")):
        for chosen in widths:
            document = of(*widths).sample(Recorded({"cells.a.width": chosen}), context)
            assert document["architecture"]["cells"]["a"]["activation"] == activation


def test_a_condition_outside_of_cells_asks_for_the_image() -> None:
    stem = {"op": "conv", "name": "stem", "kernel": 3, "width": when({"context": "width", "at_least": 3}, 16, 8)}
    for channels, width in ((1, 8), (3, 16)):
        data = {**DATA, "input": {"channels": channels, "size": [20, 40]}}
        crop = when({"context": "grid", "at_least": 32}, 4, 2)
        of = Space.from_document({"architecture": {**data, "network": [stem, *HEAD]}, "training": {"crop": crop}})
        document = of.sample(RandomSuggest(Random(0)), context)
        assert document["architecture"]["network"][0]["width"] == width
        assert document["training"] == {"crop": 2}


def test_a_space_with_a_condition_on_its_context_is_not_sampled_without_one() -> None:
    with pytest.raises(InputError, match=r"cells\.a\.width: depends on the grid that comes in; sample with a context"):
        contextual({"at_least": 12}, A).sample(RandomSuggest(Random(0)))


def test_a_context_that_cannot_be_told_says_why() -> None:
    small = {"op": "conv", "kernel": 40, "padding": "valid", "width": 8}
    with pytest.raises(ShapeError, match=r"with cells\.a and what is chosen after it at their first options"):
        width_of(contextual({"at_least": 12}, small, A))


def test_cells_that_are_a_choice_as_a_whole_have_no_context() -> None:
    a = {"op": "conv", "name": "c", "kernel": 3, "width": when({"context": "grid", "at_least": 12}, 16, 8)}
    of = Space.from_document({"architecture": {**DATA, "cells": {"choice": {"one": {"a": a}}}, "network": [A, *HEAD]}})
    with pytest.raises(InputError, match="all cells together are a choice"):
        of.sample(RandomSuggest(Random(0)), context)


tests_of_context = st.sampled_from([{"at_least": 8}, {"at_most": 16}, {"at_least": 12, "at_most": 20}])


@given(st.lists(st.sampled_from([POOL, A]), max_size=5), tests_of_context, st.integers(8, 40))
def test_the_context_is_what_comes_in_in_the_finished_network(network: Any, test: Any, size: int) -> None:
    of = contextual(test, *network)
    document = replaced(of.document, "architecture.input.size", size)
    sample = Space.from_document(document).sample(RandomSuggest(Random(0)), context)["architecture"]
    if A in network:
        uses = context("cells.a", sample)
        assert sample["cells"]["a"]["width"] == (16 if OnContext("grid", **test).holds(uses) else 8)


def test_what_is_written_is_read() -> None:
    read = read_conditional(when(on("a.b", in_=[1, None]), 1, KERNEL), "x")
    assert read.test == OnParameter("a.b", (1, None))
    assert (read.then, read.otherwise) == (1, KERNEL)
    assert is_open(when(on("a.b", is_=1), 1, 2))
    assert not is_open({"then": 1})


def test_nothing_is_asked_of_the_context_twice_for_one_cell() -> None:
    asked: list[str] = []

    def counting(cell: str, architecture: Mapping[str, Any]) -> Sequence[Mapping[str, int]]:
        asked.append(cell)
        return context(cell, architecture)

    test = {"context": "grid", "at_least": 12}
    a = {"op": "conv", "name": "c", "kernel": when(test, 3, 5), "width": when(test, 8, 16)}
    of = Space.from_document({"architecture": {**DATA, "cells": {"a": a}, "network": [A, *HEAD]}})
    of.sample(RandomSuggest(Random(0)), counting)
    assert asked == ["cells.a"]


def test_a_context_is_asked_about_a_document_that_follows_from_what_was_chosen_before() -> None:
    handed: list[Any] = []

    def asked(cell: str, architecture: Mapping[str, Any]) -> Sequence[Mapping[str, int]]:
        handed.append(architecture["cells"]["a"]["y"])
        return [{"grid": 1, "width": 1}]

    stem = {"name": "stem", "size": {"choice": {"small": 1, "large": 2}}}
    cell = {"x": when({"context": "grid", "at_least": 1}, 3, 4), "y": when(on("network.stem.size", is_="large"), 5, 6)}
    of = Space.from_document({"architecture": {"network": [stem, {"op": "cell", "cell": "a"}], "cells": {"a": cell}}})
    for size, y in (("small", 6), ("large", 5)):
        filled = of.sample(Recorded({"network.stem.size": size}), asked)["architecture"]["cells"]["a"]
        assert filled == {"x": 3, "y": y}
        assert handed.pop() == y
