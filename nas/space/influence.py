"""Which holes decide what a cell's conditions on grid and width answer: learned from random documents."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random

from nas.space.conditions import Context, Uses
from nas.space.holes import Parameters, Scalar
from nas.space.paths import cell_of
from nas.space.space import Space
from nas.space.suggest import RandomSuggest

DOCUMENTS = 200
"""How many are made; a space is asked once."""

Answers = Sequence[tuple[Parameters, object]]
"""The parameters of documents, and what was answered in each."""


@lru_cache(maxsize=16)
def influences(space: Space, context: Context | None) -> frozenset[str]:
    """Names of holes whose values explain every answer that the context gave in random documents.

    Empty where the answers are always the same, as they are if no hole before the cells changes the grid.
    """
    found: set[str] = set()
    for cell, told in _told(space, context).items():
        tests = [test for path, test in space.contexts if cell_of(path) == cell]
        answers = [(made, None if uses is None else tuple(test.holds(uses) for test in tests)) for made, uses in told]
        found.update(_deciding(answers, f"{cell}."))
    return frozenset(found)


def settled(space: Space, context: Context | None) -> dict[str, bool]:
    """The conditions on a context that were answered alike in all random documents: their paths and answers."""
    found: dict[str, bool] = {}
    for path, test in space.contexts:
        told = _told(space, context).get(cell_of(path), ())
        answers = {None if uses is None else test.holds(uses) for _, uses in told}
        if answers in ({True}, {False}):
            found[path] = True in answers
    return found


@lru_cache(maxsize=16)
def _told(space: Space, context: Context | None) -> Mapping[str, Sequence[tuple[Parameters, Uses | None]]]:
    """What the context says in random documents, by cell; None where their ops do not fit one another."""
    found: dict[str, list[tuple[Parameters, Uses | None]]] = {}
    if space.contexts and context is not None:
        for seed in range(DOCUMENTS):
            suggest = RandomSuggest(Random(seed))
            _, told = space.attempt(suggest, context)
            for cell, uses in told.items():
                found.setdefault(cell, []).append((suggest.parameters, uses))
    return found


def _deciding(answers: Answers, own: str) -> list[str]:
    """Holes, outside of the cell whose paths begin with `own`, by which the answers can be told; greedily few."""
    names = sorted({name for parameters, _ in answers for name in parameters if not name.startswith(own)})
    chosen: list[str] = []
    while _mistakes(answers, chosen) and len(chosen) < len(names):
        left = [name for name in names if name not in chosen]
        chosen.append(min(left, key=lambda name: _mistakes(answers, [*chosen, name])))
    return chosen


def _mistakes(answers: Answers, names: Sequence[str]) -> int:
    """How many answers would be told wrongly from these holes alone."""
    told: dict[tuple[Scalar, ...], Counter[object]] = {}
    for parameters, answer in answers:
        told.setdefault(tuple(parameters.get(name) for name in names), Counter())[answer] += 1
    return sum(sum(some.values()) - max(some.values()) for some in told.values())
