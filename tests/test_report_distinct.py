"""How many different networks a space holds, held against spaces of which the number is known."""

from collections import Counter
from random import Random

import pytest
from documents import HEAD, conv, document, side_by_side

from nas.report.distinct import chao, distinct, wilson
from nas.space.space import Space

FORMS = {"choice": ["full", "stacked", "asymmetric"]}


def space_of(*ops: object, **sections: object) -> Space:
    return Space.from_document({"architecture": document(*ops, *HEAD), **sections})


def branch(name: str) -> list[object]:
    return [conv({"choice": [2, 4]}, {"choice": [1, 3, 5]}, name="c", form=FORMS)]


KNOWN = space_of({"name": "b", **side_by_side(p=branch("p"), q=branch("q"))}, training={"lr": {"choice": [1, 2]}})
# Of a branch's 18 documents, 12 are different: three forms of 1×1 are one, and a stacked 3×3 is a 3×3. Two branches in
# any order: 12 of two that are equal, 66 of two that differ.
KINDS = 2 * (1 + 2 + 3)
NETWORKS = KINDS * (KINDS + 1) // 2


def test_a_small_space_is_counted_exactly() -> None:
    found = distinct(KNOWN)
    assert found is not None
    assert (found.number, found.low, found.high) == (NETWORKS, NETWORKS, NETWORKS)
    assert str(found) == f"{NETWORKS} (all 324 documents made)"


def test_an_estimate_holds_the_true_number_and_says_how_it_was_made() -> None:
    hits = 0
    for seed in range(6):
        found = distinct(KNOWN, enumerated=0, drawn=40, seed=seed)
        assert found is not None
        hits += found.low <= NETWORKS <= found.high
        assert found.low < found.number < found.high
        assert not found.at_least
    assert hits >= 5  # each holds it with 95 %
    assert "95 % interval from 40 documents" in str(found)


def test_documents_that_do_not_fit_are_no_networks() -> None:
    space = space_of(conv(2, {"int": [1, 30]}, name="c", padding="valid"))  # the grid is 8
    for enumerated in (100, 0):
        found = distinct(space, enumerated=enumerated)
        assert found is not None
        assert found.low <= 8 <= found.high


def test_a_space_without_holes_holds_one_network() -> None:
    found = distinct(space_of(conv(2)))
    assert found is not None
    assert found.number == 1


def test_a_range_of_real_numbers_has_no_number_of_networks_but_one_of_training_has() -> None:
    ranged = {"float": [0.1, 0.3]}
    assert distinct(space_of({"op": "residual", "name": "r", "scale": ranged, "body": [conv(3)]})) is None
    found = distinct(space_of(conv({"choice": [2, 4]}, name="c"), training={"lr": ranged}))
    assert found is not None
    assert found.number == 2


def test_a_space_whose_variant_is_a_hole_has_chaos_bound() -> None:
    keys = {"variants": {"wide": {"network.c.width": 8}, "narrow": {"network.c.width": 2}}}
    op = conv(4, {"choice": [1, 3, 5]}, name="c")
    space = Space.from_document({"architecture": document(op, *HEAD, variant={"choice": ["wide", "narrow"]}, **keys)})
    found = distinct(space, enumerated=0)
    assert found is not None
    assert (found.number, found.at_least) == (6, True)
    exact = distinct(space)
    assert exact is not None
    assert exact.number == 6


@pytest.mark.parametrize("kinds", [50, 400])
def test_chaos_bound_is_near_the_number_of_kinds_that_are_equally_frequent(kinds: int) -> None:
    hits = 0
    for seed in range(20):
        random = Random(seed)
        found = chao(Counter(str(random.randrange(kinds)) for _ in range(300)), most=10**9)
        hits += found.low <= kinds <= found.high
        assert found.at_least
    assert hits >= 17


def test_chaos_bound_is_no_more_than_there_can_be_and_the_number_seen_at_least() -> None:
    every = chao(Counter({"a": 5, "b": 5}), most=2)
    assert (every.number, every.low, every.high) == (2, 2, 2)
    assert chao(Counter(map(str, range(100))), most=120).high == 120
    assert str(chao(Counter({"a": 5, "b": 2}), most=9)).startswith("at least 2 (2 to 2; Chao's bound from 7 documents")


@pytest.mark.parametrize(
    ("mean", "number", "low", "high"), [(0.5, 30, 0.332, 0.669), (1.0, 30, 0.886, 1.0), (0.0, 30, 0.0, 0.114)]
)
def test_wilsons_interval_is_the_one_of_the_tables(mean: float, number: int, low: float, high: float) -> None:
    assert wilson(mean, number) == pytest.approx((low, high), abs=1e-3)
