"""Networks matched against a space by what they are: all of small spaces, and samples of the shipped ones."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from documents import HEAD, build, conv, document, side_by_side
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shipped_spaces import SPACES, load

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.derivation import GaveUp
from nas.architecture.matching import match_digest, multiplicity
from nas.architecture.plan import ShapeError
from nas.errors import InputError
from nas.space.count import count
from nas.space.enumeration import enumerate_documents
from nas.space.match import NoMatch
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded

FEW = 200


def choice(*options: Any, **named: Any) -> dict[str, Any]:
    return {"choice": list(options) or named}


def space_of(*ops: Any, **keys: Any) -> Space:
    return Space.from_document({"architecture": document(*ops, *HEAD, **keys)})


def networks(space: Space) -> list[tuple[dict[str, Any], Architecture]]:
    """Every document that fits together, as parameters and as a network."""
    found = []
    for parameters in enumerate_documents(space, context):
        try:
            built = Architecture.from_document(space.sample(Recorded(parameters), context))
        except ShapeError:
            continue
        found.append((parameters, built))
    return found


def assert_every_network_is_matched(space: Space) -> None:
    everything = networks(space)
    alike = Counter(built.digest for _, built in everything)
    for digest, built in {built.digest: built for _, built in everything}.items():
        again = space.sample(Recorded(match_digest(space, built)), context)
        assert Architecture.from_document(again).digest == digest
        assert multiplicity(space, built) == alike[digest]


widths = st.sampled_from([2, 4, choice(2, 4), {"int": [0, 2], "step": 2}, {"of": "in", "times": choice(0.5, 1.0)}])
forms = choice(full="full", stacked="stacked", twice={"kind": "asymmetric", "times": choice(1, 2)}, fork="fork")
leaves = st.one_of(
    st.fixed_dictionaries(
        {"op": st.just("conv"), "width": widths, "kernel": st.sampled_from([1, 3, choice(1, 3), choice(3, 5)])},
        optional={"form": st.sampled_from(["fork", forms])},
    ),
    st.just({"op": "pool", "kind": choice("max", "average")}),
    st.just({"op": "dropout", "rate": choice(0.0, 0.5)}),
    st.just({"op": "identity"}),
    st.just({"op": "cell", "cell": choice("a", "b"), "depth": {"int": [0, 2]}}),
    st.just({"op": "cell", "cell": "a", "values": {"width": choice(2, 4)}}),
)


def named(ops: list[Any]) -> list[Any]:
    return [{"name": f"x{index}", **op} for index, op in enumerate(ops)]


chains = st.lists(leaves, max_size=2).map(named)
optional_chains = st.one_of(
    chains,
    st.builds(lambda chain: choice(absent=None, present=chain), chains),
    st.builds(side_by_side, a=chains, b=chains),
)
ops = st.one_of(
    leaves,
    st.builds(side_by_side, a=optional_chains, b=optional_chains, c=chains),
    st.builds(
        lambda body, projection, scale: {"op": "residual", "body": body, "projection": projection, "scale": scale},
        chains,
        st.sampled_from([True, choice(True, False)]),
        st.sampled_from([1.0, choice(0.1, 1.0), {"float": [0.5, 0.5]}]),
    ),
)
CELLS = {
    "a": conv("$width", choice(1, 3), name="c") | {"default_values": {"width": 4}},
    "b": conv({"of": "in", "times": choice(1, 2)}, 3, name="d"),
}


@settings(max_examples=25)
@given(st.lists(ops, min_size=1, max_size=3).map(named), st.sampled_from([1.0, choice(0.5, 1.0)]))
def test_every_network_of_a_small_space_is_matched_and_its_documents_are_counted(network: Any, multiplier: Any) -> None:
    space = space_of(*network, cells=CELLS, width_multiplier=multiplier, size=6)
    assume(count(space, context).documents <= FEW)
    assert_every_network_is_matched(space)


TWO = conv(choice(2, 4), choice(3, 5), name="c")


@pytest.mark.parametrize(
    "space",
    [
        space_of({**side_by_side(p=[TWO], q=[TWO], r=choice(absent=None, there=[TWO])), "name": "b"}),
        space_of({**side_by_side(p=[{**TWO, "form": forms}], q=[TWO]), "name": "b"}),
        space_of({**side_by_side(p=[], q=choice(one=[], two=side_by_side(s=[TWO], t=[TWO]))), "name": "b"}),
        space_of(TWO, conv({"ref": "network.c.width", "times": 2}, 1)),
        space_of(conv({"ref": "network.c.width"}, 1, name="before"), TWO),
        space_of({**TWO, "form": "fork"}, conv(choice(4, 8), 1, name="behind")),
        space_of(
            TWO,
            conv({"if": {"parameter": "network.c.kernel", "is": 5}, "then": choice(2, 8), "else": 4}, 1, name="d"),
        ),
        space_of({"op": "cell", "name": "s", "cell": "inception_small.a", "depth": {"int": [1, 2]}}),
        space_of({"op": "cell", "name": "s", "cell": choice("inception_small.a", "googlenet.3a")}, classes=3),
        space_of(
            {
                "op": "graph",
                "name": "g",
                "nodes": {"a": {"in": choice(no=None, x=[], y=[TWO])}, "b": {"in": [], "a": []}},
            }
        ),
        space_of(
            conv(4, 3, name="c"),
            {
                "op": "aux",
                "name": "h",
                "weight": choice(0.0, 0.3, 0.5),
                "chain": [{"op": "pool", "kind": "max"}, *HEAD],
            },
            {"op": "aux", "name": "i", "of": "c", "weight": choice(0.3, 0.4), "chain": [TWO, *HEAD]},
        ),
        space_of(
            {"op": "pool", "name": "p", "kind": "max", "stride": {"int": [1, 2]}},
            {"op": "cell", "name": "s", "cell": "a"},
            cells={"a": {"if": {"context": "grid", "at_most": 4}, "then": TWO, "else": conv(4, 3)}},
        ),
        space_of({**TWO, "width": {"int": [1, 4000]}, "kernel": 3}),
        space_of(conv(4), TWO, {"op": "aux", "name": "h", "chain": [conv("in", 1), *HEAD]}),
        space_of(
            {
                **side_by_side(
                    p={"op": "cell", "cell": "g", "values": {"width": 2}},
                    q={"op": "cell", "name": "q", "cell": "g", "values": {"width": choice(4, 6)}},
                ),
                "name": "b",
            },
            cells={"g": {"op": "graph", "nodes": {"a": {"in": [conv("$width", 3)]}}}},
        ),
    ],
    ids=range(15),
)
def test_branches_references_conditions_and_parts_are_matched(space: Space) -> None:
    if count(space, context).documents > FEW:  # a large range: some of its documents
        built = Architecture.from_document(space.sample(Recorded({"network.c.width": 1234})))
        assert match_digest(space, built) == {"network.c.width": 1234}
        return
    assert_every_network_is_matched(space)


SLOW = {"nasbench201"}
"""All ways to fill a whole graph are tried one by one."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in SPACES])
def test_every_sampled_candidate_of_a_shipped_space_is_matched(name: str) -> None:
    space = load(name, size=28, channels=1)
    for seed in range(3):
        built = Architecture.from_document(space.sample(RandomSuggest(Random(seed)), context))
        parameters = match_digest(space, built, budget=300_000)
        assert not any(path.startswith("training.") for path in parameters)
        training = RandomSuggest(Random(0))
        space.sample(training, context)
        again = space.sample(Recorded({**training.parameters, **parameters}), context)
        assert Architecture.from_document(again).digest == built.digest


