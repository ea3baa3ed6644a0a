"""Copies of cells that are drawn as one."""

from typing import Any

from documents import build, conv, side_by_side

from nas.architecture import Architecture
from nas.drawing.families import Family, families


def shown(*ops: Any, **cells: Any) -> tuple[Family, ...]:
    return families(build(*ops, cells=cells).plan)


def use(cell: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"op": "cell", "cell": cell, "name": name, **fields}


PAIR = side_by_side(one=[conv("$w", 1)], pool=[{"op": "pool", "kind": "max"}])


def test_copies_of_any_width_are_one_family_and_what_differs_is_a_letter() -> None:
    (family,) = shown(use("c", "s", depth=3, each={"w": [4, 4, 8]}), use("c", "t", values={"w": 2}), c=PAIR)
    assert family.letters == {("4", "4", "8", "2"): "q"}
    assert [row.values for row in family.rows] == [("4",), ("4",), ("8",), ("2",)]
    assert family.places == ["s", "t"]


def test_values_that_change_together_share_a_letter() -> None:
    cell = side_by_side(one=[conv("$w", 1), conv("$w", 3)], two=[conv("$v", 1)], three=[conv(8, 1)])
    (family,) = shown(use("c", "s", depth=2, each={"w": [4, 6], "v": [1, 2]}), c=cell)
    assert family.letters == {("4", "6"): "q", ("1", "2"): "r"}


def test_equal_copies_have_no_letters_and_equal_ones_in_a_row_are_one_row() -> None:
    cell = {"op": "residual", "body": [conv("in", 3)]}
    (family,) = shown(use("c", "s", depth=5), c=cell)
    assert (family.letters, len(family.rows), len(family.copies)) == ({}, 1, 5)


def test_copies_of_another_structure_are_a_family_of_their_own() -> None:
    cell = {"op": "residual", "body": [conv("in", "$k")], "activation": "$a"}
    each = {"k": [3, 3, 5, 3], "a": ["relu", "relu", "relu", "none"]}
    found = shown(use("c", "s", depth=4, each=each), c=cell)
    assert [(family.title, family.places) for family in found] == [
        ("c", ["s.0–1"]),
        ("c (2)", ["s.2"]),
        ("c (3)", ["s.3"]),
    ]


def test_rows_name_the_copies_that_inception_v3_varies() -> None:
    family = next(f for f in families(Architecture.load("inception_v3").plan) if f.cell == "b")
    assert family.letters == {("128", "160", "160", "192"): "q"}
    assert [(len(row.members), row.values) for row in family.rows] == [(1, ("128",)), (2, ("160",)), (1, ("192",))]
