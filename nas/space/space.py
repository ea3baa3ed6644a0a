"""A search space: the document with its holes found, named and ready to be filled."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from nas.errors import InputError
from nas.space.holes import Alternatives, Hole, Suggest, is_hole, read_hole
from nas.space.paths import item_path, join
from nas.space.reading import check_data
from nas.space.references import is_reference, resolve_references

SECTIONS = {"architecture": "", "training": "training"}
"""Where holes may stand, and what their names begin with."""


@dataclass(frozen=True, eq=False)
class Space:
    """A document whose holes all have a name; `holes` maps each name to its hole, in the document's order.

    A hole inside an alternative exists only where that alternative is chosen, and the holes of a cell only where
    the cell is used (a mapping `cells` holds definitions; whoever has the field `cell` uses the one it names).
    """

    document: Mapping[str, Any]
    holes: Mapping[str, Hole] = field(repr=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], place: str = "space") -> "Space":
        """Raises `InputError` where a hole is malformed, unnamed, shares its name, or stands where none may."""
        if not isinstance(document, Mapping):
            raise InputError(f"{place}: expected a mapping with {' and '.join(SECTIONS)}; got {document!r:.60}")
        check_data(document, place)
        holes: dict[str, Hole] = {}
        for section, value in document.items():
            prefix = SECTIONS.get(section)
            for path, hole in _holes(value, section if prefix is None else prefix, f"{place}.{section}"):
                if prefix is None:
                    raise InputError(f"{place}.{path}: holes stand under {' and '.join(SECTIONS)} alone")
                if path == prefix:
                    raise InputError(f"{place}.{section}: a hole cannot stand for the whole section")
                if path in holes:
                    raise InputError(f"{place}: two holes are called {path!r}; give their ops different names")
                holes[path] = hole
        return cls(dict(document), holes)

    def sample(self, suggest: Suggest) -> dict[str, Any]:
        """A document without holes or references; `suggest` is asked for the holes that exist in it, in order."""
        return {
            section: _sampled(value, SECTIONS[section], suggest) if section in SECTIONS else deepcopy(value)
            for section, value in self.document.items()
        }


def _sampled(document: Any, prefix: str, suggest: Suggest) -> Any:
    filled = _Filling(suggest).fill(document, prefix)
    # a reference is written as parameters are called: with the prefix
    return resolve_references({prefix: filled})[prefix] if prefix else resolve_references(filled)


def _holes(node: Any, path: str, place: str) -> Iterator[tuple[str, Hole]]:
    match node:
        case dict() if is_hole(node):
            hole = read_hole(node, place)
            yield path, hole
            if isinstance(hole, Alternatives):
                for name, alternative in hole.options.items():
                    _check_word(name, place)
                    yield from _holes(alternative, join(path, name), f"{place}.{name}")
        case dict():
            for key, value in node.items():
                for found in _holes(value, join(path, key), f"{place}.{key}"):
                    _check_word(key, place)
                    yield found
        case list():
            for index, item in enumerate(node):
                _check_item(item, f"{place}.{index}")
                yield from _holes(item, item_path(path, item), f"{place}.{index}")


def _check_item(item: Any, place: str) -> None:
    if is_hole(item):
        raise InputError(f"{place}: a hole in a list has no name; write {{op: chain, name: ..., chain: <the hole>}}")
    if isinstance(item, dict):
        if "name" in item and isinstance(item["name"], str):
            _check_word(item["name"], place)
        elif _holds_hole(item):
            raise InputError(f"{place}: an op that holds a hole needs a name, which its parameters begin with")


def _holds_hole(node: Any) -> bool:
    """Whether a hole is among the values of an op, also within `values` and the like; its chains are lists."""
    return is_hole(node) or (isinstance(node, dict) and any(_holds_hole(value) for value in node.values()))


def _check_word(word: str, place: str) -> None:
    if not word or "." in word:
        raise InputError(f"{place}: {word!r} is no name; names are words without dots")


@dataclass
class _Filling:
    """One pass over a section; remembers which cells have been used."""

    suggest: Suggest

    def fill(self, node: Any, path: str) -> Any:
        match node:
            case dict() if is_hole(node):
                hole = read_hole(node, path)
                value = hole.fill(path, self.suggest)
                if isinstance(hole, Alternatives):
                    return self.fill(hole.options[str(value)], join(path, str(value)))
                return value
            case {"cells": dict() as cells} if not is_hole(cells):
                rest = {key: value for key, value in node.items() if key != "cells"}
                filled = {key: self.fill(value, join(path, key)) for key, value in rest.items()}
                filled["cells"] = self._fill_used(cells, filled, join(path, "cells"))
                return {key: filled[key] for key in node}
            case dict():
                return {key: self.fill(value, join(path, key)) for key, value in node.items()}
            case list():
                return [self.fill(item, item_path(path, item)) for item in node]
            case _:
                return node

    def _fill_used(self, cells: Mapping[str, Any], users: Any, path: str) -> dict[str, Any]:
        """The cells that `users` name, directly or through one another, and those that are complete as they are."""
        filled: dict[str, Any] = {}
        waiting = list(_used_cells(users))
        while waiting:
            name = waiting.pop(0)
            if name in cells and name not in filled:
                filled[name] = self.fill(cells[name], join(path, name))
                waiting.extend(_used_cells(filled[name]))
        for name, cell in cells.items():
            if name not in filled and _is_complete(cell):
                filled[name] = cell
        return {name: filled[name] for name in cells if name in filled}


def _used_cells(node: Any) -> Iterator[str]:
    """Names of cells that ops name, are handed as a value (`cell: $inner`), or that a reference leads into."""
    match node:
        case dict():
            for key, value in node.items():
                match key, value:
                    case "cell", str():
                        yield value
                    case "values" | "each" | "default_values", _:
                        yield from _words(value)
                    case "ref", str() if value.startswith("cells."):
                        yield value.split(".")[1]
                yield from _used_cells(value)
        case list():
            for item in node:
                yield from _used_cells(item)


def _words(node: Any) -> Iterator[str]:
    match node:
        case str():
            yield node
        case dict():
            for value in node.values():
                yield from _words(value)
        case list():
            for item in node:
                yield from _words(item)


def _is_complete(node: Any) -> bool:
    """Whether a document has neither holes nor references."""
    match node:
        case dict():
            return not is_hole(node) and not is_reference(node) and all(map(_is_complete, node.values()))
        case list():
            return all(map(_is_complete, node))
        case _:
            return True
