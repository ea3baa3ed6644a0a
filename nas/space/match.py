"""Whether a space holds a document: the parameters that make it, or where and why it is not in the space."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from nas.errors import InputError
from nas.space.conditions import Context, OnParameter, Test, is_conditional, is_open, read_conditional
from nas.space.filling import is_complete, used_cells
from nas.space.holes import Alternatives, Hole, Integer, Parameters, Real, Scalar, fitting, is_hole, same
from nas.space.paths import cell_of, find, item_path, join
from nas.space.references import SCALING, is_reference, resolve_references
from nas.space.space import SECTIONS, Space
from nas.space.suggest import Recorded, first


class NoMatch(InputError):
    """A document is not in the space; says which place in it the space cannot give, and why."""


def match(space: Space, document: Mapping[str, Any], context: Context | None = None) -> Parameters:
    """The parameters whose sample is `document`, compared in the sections that it has: architecture, training or both.

    Exact: with these parameters the space gives these sections, but for cells that nothing in them uses. Parameters
    of a section that `document` leaves out are left out, too. If several alternatives are written alike, the first is
    taken; as the sample is the same for all of them, nothing depends on it.

    Raises:
        NoMatch: no parameters make it. Of all ways to read the document, the one that leads furthest says where.
    """
    matching = _Matching(space, context)
    ways: Iterator[_Way] = iter([_Way()])
    for section, prefix in SECTIONS.items():
        if section in space.document and section in document:
            value = document[section]
            root = {prefix: value} if prefix else value
            ways = matching.through(_Part(space.document[section], value, prefix, prefix, root), ways)
    found = next(ways, None)
    if found is None:
        raise matching.furthest.error()
    return dict(found.parameters)


@dataclass(frozen=True)
class _Part:
    """A node of the space and what stands for it in the document.

    `path` begins the names of its holes; `place` is where it is in the document, which has no words for what was
    chosen; references lead into `root`.
    """

    node: Any
    value: Any
    path: str
    place: str
    root: Any

    def chosen(self, node: Any, word: str) -> "_Part":
        """What a choice puts in this place; `word` is its own in the path."""
        return replace(self, node=node, path=join(self.path, word) if word else self.path)

    def key(self, key: str) -> "_Part":
        return replace(
            self,
            node=self.node[key],
            value=self.value[key],
            path=join(self.path, key),
            place=join(self.place, key),
        )

    def item(self, index: int) -> "_Part":
        node = self.node[index]
        named = isinstance(node, dict) and isinstance(node.get("name"), str)
        place = join(self.place, node["name"] if named else str(index))
        return replace(self, node=node, value=self.value[index], path=item_path(self.path, node), place=place)


@dataclass(frozen=True)
class _Way:
    """A way to read the document up to some place: parameters, and where references lead."""

    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    closed: Mapping[str, Scalar] = field(default_factory=dict)
    """Values that stand where conditions ask for holes."""
    referred: tuple[str, ...] = ()
    read: int = 0
    """How many values have been read."""

    def further(self, parameters: Mapping[str, Scalar], read: int = 1) -> "_Way":
        return replace(self, parameters={**self.parameters, **parameters}, read=self.read + read)


@dataclass
class _Furthest:
    """Where the way ended that led furthest, and what would have gone on there."""

    read: int = -1
    place: str = ""
    reason: str = ""
    expected: list[str] = field(default_factory=list)

    def ends(self, way: _Way, part: _Part, reason: str, expected: Sequence[str] = ()) -> None:
        if way.read > self.read:
            self.read, self.place, self.reason, self.expected = way.read, part.place, reason, []
        if (way.read, part.place, reason) == (self.read, self.place, self.reason):
            self.expected += [each for each in expected if each not in self.expected]

    def error(self) -> NoMatch:
        there = f"; the space has {', '.join(self.expected)}" if self.expected else ""
        return NoMatch(f"{self.place or 'the document'} {self.reason}{there}")


@dataclass
class _Matching:
    space: Space
    context: Context | None
    furthest: _Furthest = field(default_factory=_Furthest)

    def ways(self, part: _Part, way: _Way) -> Iterator[_Way]:
        """Every way to go on in which the node gives the value."""
        node, value = part.node, part.value
        match node:
            case dict() if is_conditional(node):
                conditional = read_conditional(node, part.path)
                if self._holds(conditional.test, part, way):
                    yield from self.ways(part.chosen(conditional.then, ""), way)
                else:
                    yield from self.ways(part.chosen(conditional.otherwise, "else"), way)
            case dict() if is_hole(node):
                yield from self._hole(self.space.holes[part.path], part, way)
            case dict() if is_reference(node):
                yield from self._reference(part, way)
            case dict() if isinstance(value, Mapping):
                yield from self._mapping(part, way)
            case list() if isinstance(value, list) and len(value) == len(node):
                yield from self._all([part.item(index) for index in range(len(node))], way)
            case list() if isinstance(value, list):
                self.furthest.ends(way, part, f"has {len(value)} items", [str(len(node))])
            case _ if same(node, value):
                closed = {part.path: node} if part.path in self.space.tests else {}
                yield replace(way, closed={**way.closed, **closed}, read=way.read + 1)
            case _:
                self.furthest.ends(way, part, f"is {_shown(value)}", [_shown(node)])

    def through(self, part: _Part, ways: Iterator[_Way]) -> Iterator[_Way]:
        for way in ways:
            yield from self.ways(part, way)

    def _all(self, parts: Iterable[_Part], way: _Way) -> Iterator[_Way]:
        """The ways through all parts; those without holes come first, as they tell at once what cannot be."""
        open_: list[_Part] = []
        for part in parts:
            if not is_complete(part.node):
                open_.append(part)
            elif (gone := next(self.ways(part, way), None)) is not None:
                way = gone
            else:
                return
        ways = iter([way])
        for part in open_:
            ways = self.through(part, ways)
        yield from ways

    def _hole(self, hole: Hole, part: _Part, way: _Way) -> Iterator[_Way]:
        if isinstance(hole, Alternatives):
            for name, option in hole.options.items():
                yield from self.ways(part.chosen(option, name), way.further({part.path: name}, 0))
        elif found := fitting(hole, part.value):
            yield way.further({part.path: found[0]})
        else:
            self.furthest.ends(way, part, f"is {_shown(part.value)}", _offered(hole))

    def _mapping(self, part: _Part, way: _Way) -> Iterator[_Way]:
        node, value = part.node, part.value
        cells = node.get("cells")
        by_use = isinstance(cells, dict) and not is_open(cells)
        keys = [key for key in node if not (by_use and key == "cells")]
        lacking = [key for key in keys if key not in value]
        more = [key for key in value if key not in node]
        if "op" in node and "op" in value and not is_open(node["op"]) and node["op"] != value["op"]:
            self.furthest.ends(way, part, f"is {_shown(value)}", [_shown(node)])
        elif lacking:
            self.furthest.ends(way, part, f"lacks {lacking[0]!r}, which the space has")
        elif more:
            self.furthest.ends(way, part, f"has {more[0]!r}, which the space lacks")
        else:
            for gone in self._all([part.key(key) for key in keys], way):
                yield from self._cells(part, gone) if by_use else [gone]

    def _cells(self, part: _Part, way: _Way, done: tuple[str, ...] = ()) -> Iterator[_Way]:
        """The cells that the document uses, directly or through one another, after those that are done."""
        there = part.value.get("cells") or {}
        part = replace(part, value={**part.value, "cells": there})
        users = [value for key, value in part.value.items() if key != "cells"] + [there[name] for name in done]
        used = [*used_cells(users), *(path.split(".")[1] for path in way.referred if path.startswith("cells."))]
        name = next((name for name in used if name in part.node["cells"] and name not in done), None)
        if name is None:
            yield way
        elif name not in there:
            self.furthest.ends(way, part.key("cells"), f"lacks {name!r}, which is used")
        else:
            for gone in self.ways(part.key("cells").key(name), way):
                yield from self._cells(part, gone, (*done, name))

    def _reference(self, part: _Part, way: _Way) -> Iterator[_Way]:
        """What a reference stands for is read in the document, where it has been put in."""
        keys = [key for key in part.node if key in ("ref", *SCALING)]
        for values in product(*(self._values(part.node[key], join(part.path, key)) for key in keys)):
            reference = dict(zip(keys, (value for value, _ in values), strict=True))
            chosen = {name: value for _, names in values for name, value in names.items()}
            try:
                target = find(part.root, str(reference["ref"]))
                expected = resolve_references({"is": target, "scaled": {**reference, "ref": "is"}})["scaled"]
            except InputError as error:
                self.furthest.ends(way, part, f"refers to what is not there: {error}")
                continue
            if same(expected, part.value):
                yield replace(way.further(chosen), referred=(*way.referred, str(reference["ref"])))
            else:
                scaled = ", scaled" * (len(reference) > 1)
                offered = f"{_shown(expected)} (that of {reference['ref']}{scaled})"
                self.furthest.ends(way, part, f"is {_shown(part.value)}", [offered])

    def _holds(self, test: Test, part: _Part, way: _Way) -> bool:
        match test:
            case OnParameter(name=name):
                values = {**way.closed, **way.parameters}
                return name in values and test.holds(values[name])
            case _:
                _, told = self.space.attempt(Recorded(way.parameters, first), self.context)
                uses = told.get(cell_of(part.path))
                return uses is not None and test.holds(uses)

    def _values(self, node: Any, path: str) -> Iterator[tuple[Any, Parameters]]:
        """The scalars that can stand in a place, each with its parameters."""
        if not is_hole(node):
            yield node, {}
            return
        hole = self.space.holes[path]
        if not hole.values:
            raise InputError(f"{path}: a reference scaled by any number of a range cannot be matched")
        for value in hole.values:
            if isinstance(hole, Alternatives):
                inside = self._values(hole.options[str(value)], join(path, str(value)))
                yield from ((inner, {path: value, **names}) for inner, names in inside)
            else:
                yield value, {path: value}


def _offered(hole: Hole) -> list[str]:
    match hole:
        case Integer(low=low, high=high, step=step):
            return [f"{low} to {high}" + (f" in steps of {step}" if step > 1 else "")]
        case Real(low=low, high=high):
            return [f"{low} to {high}"]
        case _:
            return [_shown(value) for value in hole.values]


def _shown(value: Any) -> str:
    """A value in few words."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case {"op": str() as op}:
            return f"a {op}"
        case dict():
            return f"a mapping with {', '.join(map(str, value))}"[:60]
        case list():
            ops = [item.get("op") if isinstance(item, dict) else item for item in value]
            return f"[{', '.join(map(str, ops))}]"[:60]
        case _:
            return f"{value!s:.60}"
