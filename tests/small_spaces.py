"""Random small spaces for property tests: plain documents with every kind of hole, cells, references and conditions."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from nas.space.conditions import Context
from nas.space.holes import Alternatives, Choice, Hole
from nas.space.space import Space


def recipe(**training: Any) -> Space:
    """A space of recipes alone."""
    return Space.from_document({"training": training})


scalars = st.sampled_from([0, 1, 2.5, "x", None, True])
NAMES = ("a", "b", "c")


def choices(options: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(options, min_size=1, max_size=3, unique_by=repr).filter(lambda some: some.count(1) < 2)
    return st.builds(lambda some: {"choice": some}, few)


integers = st.builds(
    lambda low, more, step: {"int": [low, low + more], "step": step},
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 2),
)
ranges = st.sampled_from([{"float": [0.5, 0.5]}, {"int": [1, 3], "log": True}])
holes = choices(scalars) | integers | ranges


def alternatives(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda some: {"choice": some}, st.dictionaries(st.sampled_from(NAMES), inside, min_size=1))


values = st.recursive(
    scalars | holes,
    lambda inside: (
        alternatives(inside)
        | st.dictionaries(st.sampled_from(("p", "q")), inside, max_size=2)
        | st.lists(st.builds(lambda name, value: {"name": name, "value": value}, st.just("item"), inside), max_size=1)
    ),
    max_leaves=3,
)
cell_names = st.sampled_from(NAMES)
ops = st.fixed_dictionaries(
    {},
    optional={
        "k": values,
        "cell": cell_names | choices(cell_names) | alternatives(cell_names),
        "values": st.fixed_dictionaries({"inner": cell_names | scalars | choices(cell_names)}),
        "width": st.sampled_from([{"ref": "cells.b.k"}, {"ref": "network.op_0.name"}]),
    },
)
ranges_of_numbers = st.sampled_from([{"at_least": 1}, {"at_most": 1}, {"at_least": 1, "at_most": 2}])


def tests(hole: Hole) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions that can be asked of a hole."""
    match hole:
        case Choice(options=options) | Alternatives(options=options):
            named = st.sampled_from(list(options))
            asked = st.builds(lambda value: {"is": value}, named) | st.builds(lambda one: {"in": [one, 9]}, named)
            numbers = all(isinstance(option, int | float) and not isinstance(option, bool) for option in options)
            return asked | ranges_of_numbers if numbers else asked
        case _:
            return ranges_of_numbers | st.sampled_from([{"is": 1}, {"in": [0, 1.5, 2]}])


@st.composite
def spaces(draw: st.DrawFn, contexts: bool = False) -> Space:
    """A space of architecture and training; conditions ask for holes before them and, if wanted, for the grid."""
    network = [{"name": f"op_{index}", **op} for index, op in enumerate(draw(st.lists(ops, max_size=3)))]
    cells = {name: draw(ops) for name in NAMES}
    for name in NAMES:  # a cell that holds itself is never read here, but counted and sampled like any other
        cells[name].setdefault("k", 1)
    document: dict[str, Any] = {"architecture": {"cells": cells, "network": network}}
    before = Space.from_document(document).holes
    in_network = {name: hole for name, hole in before.items() if name.startswith("network.")}
    for cell in cells.values():
        cell.update(draw(conditional(in_network, contexts)))
    document["training"] = {"lr": draw(values), **draw(conditional(before, False))}
    return Space.from_document(document)


@st.composite
def conditional(draw: st.DrawFn, before: Mapping[str, Hole], contexts: bool) -> dict[str, Any]:
    """Perhaps a field with a value under a condition."""
    if draw(st.booleans()) or not (before or contexts):
        return {}
    if contexts and (not before or draw(st.booleans())):
        test: dict[str, Any] = {"context": "grid", "at_most": draw(st.integers(0, 4))}
    else:
        name = draw(st.sampled_from(list(before)))
        test = {"parameter": name, **draw(tests(before[name]))}
    return {"under": {"if": test, "then": draw(values), "else": draw(values)}}


def grid_by_network(cell: str, architecture: Mapping[str, Any]) -> Sequence[Mapping[str, int]]:
    """A context that depends on what was chosen for the first op alone."""
    first = next(iter(architecture["network"]), {}).get("k")
    return [{"grid": first if isinstance(first, int) else 3, "width": 1}]


CONTEXT: Context = grid_by_network
