"""How many documents a space holds: all ways to fill its holes are counted, one by one or without being made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from nas.errors import InputError
from nas.space.conditions import Context, OnParameter, Test, Uses, is_conditional, is_open, read_conditional
from nas.space.filling import named_cell, role_below
from nas.space.grouping import Group, groups
from nas.space.holes import Alternatives, Choice, Hole, Parameters, Real, Scalar, fitting, is_hole
from nas.space.influence import influences
from nas.space.paths import cell_of, item_path, join
from nas.space.space import SECTIONS, Space
from nas.space.suggest import Recorded, first


@dataclass(frozen=True)
class Count:
    """How many ways there are to fill the holes of a space; alternatives that are written alike count each.

    If `ranges` is empty, `documents` is exact. If not, there are infinitely many: `ranges` are the holes that take any
    number of a range, and `documents` counts each of them as one value (as one on either side of what a condition
    asks of it). A document whose grid or width cannot be told, since its ops do not fit, does not count.
    """

    documents: int
    ranges: tuple[str, ...] = ()

    def __str__(self) -> str:
        whole = f"{self.documents:,}"
        return f"infinite ({whole} with one value for each of {', '.join(self.ranges)})" if self.ranges else whole


def count(space: Space, context: Context | None = None, fixed: Mapping[str, Scalar] | None = None) -> Count:
    """The number of documents, of those with the `fixed` parameters where these are asked for.

    Exact; but where a condition asks for a grid or width, which holes these depend on is learned from random documents.
    """
    counting = _Counting(space, context, fixed or {}, None)
    return Count(sum(way.number for way in counting.whole()), tuple(counting.ranges))


def uniform_parameters(space: Space, random: Random, context: Context | None = None) -> Parameters:
    """A document, each as likely as any other; to fill hole after hole evenly would prefer small alternatives.

    Raises:
        InputError: the space has no document that fits together.
    """
    for way in _Counting(space, context, {}, random).whole():
        return way.example
    raise InputError("the space has no document that fits together")


@dataclass(frozen=True)
class _State:
    """What the rest of a document can depend on: cells named so far, in order, and what conditions ask.

    `told` has the tests of holes that hold, and the names and values of holes that a context depends on.
    """

    used: tuple[str, ...] = ()
    told: frozenset[object] = frozenset()


@dataclass(frozen=True)
class _Way:
    """A number of ways to fill what has been filled so far, and one of them, drawn with equal chances."""

    number: int
    example: Parameters


_Ways = Mapping[_State, _Way]


@dataclass
class _Counting:
    """One pass over a document in the order in which it is sampled; ways that cannot be told apart are added up.

    `random` None: examples are the first ways instead of random ones.
    """

    space: Space
    context: Context | None
    fixed: Mapping[str, Scalar]
    random: Random | None
    ranges: dict[str, None] = field(default_factory=dict)
    cells: frozenset[str] = frozenset()
    answers: dict[tuple[str, frozenset[object]], Uses | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.influential = influences(self.space, self.context)

    def whole(self) -> Iterable[_Way]:
        """All ways to fill the document as one; none if there are none."""
        found: _Ways = {_State(): _Way(1, {})}
        for section, value in self.space.document.items():
            if section in SECTIONS:
                found = self.fold(value, SECTIONS[section], "", found)
        return self._together([(_State(), way) for way in found.values()]).values()

    def fold(self, node: Any, path: str, role: str, ways: _Ways) -> _Ways:
        """The ways with `node` filled too. `role` is how the strings of the node may name cells."""
        match node:
            case dict() if is_conditional(node):
                conditional = read_conditional(node, path)
                yes, no = self._split(conditional.test, cell_of(path), ways)
                then = self.fold(conditional.then, path, role, yes)
                otherwise = self.fold(conditional.otherwise, join(path, "else"), role, no)
                return self._together([*then.items(), *otherwise.items()])
            case dict() if is_hole(node):
                return self._hole(self.space.holes[path], path, role, ways)
            case {"cells": dict() as cells} if not is_open(cells):
                self.cells = frozenset(cells)
                rest = {key: value for key, value in node.items() if key != "cells"}
                return self._fold_used(cells, join(path, "cells"), self.fold(rest, path, "", ways))
            case dict():
                for key, value in node.items():
                    ways = self.fold(value, join(path, key), role_below(role, key), ways)
                return ways
            case list():
                for item in node:
                    ways = self.fold(item, item_path(path, item), role_below(role), ways)
                return ways
            case _:
                if path in self.space.tests:  # as that of a hole that was closed
                    ways = self._together([(self._told(state, path, node), way) for state, way in ways.items()])
                return self._used(node, role, ways)

    def _fold_used(self, cells: Mapping[str, Any], path: str, ways: _Ways) -> _Ways:
        """Fills the cells in use, in the order in which they are named; a cell may name others."""
        done: list[tuple[_State, _Way]] = []
        position = 0
        while ways:
            by_name: dict[str, dict[_State, _Way]] = {}
            for state, way in ways.items():
                if len(state.used) > position:
                    by_name.setdefault(state.used[position], {})[state] = way
                else:
                    done.append((_State((), state.told), way))
            filled: list[tuple[_State, _Way]] = []
            for name, some in by_name.items():
                filled += self.fold(cells[name], join(path, name), "", some).items()
            ways = self._together(filled)
            position += 1
        return self._together(done)

    def _hole(self, hole: Hole, path: str, role: str, ways: _Ways) -> _Ways:
        several: Iterable[Group]
        if path in self.fixed:
            several = [Group((value,)) for value in fitting(hole, self.fixed[path])]
        else:
            several = groups(hole, self._tells_apart(hole, path, role))
            if isinstance(hole, Real) and not hole.values:
                self.ranges[path] = None
        found: list[tuple[_State, _Way]] = []
        for group in several:
            value = group.values[0]
            told = [(self._told(state, path, value), self._more(way, path, group)) for state, way in ways.items()]
            chosen = self._together(told)
            if isinstance(hole, Alternatives):
                chosen = self.fold(hole.options[str(value)], join(path, str(value)), role, chosen)
            else:
                chosen = self._used(value, role, chosen)
            found += chosen.items()
        return self._together(found)

    def _tells_apart(self, hole: Hole, path: str, role: str) -> Sequence[OnParameter] | None:
        """The tests that the values of a hole are put into groups by; None: each value by itself."""
        if isinstance(hole, Alternatives) or (isinstance(hole, Choice) and role) or path in self.influential:
            return None
        return self.space.tests.get(path, ())

    def _more(self, way: _Way, path: str, group: Group) -> _Way:
        value = group.draw(self.random) if self.random else group.values[0]
        return _Way(way.number * len(group.values), {**way.example, path: value})

    def _told(self, state: _State, path: str, value: Scalar) -> _State:
        more: set[object] = {test for test in self.space.tests.get(path, ()) if test.holds(value)}
        more |= {(path, value)} if path in self.influential else set()
        return replace(state, told=state.told | more) if more else state

    def _used(self, value: Scalar, role: str, ways: _Ways) -> _Ways:
        """The ways once a value stands in the document that may name a cell."""
        name = named_cell(value, role)
        if name not in self.cells:
            return ways
        used = [state if name in state.used else replace(state, used=(*state.used, name)) for state in ways]
        return self._together(zip(used, ways.values(), strict=True))

    def _split(self, test: Test, cell: str, ways: _Ways) -> tuple[_Ways, _Ways]:
        """The ways in which the test of a condition in the cell holds, and the others."""
        yes: dict[_State, _Way] = {}
        no: dict[_State, _Way] = {}
        for state, way in ways.items():
            match test:
                case OnParameter():  # one that was not asked for does not hold either
                    holds = test in state.told
                case _:
                    uses = self._uses(cell, state, way)
                    if uses is None:
                        continue
                    holds = test.holds(uses)
            (yes if holds else no)[state] = way
        return yes, no

    def _uses(self, cell: str, state: _State, way: _Way) -> Uses | None:
        """What the context says of the cell; None if the document does not fit together."""
        key = (cell, state.told)
        if key not in self.answers:
            _, told = self.space.attempt(Recorded(way.example, first), self.context)
            self.answers[key] = told.get(cell)
        return self.answers[key]

    def _together(self, ways: Iterable[tuple[_State, _Way]]) -> _Ways:
        """Ways that end in the same state become one."""
        found: dict[_State, _Way] = {}
        for state, way in ways:
            if (before := found.get(state)) is None:
                found[state] = way
            else:
                number = before.number + way.number
                earlier = self.random is None or self.random.randrange(number) < before.number
                found[state] = _Way(number, before.example if earlier else way.example)
        return found
