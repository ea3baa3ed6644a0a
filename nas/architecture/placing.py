"""Places found cells in another network: a skeleton is a document in which `cell` ops name no cell yet.

Such an op is a place, called `stage_1` or `reduction_2`; it has a depth and the width that its cell is to have. A
document's cells go where the ops of its own network of the same name stand, a published cell where it is sent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import search_spaces
from nas.architecture import fields as f
from nas.architecture.architecture import Architecture
from nas.architecture.ops import Cell
from nas.architecture.parse import words
from nas.architecture.parts import alone, renamed, spelled, with_parts
from nas.architecture.published import is_path, published_names, published_path
from nas.architecture.shapes import Shape
from nas.architecture.variants import varied
from nas.errors import InputError, need_one_of, refuse_unknown
from nas.space.filling import used_cells
from nas.space.reading import read_document
from nas.space.references import resolve_references

FOLDER = Path(search_spaces.__file__).parent / "skeletons"

ABSOLUTE = re.compile(r'"(width|of)": \d|"(values|each|default_values)": \{[^}]*\d')
"""A width in a written cell that is a number, not a share of what comes in."""


def skeleton_names() -> list[str]:
    """The skeletons that can be asked for by name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def skeleton_path(source: str | None) -> Path:
    """The file that `source` means: a shipped skeleton, or itself. Raises `InputError` if there is none."""
    if source is None:
        listed = ", ".join(skeleton_names())
        raise InputError(f"architecture: cells need a skeleton to be placed in, a file or one of {listed}")
    if is_path(source):
        return published_path(source)
    need_one_of("architecture", "skeleton", source, skeleton_names())
    return FOLDER / f"{source}.yaml"


@dataclass(frozen=True)
class Source:
    """A document whose cells are taken, or one published cell (`single`)."""

    name: str
    written: Mapping[str, Any]
    """The whole document: its recipe and record too."""
    single: bool = False

    @cached_property
    def architecture(self) -> Architecture:
        try:
            return Architecture.from_document(self.written["architecture"])
        except InputError as error:
            raise InputError(f"cell: {self.name}: {error}") from None

    @cached_property
    def document(self) -> dict[str, Any]:
        return self.architecture.to_document()

    @cached_property
    def ops(self) -> dict[str, dict[str, Any]]:
        """The ops of its network's own chain that use a cell, by name."""
        return {op["name"]: op for op in _chain(self.document["network"]) if op["op"] == "cell" and op.get("name")}

    def op_for(self, place: str, op: Mapping[str, Any]) -> Mapping[str, Any]:
        """The op whose cell the place takes: the one it names, that of its name, or that of all others of its kind."""
        found = self.document.get("cells") or {}
        if "cell" in op:
            need_one_of(f"network.{place}.cell", f"cell in {self.name} called", op["cell"], found)
            return next((own for own in self.ops.values() if own["cell"] == op["cell"]), {"cell": op["cell"]})
        if self.single or place in self.ops:
            return next(iter(self.ops.values())) if self.single else self.ops[place]
        alike = [own for name, own in self.ops.items() if kind(name) == kind(place)]
        if len({own["cell"] for own in alike}) == 1:
            return alike[0]
        there = ", ".join(f"{name} ({own['cell']})" for name, own in self.ops.items()) or "none"
        raise InputError(
            f"network.{place}: {self.name} has no op of this name that uses a cell; it has {there}. Choose one of its "
            f"cells with architecture.network.{place}.cell=..."
        )

    def own_width(self, own: Mapping[str, Any], place: str) -> int:
        """The width that comes out of an op, without the multipliers of the document and of its ops."""
        if own.get("name") not in self.ops:
            raise InputError(
                f"network.{place}: no op of {self.name}'s network uses the cell {own['cell']!r} by itself, so there is "
                f"no width to scale; give architecture.network.{place}.width_multiplier"
            )
        network = [_without(op, "width_multiplier") for op in _chain(self.document["network"])]
        plain = Architecture.from_document({**_without(self.document, "width_multiplier"), "network": network})
        return next(node.output[0] for node in plain.plan.children if node.name == own["name"])


def read_source(name: str) -> Source:
    """What `cell=name` means: a file, or a cell of a published network, such as `inception_v3.a`."""
    if is_path(name) or "." not in name:
        path = published_path(name)
        document = read_document(path)
        if not isinstance(document.get("architecture"), Mapping):
            raise InputError(f"cell: {path}: no architecture in it, so no cells either")
        return Source(name, document)
    network, _, part = name.partition(".")
    need_one_of("cell", "published network", network, published_names())
    document = alone({"op": "cell", "name": "cell", "cell": name}, own_input(network, part), classes=2)
    return Source(name, {"architecture": document}, single=True)


def own_input(network: str, part: str) -> Shape:
    """What comes into a part of a published network where that uses it first. Raises `InputError` if nowhere."""
    plan = Architecture.load(network).plan
    cells = [node for node in plan.walk() if isinstance(node.op, Cell) and node.op.cell == part]
    for node in (*cells, *plan.children):
        if node in cells or node.name == part:
            return node.input
    raise InputError(f"cell: {network}.{part}: the network has no such cell, or does not use it by itself")


def kind(place: str) -> str:
    """What places share that are numbered.

    >>> kind("stage_1"), kind("reduction_12"), kind("stage")
    ('stage', 'reduction', 'stage')
    """
    return re.sub(r"_?\d+$", "", place)


