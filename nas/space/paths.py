"""Names of places in a document: words joined by dots, the same for holes, references and overrides.

A key of a mapping is a word; an item of a list is called by its `name`; an item without one adds no word, so
`cells.normal.branches.wide.spatial.kernel` stays the same when ops are inserted before it. Under a condition, `then`
adds no word and `else` adds `else`.
"""

from collections.abc import Iterator
from typing import Any

from nas.errors import InputError, unknown
from nas.space.conditions import is_open


def join(path: str, word: str) -> str:
    return f"{path}.{word}" if path else word


def item_path(path: str, item: object) -> str:
    """The path of an item of the list at `path`."""
    return join(path, item["name"]) if isinstance(item, dict) and isinstance(item.get("name"), str) else path


def cell_of(path: str) -> str:
    """The path of the cell that a path leads into, such as `cells.normal`; "" outside of cells."""
    words = path.split(".")
    return ".".join(words[:2]) if words[0] == "cells" else ""


def find(document: Any, path: str) -> Any:
    """The value at `path`. Raises `InputError` naming the words there are where the path leaves the document."""
    container, key = _locate(document, path)
    return container[key]


def replaced(document: Any, path: str, value: Any) -> Any:
    """A copy of `document` with the value at `path` replaced whole, or a new key set on an existing mapping."""
    copy = _copied(document)
    container, key = _locate(copy, path, new_key=True)
    container[key] = value
    return copy


def removed(document: Any, path: str) -> Any:
    """A copy of `document` without the value at `path`."""
    copy = _copied(document)
    container, key = _locate(copy, path)
    del container[key]
    return copy


def _locate(document: Any, path: str, new_key: bool = False) -> tuple[Any, Any]:
    """The container that holds `path`, and the key or index there."""
    words = path.split(".")
    container: Any = [document]
    key: Any = 0
    for position, word in enumerate(words):
        try:
            step = _step(container[key], word)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if step is None:
            node = container[key]
            if new_key and position == len(words) - 1 and isinstance(node, dict) and not is_open(node):
                return node, word
            here = ".".join(words[:position]) or "the document"
            raise unknown(path, f"part of {here} called", word, sorted(set(_words(node))))
        container, key = step
    return container, key


def _step(node: Any, word: str) -> tuple[Any, Any] | None:
    match node:
        case {"choice": dict() as alternatives}:
            return _step(alternatives, word)
        case {"if": _, "then": then, "else": _}:
            return (node, word) if word == "else" else _step(then, word)
        case dict():
            return (node, word) if word in node else None
        case list():
            return _step_into_list(node, word)
        case _:
            return None


def _step_into_list(items: list[Any], word: str) -> tuple[Any, Any] | None:
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == word:
            return items, index
    if word in map(str, range(len(items))):
        return items, int(word)
    inside = [step for item in items if isinstance(item, dict) and "name" not in item and (step := _step(item, word))]
    if len(inside) > 1:
        raise InputError(f"{word!r} stands in several ops without a name; give them names")
    return inside[0] if inside else None


def _words(node: Any) -> Iterator[str]:
    match node:
        case {"choice": dict() as alternatives}:
            yield from alternatives
        case {"if": _, "then": then, "else": _}:
            yield from (*_words(then), "else")
        case dict():
            yield from node
        case list():
            for index, item in enumerate(node):
                if isinstance(item, dict) and "name" in item:
                    yield str(item["name"])
                elif isinstance(item, dict):
                    yield from (key for key in item if key != "op")
                else:
                    yield str(index)


def _copied(node: Any) -> Any:
    """A deep copy in which no two places share a container."""
    match node:
        case dict():
            return {key: _copied(value) for key, value in node.items()}
        case list():
            return [_copied(value) for value in node]
        case _:
            return node
