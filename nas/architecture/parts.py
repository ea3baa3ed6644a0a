"""Cells of published networks as parts of another document: `{op: cell, cell: inception_v3.b}`.

What is named is copied into the document's own cells, with the defaults it relies on written out, so that the document
stands alone from then on. A part is a cell of the published document, or an op of its network by name.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nas.architecture import fields as f
from nas.architecture.fields import plain, readers
from nas.architecture.ops import OPS
from nas.architecture.published import published_names, published_path
from nas.architecture.shapes import Shape
from nas.architecture.variants import varied
from nas.errors import InputError, need_one_of
from nas.space.reading import read_document
from nas.space.references import resolve_references

Defaults = Mapping[str, Mapping[str, Any]]


def with_parts(document: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    """The document with every part it names among its own cells, called `inception_v3_b` there.

    Raises:
        InputError: no such network or part, or the document already has a cell of that name.
    """
    copies = _Copies(defaults)
    changed = {**document, "network": renamed(document.get("network"), "network", copies.local_name)}
    cells = document.get("cells")
    if isinstance(cells, Mapping):
        changed["cells"] = {key: renamed(cell, f"cells.{key}", copies.local_name) for key, cell in cells.items()}
    own = cells or {}
    for name in copies.cells:
        if name in own:
            raise InputError(f"cells.{name}: a part of a published network is copied under this name; choose another")
    return {**changed, "cells": {**changed.get("cells", {}), **copies.cells}} if copies.cells else changed


def alone(op: Mapping[str, Any], shape: Shape, classes: int) -> dict[str, Any]:
    """The document of a network that is one op, at an input of `shape`, and a classifier behind it."""
    head = [{"op": "global_pool"}, {"op": "linear", "width": "classes"}]
    return {"input": {"channels": shape[0], "size": list(shape[1:])}, "classes": classes, "network": [op, *head]}


@dataclass
class _Copies:
    """Parts copied so far, and how a place in the document names one."""

    defaults: Defaults
    cells: dict[str, Any] = field(default_factory=dict)

    def local_name(self, name: str, place: str) -> str:
        if "." not in name:
            return name
        network, _, part = name.partition(".")
        need_one_of(f"{place}.cell", "published network", network, published_names())
        need_one_of(f"{place}.cell", f"part of {network} called", part, _parts(network))
        return self._take(network, part)

    def _take(self, network: str, part: str) -> str:
        name = f"{network}_{part}"
        if name not in self.cells:
            self.cells[name] = None  # a cell that holds itself ends here, and is refused where it is read
            copy = _spelled_part(network, part, json.dumps(self.defaults))
            self.cells[name] = renamed(copy, name, lambda inner, _: self._take(network, inner))
        return name


@lru_cache(maxsize=64)
def _published(network: str) -> dict[str, Any]:
    document = read_document(published_path(network))["architecture"]
    document = resolve_references(varied(document))
    return with_parts(document, document.get("defaults") or {})


@lru_cache(maxsize=1024)
def _spelled_part(network: str, part: str, defaults: str) -> Any:
    """A part as it is written under the defaults of the document that takes it."""
    own = _published(network).get("defaults") or {}
    return spelled(_parts(network)[part], own, json.loads(defaults))


@lru_cache(maxsize=64)
def _parts(network: str) -> dict[str, Any]:
    """What can be taken from a published document, by name: its cells, then named ops that are no aux heads."""
    document = _published(network)
    named = {op["name"]: op for op in document["network"] if op.get("name") and op["op"] != "aux"}
    ops = {name: {key: value for key, value in op.items() if key != "name"} for name, op in named.items()}
    return {**ops, **(document.get("cells") or {})}


def renamed(node: Any, place: str, rename: Callable[[str, str], str]) -> Any:
    """A copy in which every cell op names its cell as `rename(name, place of the op)` says."""
    match node:
        case dict():
            copy = {key: renamed(value, f"{place}.{key}", rename) for key, value in node.items()}
            if node.get("op") == "cell" and isinstance(node.get("cell"), str) and not node["cell"].startswith("$"):
                copy["cell"] = rename(node["cell"], place)
            return copy
        case list():
            return [renamed(item, f"{place}.{index}", rename) for index, item in enumerate(node)]
        case _:
            return node


def spelled(node: Any, own: Defaults, other: Defaults) -> Any:
    """A copy in which every op means under the defaults `other` what it means under `own`."""
    match node:
        case {"op": str() as kind}:
            copy = {key: spelled(value, own, other) for key, value in node.items()}
            here, there = effective(kind, own), effective(kind, other)
            return copy | {key: value for key, value in here.items() if key not in node and value != there[key]}
        case dict():
            return {key: spelled(value, own, other) for key, value in node.items()}
        case list():
            return [spelled(item, own, other) for item in node]
        case _:
            return node


def effective(kind: str, defaults: Defaults) -> dict[str, Any]:
    """An op's optional fields as they are where it does not give them."""
    op = OPS[kind]
    read, given = readers(op), defaults.get(kind, {})
    return {
        key: plain(read[key](given[key], f"defaults.{kind}.{key}") if key in given else value)
        for key, value in f.defaults(op).items()
    }