def read_sources(given: Any) -> dict[str, Source]:
    """What `cell=` gives: sources by the place or kind of places (`stage`) they are for; "" is for all places."""
    if isinstance(given, str):
        source = read_source(given)
        return {"stage" if source.single else "": source}
    if not isinstance(given, Mapping) or not given or not all(isinstance(name, str) for name in given.values()):
        raise InputError(f"cell: expected a source, or sources by place, {{stage: inception_v3.a}}; got {given!r:.80}")
    return {str(place): read_source(name) for place, name in given.items()}


def placed(skeleton: Mapping[str, Any], sources: Mapping[str, Source]) -> dict[str, Any]:
    """The document of the skeleton (what is under `architecture`) with a cell in every place.

    A cell that takes a value `width` is given the place's, and what it has of widths in numbers stays; the widths of
    any other are multiplied so that, in its own network, as much would come out of it. All else that is said of the
    cell where it was found comes along, but its depth. `sources` are those of `read_sources`.

    Raises:
        InputError: there is no place, a place has no cell, a source has no place, or a cell does not fit its place.
    """
    defaults = f.optional_mapping(skeleton, "defaults", "defaults")
    defaults = {op: f.optional_mapping(defaults, op, f"defaults.{op}") for op in defaults}
    skeleton = with_parts(resolve_references(varied(skeleton)), defaults)
    own = f.optional_mapping(skeleton, "cells", "cells")
    chain = _chain(skeleton.get("network"))
    places = {op["name"]: op for op in chain if _is_place(op, own)}
    if not places:
        shipped = ", ".join(skeleton_names())
        raise InputError(
            f"architecture: no place for a cell, an op {{op: cell, name: ...}}; those have some: {shipped}"
        )
    refuse_unknown("cell", "place", filter(None, sources), sorted({*places, *map(kind, places)}))
    copies = _Copies(dict(own), defaults)
    filled = {}
    for name, op in places.items():
        source = sources.get(name) or sources.get(kind(name)) or sources.get("")
        if source is None:
            raise InputError(
                f"network.{name}: no cell is given for it; give sources by place, such as "
                "cell={stage: inception_v3.a, reduction: inception_v3.a_to_b}"
            )
        filled[name] = copies.filled(name, op, source)
    network = [filled[op["name"]] if _is_place(op, own) else op for op in chain]
    return {**skeleton, "cells": copies.cells, "network": network}


def _is_place(op: Any, cells: Mapping[str, Any]) -> bool:
    """Whether an op is to use a cell that the skeleton does not have."""
    if not isinstance(op, Mapping) or op.get("op") != "cell" or not isinstance(op.get("name"), str):
        return False
    return "cell" not in op or (isinstance(op["cell"], str) and op["cell"] not in cells)


@dataclass
class _Copies:
    """The cells of the skeleton, to which found ones are added, spelled out under its defaults."""

    cells: dict[str, Any]
    defaults: Mapping[str, Any]
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    """What the cell of a source is called here."""

    def filled(self, name: str, place: Mapping[str, Any], source: Source) -> dict[str, Any]:
        """The op in the place."""
        own = source.op_for(name, place)
        found = source.document.get("cells") or {}
        used = _used(own, found)
        text = json.dumps([found[cell] for cell in used])
        given = f.optional_mapping(place, "values", f"network.{name}.values")
        values = {**own.get("values", {}), **given}
        op = {"op": "cell", "name": name, **_without(own, "name", "depth"), **place}
        if "width" in given and "width" not in words(found[own["cell"]]):
            width = f.integer(1)(values.pop("width"), f"network.{name}.values.width")
            if "width_multiplier" not in place and ABSOLUTE.search(text):
                scalings = (*f.multipliers(source.document, source.name), *f.multipliers(own, source.name))
                rounding = {key: value for scaling in scalings for key, value in scaling.items()}
                op["width_multiplier"] = {**rounding, "times": width / source.own_width(own, name)}
        new = [cell for cell in used if (source.name, cell) not in self.names]
        for cell in new:
            self.names[source.name, cell] = self._reserved(cell)
        here = {cell: self.names[source.name, cell] for cell in used}
        if '"cell": "$' in text and any(old != now for old, now in here.items()):
            raise InputError(f"network.{name}: the skeleton has a cell called as one of {source.name}'s; rename one")
        for cell in new:
            copy = spelled(found[cell], source.document.get("defaults") or {}, self.defaults)
            self.cells[here[cell]] = renamed(copy, "", lambda inner, _: here.get(inner, inner))
        op = _without(op, "values") | ({"values": values} if values else {})
        return {**op, "cell": here[own["cell"]]}

    def _reserved(self, cell: str) -> str:
        """A name for a cell that no other has, its own if that is free."""
        names = (cell, *(f"{cell}_{number}" for number in range(2, len(self.cells) + 3)))
        free = next(name for name in names if name not in self.cells)
        self.cells[free] = None
        return free


def _used(op: Mapping[str, Any], cells: Mapping[str, Any]) -> list[str]:
    """The cells that an op uses, and those that they use."""
    used: dict[str, None] = {}
    waiting = list(used_cells(op))
    while waiting:
        name = waiting.pop(0)
        if name in cells and name not in used:
            used[name] = None
            waiting.extend(used_cells(cells[name]))
    return list(used)


def _chain(network: Any) -> list[Any]:
    return network if isinstance(network, list) else [network]


def _without(mapping: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}
