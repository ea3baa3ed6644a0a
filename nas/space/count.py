"""How many documents a space holds: all ways to fill its holes are counted, one by one or without being made."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from nas.errors import InputError
from nas.space.conditions import Context, OnParameter, Test, is_conditional, is_open, read_conditional
from nas.space.grouping import Group, groups
from nas.space.holes import Alternatives, Choice, Hole, Real, Scalar, is_hole, read_hole
from nas.space.influence import influences
from nas.space.paths import item_path, join
from nas.space.replay import Keeping, Scripted, Unfit, listening
from nas.space.space import SECTIONS, Space

Parameters = dict[str, Scalar]


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


def enumerate_documents(space: Space, context: Context | None = None) -> Iterator[Parameters]:
    """The parameters of every document of the space, each once, in the order of its holes and options.

    Raises:
        InputError: a hole takes any number of a range, so that there is no end.
    """
    scripted = Scripted()
    ask = listening(context, {}) if context else None
    while True:
        try:
            space.sample(scripted, ask)
            yield scripted.parameters
        except Unfit:
            pass
        if not scripted.advance():
            return


def count(space: Space, context: Context | None = None, fixed: Mapping[str, Scalar] | None = None) -> Count:
    """The number of documents, of those with the `fixed` parameters where these are asked for.

    Exact; but where a condition asks for a grid or width, which holes these depend on is learned from random documents.
    """
    counting = _Counting(space, context, fixed or {}, None, influences(space, context))
    return Count(sum(way.number for way in counting.ways().values()), tuple(counting.ranges))


@dataclass(frozen=True)
class Uniform:
    """Draws documents of a space with equal chances; to fill hole after hole evenly would prefer small alternatives."""

    space: Space
    context: Context | None = None
    _influences: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_influences", influences(self.space, self.context))

    def parameters(self, random: Random) -> Parameters:
        """The parameters of one document. Raises `InputError` if the space has none."""
        ways = _Counting(self.space, self.context, {}, random, self._influences).ways()
        if not ways:
            raise InputError("the space has no document that fits together")
        place = random.randrange(sum(way.number for way in ways.values()))
        for way in ways.values():
            place -= way.number
            if place < 0:
                return way.example
        raise AssertionError(place)


@dataclass(frozen=True)
class _State:
    """What the rest of a document can depend on: cells named so far, in order, and what conditions ask."""

    used: tuple[str, ...] = ()
    told: frozenset[tuple[str, tuple[object, ...]]] = frozenset()
    """Of holes that conditions depend on: the value, if it has to be known, and what each test says of it."""


@dataclass(frozen=True)
class _Way:
    """A number of ways to fill what has been filled so far, and one of them, drawn with equal chances."""

    number: int
    example: Parameters


_Ways = dict[_State, _Way]


@dataclass
class _Counting:
    """One pass over a document in the order in which it is sampled; ways that cannot be told apart are added up.

    `random` None: examples are the first ways instead of random ones.
    """

    space: Space
    context: Context | None
    fixed: Mapping[str, Scalar]
    random: Random | None
    influential: frozenset[str]
    ranges: dict[str, None] = field(default_factory=dict)
    cell: str = ""
    tests: dict[str, list[OnParameter]] = field(default_factory=dict)
    cells: frozenset[str] = frozenset()
    answers: dict[tuple[str, frozenset[tuple[str, tuple[object, ...]]]], Any] = field(default_factory=dict)

    def ways(self) -> _Ways:
        for _, conditional in self.space.conditions:
            if isinstance(conditional.test, OnParameter):
                self.tests.setdefault(conditional.test.name, []).append(conditional.test)
        found: _Ways = {_State(): _Way(1, {})}
        for section, value in self.space.document.items():
            if section in SECTIONS:
                found = self.fold(value, SECTIONS[section], "", found)
        return found

    def fold(self, node: Any, path: str, role: str, ways: _Ways) -> _Ways:
        """The ways with `node` filled too. `role` is how the strings of the node may name cells."""
        match node:
            case dict() if is_conditional(node):
                conditional = read_conditional(node, path)
                yes, no = self._split(conditional.test, ways)
                then = self.fold(conditional.then, path, role, yes)
                return self._together([then, self.fold(conditional.otherwise, join(path, "else"), role, no)])
            case dict() if is_hole(node):
                return self._hole(read_hole(node, path), path, role, ways)
            case {"cells": dict() as cells} if not is_open(cells):
                self.cells = frozenset(cells)
                rest = {key: value for key, value in node.items() if key != "cells"}
                return self._fold_used(cells, join(path, "cells"), self.fold(rest, path, "", ways))
            case dict():
                for key, value in node.items():
                    ways = self.fold(value, join(path, key), _ROLES.get(key, "word" if role == "word" else ""), ways)
                return ways
            case list():
                for item in node:
                    ways = self.fold(item, item_path(path, item), "word" if role == "word" else "", ways)
                return ways
            case _:
                return self._with(path, node, role, ways)

    def _fold_used(self, cells: Mapping[str, Any], path: str, ways: _Ways) -> _Ways:
        """Fills the cells in use, in the order in which they are named; a cell may name others."""
        done: list[_Ways] = []
        position = 0
        while ways:
            done.append({state: way for state, way in ways.items() if len(state.used) == position})
            by_name: dict[str, _Ways] = {}
            for state, way in ways.items():
                if len(state.used) > position:
                    by_name.setdefault(state.used[position], {})[state] = way
            filled = []
            for name, some in by_name.items():
                self.cell = join(path, name)
                filled.append(self.fold(cells[name], self.cell, "", some))
            self.cell = ""
            ways = self._together(filled)
            position += 1
        return self._together([{_State((), state.told): way} for some in done for state, way in some.items()])

    def _hole(self, hole: Hole, path: str, role: str, ways: _Ways) -> _Ways:
        if isinstance(hole, Real) and hole.low < hole.high and path not in self.fixed:
            self.ranges[path] = None
        found: list[_Ways] = []
        for group in groups(hole, self._tells_apart(hole, path, role), self.fixed, path):
            chosen = self._chosen(path, group, ways)
            if isinstance(hole, Alternatives):
                name = str(group.values[0])
                found.append(self.fold(hole.options[name], join(path, name), role, chosen))
            else:
                found.append(self._used(group.values[0], role, chosen))
        return self._together(found)

    def _tells_apart(self, hole: Hole, path: str, role: str) -> Sequence[OnParameter] | None:
        """The tests that the values of a hole are put into groups by; None: each value by itself."""
        if isinstance(hole, Alternatives) or (isinstance(hole, Choice) and role) or path in self.influential:
            return None
        return self.tests.get(path, [])

    def _chosen(self, path: str, group: Group, ways: _Ways) -> _Ways:
        chosen: list[_Ways] = []
        for state, way in ways.items():
            value = group.draw(self.random) if self.random else group.values[0]
            more = _Way(way.number * group.number, {**way.example, path: value})
            chosen.append({self._told(state, path, group.values[0]): more})
        return self._together(chosen)

    def _with(self, path: str, value: Scalar, role: str, ways: _Ways) -> _Ways:
        """A value that stands in the document: it may answer a condition, as a hole that was closed, or name a cell."""
        if path in self.tests:
            ways = self._together([{self._told(state, path, value): way} for state, way in ways.items()])
        return self._used(value, role, ways)

    def _told(self, state: _State, path: str, value: Scalar) -> _State:
        if any(name == path for name, _ in state.told):
            return state
        tests = self.tests.get(path, [])
        if not tests and path not in self.influential:
            return state
        shown = value if path in self.influential else None
        return replace(state, told=state.told | {(path, (shown, *(test.holds(value) for test in tests)))})

    def _used(self, value: Scalar, role: str, ways: _Ways) -> _Ways:
        name = value
        if role == "ref" and isinstance(value, str):
            name = value.split(".")[1] if value.startswith("cells.") else None
        if not role or name not in self.cells:
            return ways
        return self._together(
            [
                {state if name in state.used else replace(state, used=(*state.used, str(name))): way}
                for state, way in ways.items()
            ]
        )

    def _split(self, test: Test, ways: _Ways) -> tuple[_Ways, _Ways]:
        yes: _Ways = {}
        no: _Ways = {}
        for state, way in ways.items():
            match test:
                case OnParameter(name=name):
                    answers = dict(state.told).get(name)  # None: not asked for, which is no
                    holds = answers is not None and bool(answers[1 + self.tests[name].index(test)])
                case _:
                    uses = self._uses(state, way)
                    if uses is None:
                        continue
                    holds = test.holds(uses)
            (yes if holds else no)[state] = way
        return yes, no

    def _uses(self, state: _State, way: _Way) -> Any:
        """What the context says of the present cell; None if the document does not fit together."""
        key = (self.cell, state.told)
        if key not in self.answers:
            assert self.context is not None
            heard: dict[str, Any] = {}
            with suppress(Unfit):
                self.space.sample(Keeping(way.example), listening(self.context, heard))
            self.answers[key] = heard.get(self.cell)
        return self.answers[key]

    def _together(self, several: Sequence[_Ways]) -> _Ways:
        if len(several) == 1:
            return several[0]
        found: _Ways = {}
        for ways in several:
            for state, way in ways.items():
                before = found.get(state)
                if before is None:
                    found[state] = way
                    continue
                number = before.number + way.number
                first = self.random is None or self.random.randrange(number) < before.number
                found[state] = _Way(number, before.example if first else way.example)
        return found


_ROLES = {"cell": "cell", "ref": "ref", **dict.fromkeys(("values", "each", "default_values"), "word")}
"""How strings under these keys name cells that are in use."""