def test_names_and_the_order_of_branches_and_ways_of_writing_are_free() -> None:
    reduce = conv(choice(absent=0, there=2), 1, name="reduce")
    near = [reduce, {**conv(4, choice(3, 5), name="spatial"), "form": choice("full", "stacked")}]
    pool = choice(absent=None, max=[{"op": "pool", "kind": "max"}])
    space = space_of(
        {"op": "cell", "name": "stage", "cell": "a", "depth": {"int": [1, 3]}},
        cells={"a": side_by_side(near=near, pool=pool)},
    )
    mine = side_by_side(first=[{"op": "pool", "kind": "max"}], second=[conv(4, 3), {"op": "identity"}, conv(4, 3)])
    written_out = build({"op": "chain", "chain": [mine, mine]})
    assert match_digest(space, written_out) == {
        "network.stage.depth": 2,
        "cells.a.branches.near.reduce.width": "absent",
        "cells.a.branches.near.spatial.kernel": 5,
        "cells.a.branches.near.spatial.form": "stacked",
        "cells.a.branches.pool": "max",
    }


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (
            [conv(4, 7)],
            "network.c gives conv kernel 3, padding 1, width 2, where the network has conv kernel 7, padding 3",
        ),
        ([conv(2, 3), conv(2, 3)], "where the network has conv kernel 3, padding 1, width 2"),
        ([side_by_side(a=[conv(2)], b=[conv(4)])], "where the network has 2 branches"),
    ],
)
def test_a_network_that_is_not_in_the_space_is_refused_with_the_nearest_it_came_to(network: Any, told: str) -> None:
    with pytest.raises(NoMatch) as refused:
        match_digest(space_of(TWO), build(*network))
    assert str(refused.value).startswith("the network is not in the space: ")
    assert told in str(refused.value)


def test_the_search_gives_up_in_the_end() -> None:
    branches = {f"b{index}": [conv(choice(2, 4), choice(3, 5), name="c")] for index in range(6)}
    space = space_of({**side_by_side(**branches), "name": "x"})
    other = side_by_side(**{f"b{index}": [conv(2, 3)] for index in range(5)}, b=[conv(3, 3)])
    with pytest.raises(InputError, match="cannot be told in 50 steps"):
        match_digest(space, build(other), budget=50)


def test_a_space_of_variants_is_matched_as_it_is_written_alone() -> None:
    space = space_of(TWO, variants={"wide": {"network.c.width": 8}}, variant=choice(None, "wide"))
    with pytest.raises(InputError, match="a space whose variant is a hole is matched as it is written alone"):
        match_digest(space, build(conv(2)))
    with pytest.raises(GaveUp):
        multiplicity(space, build(conv(2)))
