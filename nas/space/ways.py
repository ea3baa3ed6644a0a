"""All ways to fill a part of a document, one after the other, for whoever looks for the right one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from nas.errors import InputError
from nas.space.conditions import OnParameter, Test, is_conditional, read_conditional
from nas.space.holes import Alternatives, Hole, Integer, Real, Scalar, is_hole, read_hole
from nas.space.paths import item_path, join
from nas.space.references import is_reference, resolve_references

MANY = 1024
"""Of a range of more integers than these, only given numbers are tried; and of a range of real numbers in any case."""


@dataclass(frozen=True)
class Way:
    """A way to fill some holes, and what it assumes of conditions that cannot be told from them."""

    values: Mapping[str, Scalar] = field(default_factory=dict)
    assumed: Mapping[str, bool] = field(default_factory=dict)
    read: int = 0
    """How far it has led, for whoever counts."""

    def filled(self, path: str, value: Scalar) -> "Way":
        return Way({**self.values, path: value}, self.assumed, self.read)

    def further(self) -> "Way":
        return Way(self.values, self.assumed, self.read + 1)


@dataclass(frozen=True)
class Ways:
    """The ways through `document`, a section of a space. A hole that a way has filled keeps its value."""

    document: Mapping[str, Any]
    numbers: frozenset[float] = frozenset()
    """What holes with many values are tried with."""

    def open(self, node: Any, path: str, way: Way) -> Iterator[tuple[Any, str, Way]]:
        """What may stand in a place, with its path: neither hole nor condition nor reference."""
        match node:
            case dict() if is_conditional(node):
                conditional = read_conditional(node, path)
                for holds, gone in self._answers(conditional.test, path, way):
                    if holds:
                        yield from self.open(conditional.then, path, gone)
                    else:
                        yield from self.open(conditional.otherwise, join(path, "else"), gone)
            case dict() if is_hole(node):
                hole = read_hole(node, path)
                for value in [way.values[path]] if path in way.values else self._values(hole):
                    gone = way.filled(path, value)
                    if isinstance(hole, Alternatives):
                        yield from self.open(hole.options[str(value)], join(path, str(value)), gone)
                    else:
                        yield value, path, gone
            case dict() if is_reference(node):
                yield from ((filled, path, gone) for filled, gone in self._referred(node, path, way))
            case _:
                yield node, path, way

    def fill(self, node: Any, path: str, way: Way) -> Iterator[tuple[Any, Way]]:
        """All that a node may be filled with."""
        for opened, here, gone in self.open(node, path, way):
            match opened:
                case dict():
                    inner = [(key, value, join(here, key)) for key, value in opened.items() if _holds(value)]
                    for filled, on in self._fill_all(inner, gone):
                        yield {**opened, **filled}, on
                case list():
                    items = [(i, item, item_path(here, item)) for i, item in enumerate(opened) if _holds(item)]
                    for filled, on in self._fill_all(items, gone):
                        yield [filled.get(index, item) for index, item in enumerate(opened)], on
                case _:
                    yield opened, gone

    def _fill_all(self, parts: Sequence[tuple[Any, Any, str]], way: Way) -> Iterator[tuple[dict[Any, Any], Way]]:
        """Parts of a mapping or list, by key or index; the first changes slowest."""
        if not parts:
            yield {}, way
            return
        (key, node, path), *others = parts
        for filled, gone in self.fill(node, path, way):
            for rest, on in self._fill_all(others, gone):
                yield {key: filled, **rest}, on

    def _referred(self, node: Mapping[str, Any], path: str, way: Way) -> Iterator[tuple[Any, Way]]:
        """What a reference stands for, which may have to be filled first."""
        scaling = {key: value for key, value in node.items() if key != "ref"}
        for found, gone in self._look_up(self.document, "", str(node["ref"]).split("."), way):
            for scaled, on in self.fill(scaling, path, gone):
                with suppress(InputError):  # what it stands for cannot be scaled
                    yield resolve_references({"is": found, "so": {**scaled, "ref": "is"}})["so"], on

    def _look_up(self, node: Any, path: str, words: Sequence[str], way: Way) -> Iterator[tuple[Any, Way]]:
        if not words:
            yield from self.fill(node, path, way)
            return
        word, *rest = words
        for opened, here, gone in self.open(node, path, way):
            match opened:
                case dict() if word in opened:
                    yield from self._look_up(opened[word], join(here, word), rest, gone)
                case list():
                    named = [item for item in opened if isinstance(item, dict) and item.get("name") == word]
                    if named or word.isdecimal():
                        item = named[0] if named else opened[int(word)]
                        yield from self._look_up(item, item_path(here, item), rest, gone)
                    else:
                        for item in opened:
                            if isinstance(item, dict) and "name" not in item and word in item:
                                yield from self._look_up(item, here, words, gone)

    def _values(self, hole: Hole) -> Sequence[Scalar]:
        """The values to try of a hole."""
        match hole:
            case Integer() if len(hole.values) > MANY:
                return [int(number) for number in sorted(self.numbers) if number in hole.values]
            case Real(low=low, high=high) if low < high:
                return [number for number in sorted(self.numbers) if low <= number <= high]
            case _:
                return hole.values

    def _answers(self, test: Test, path: str, way: Way) -> Iterator[tuple[bool, Way]]:
        """Whether a condition holds; both, where that cannot be told yet."""
        match test:
            case OnParameter(name=name) if name in way.values:
                yield test.holds(way.values[name]), way
            case _ if path in way.assumed:
                yield way.assumed[path], way
            case _:
                for holds in (True, False):
                    yield holds, replace(way, assumed={**way.assumed, path: holds})


def _holds(node: Any) -> bool:
    """Whether there may be anything to fill in it."""
    return isinstance(node, dict | list)
