"""Which holes decide what a cell's conditions on grid and width answer: learned from random documents."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random

from nas.space.conditions import Context, OnContext
from nas.space.holes import Scalar
from nas.space.space import Space
from nas.space.suggest import RandomSuggest

DOCUMENTS = 200
"""How many are made; a space is asked once."""

Row = tuple[Mapping[str, Scalar], tuple[bool, ...] | None]
"""The parameters of a document, and what conditions answered in it; None if its ops do not fit together."""


def influences(space: Space, context: Context | None) -> frozenset[str]:
    """Names of holes whose values explain every answer that the context gave in random documents.

    Empty where the answers are always the same, as they are if no hole before the cells changes the grid.
    """
    rows = _rows(space, context)
    return frozenset(name for cell, some in rows.items() for name in _deciding(some, f"{cell}."))


def settled(space: Space, context: Context | None) -> dict[str, bool]:
    """The conditions on a context that were answered alike in all random documents: their paths and answers."""
    asked = _asked(space)
    found: dict[str, bool] = {}
    for cell, some in _rows(space, context).items():
        answers = {answer for _, answer in some}
        first = next(iter(answers))
        if len(answers) == 1 and first is not None:
            inside = {path: holds for (path, _), holds in zip(asked, first, strict=True)}
            found |= {path: holds for path, holds in inside.items() if _cell(path) == cell}
    return found


def _cell(path: str) -> str:
    """The path of the cell that holds the condition at `path`; "" outside of cells."""
    words = path.split(".")
    return ".".join(words[:2]) if words[0] == "cells" else ""


def _asked(space: Space) -> list[tuple[str, OnContext]]:
    return [(path, found.test) for path, found in space.conditions if isinstance(found.test, OnContext)]


@lru_cache(maxsize=16)
def _rows(space: Space, context: Context | None) -> Mapping[str, Sequence[Row]]:
    """What random documents show, by cell."""
    asked = _asked(space)
    rows: dict[str, list[Row]] = {}
    if not asked or context is None:
        return rows
    for seed in range(DOCUMENTS):
        suggest = RandomSuggest(Random(seed))
        for cell, uses in space.uses(suggest, context).items():
            answer = None if uses is None else tuple(test.holds(uses) for _, test in asked)
            rows.setdefault(cell, []).append((suggest.parameters, answer))
    return rows


def _deciding(rows: Sequence[Row], own: str) -> list[str]:
    """Holes, outside of the cell whose paths begin with `own`, by which the answers can be told; greedily few."""
    names = sorted({name for parameters, _ in rows for name in parameters if not name.startswith(own)})
    chosen: list[str] = []
    mistakes = _mistakes(rows, chosen)
    while mistakes and names:
        best = min(names, key=lambda name: _mistakes(rows, [*chosen, name]))
        chosen.append(best)
        names.remove(best)
        mistakes = _mistakes(rows, chosen)
    return chosen


def _mistakes(rows: Sequence[Row], names: Sequence[str]) -> int:
    """How many answers would be told wrongly from these holes alone."""
    answers: dict[tuple[Scalar, ...], Counter[object]] = {}
    for parameters, answer in rows:
        answers.setdefault(tuple(parameters.get(name) for name in names), Counter())[answer] += 1
    return sum(sum(some.values()) - max(some.values()) for some in answers.values())
