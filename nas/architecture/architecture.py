"""`Architecture`: a network as a value, made from a document without holes and from nothing else."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.architecture import fields as f
from nas.architecture.fields import plain, readers
from nas.architecture.normal_form import digest
from nas.architecture.ops import OPS, Steps
from nas.architecture.parse import Scope, read_chain
from nas.architecture.parts import effective, with_parts
from nas.architecture.plan import Node, plan
from nas.architecture.published import published_path
from nas.architecture.shapes import Shape
from nas.architecture.variants import varied
from nas.errors import InputError, need_one_of, refuse_unknown
from nas.space.reading import check_data, read_document
from nas.space.references import resolve_references

KEYS = ("input", "classes", "width_multiplier", "defaults", "cells", "network")


@dataclass(frozen=True)
class Architecture:
    """A network without weights: typed ops, with the input and number of classes it was made for.

    Two are equal if they have the same ops, names included; `digest` tells whether they are the same network.
    """

    input: Shape
    classes: int
    network: Steps
    _written: "_Written" = field(repr=False, compare=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Architecture":
        """From the mapping under `architecture` (or a whole document that has one), as data.

        Raises:
            InputError: anything in it is unknown, missing, of the wrong kind, or does not fit its neighbours.
        """
        if isinstance(document, Mapping) and isinstance(document.get("architecture"), Mapping):
            document = document["architecture"]
        if not isinstance(document, Mapping):
            raise InputError(f"architecture: expected a mapping with {', '.join(KEYS)}; got {document!r:.60}")
        check_data(document, "architecture")
        refuse_unknown("architecture", "key", document, (*KEYS, "variants", "variant"))
        for key in ("input", "classes", "network"):
            if document.get(key) is None:
                raise InputError(f"architecture: needs {key}")
        document = resolve_references(varied(document))
        shape = _read_input(document["input"])
        classes = f.integer(1)(document["classes"], "architecture.classes")
        defaults = _read_defaults(f.optional_mapping(document, "defaults", "defaults"))
        document = with_parts(document, defaults)
        scope = Scope(
            cells=f.optional_mapping(document, "cells", "cells"),
            defaults=defaults,
            multipliers=f.multipliers(document, "architecture"),
        )
        network = read_chain(document["network"], "network", scope)
        architecture = cls(shape, classes, network, _Written(document, defaults, frozenset(scope.count.cells)))
        _ = architecture.plan  # a document that cannot be planned at its own input is refused here
        return architecture

    @classmethod
    def load(cls, source: str | Path, variant: str | None = None) -> "Architecture":
        """From a file (an architecture or a candidate document), or from the name of a published network.

        `variant` is one of those that the document offers, such as `small`.
        """
        path = published_path(str(source))
        document = read_document(path)
        if "architecture" not in document:
            raise InputError(f"{path}: no architecture in it; a document has the key 'architecture'")
        try:
            given = document["architecture"]
            chosen = isinstance(given, dict) and variant is not None
            return cls.from_document({**given, "variant": variant} if chosen else given)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def to_document(self) -> dict[str, Any]:
        """The mapping that `from_document` takes, with every default that it relies on written under `defaults`."""
        return _complete(self._written)

    @cached_property
    def plan(self) -> Node:
        """The plan at the architecture's own input and classes."""
        return plan(self.network, self.input, self.classes)

    @cached_property
    def digest(self) -> str:
        """16 hex digits: equal for equal networks, whatever their names, branch order and way of writing."""
        return digest(self.plan)


def _read_input(value: Any) -> Shape:
    if not isinstance(value, Mapping) or set(value) != {"channels", "size"}:
        raise InputError(f"architecture.input: expected {{channels: ..., size: ...}}; got {value!r:.60}")
    channels = f.integer(1)(value["channels"], "architecture.input.channels")
    return (channels, *f.pair(1)(value["size"], "architecture.input.size"))


def _read_defaults(value: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The document's own defaults by op; each value is read once here, so that an error names this place."""
    defaults: dict[str, dict[str, Any]] = {}
    for kind, given in value.items():
        need_one_of("defaults", "op", kind, OPS)
        optional = f.defaults(OPS[kind])
        for key, option in f.mapping(given, f"defaults.{kind}").items():
            need_one_of(f"defaults.{kind}", "optional field", key, optional)
            readers(OPS[kind])[key](option, f"defaults.{kind}.{key}")
        defaults[kind] = dict(given)
    return defaults


@dataclass(frozen=True)
class _Written:
    """What an architecture was read from: a document of its own, the defaults it gives, and the cells it uses."""

    document: Mapping[str, Any]
    defaults: Mapping[str, Mapping[str, Any]]
    cells: frozenset[str]


def _complete(written: _Written) -> dict[str, Any]:
    """The document with the defaults of every op in it spelled out, in a fixed order of keys.

    A cell that was not read, since nothing uses it, stays as it is.
    """
    document = written.document
    used = {kind for key in ("cells", "network") for kind in _kinds(document.get(key))}
    defaults = {kind: effective(kind, written.defaults) for kind, op in OPS.items() if kind in used and f.defaults(op)}
    complete = {**document, "defaults": defaults, "network": _spelled(document["network"])}
    if document.get("cells") is not None:
        cells = document["cells"].items()
        complete["cells"] = {name: _spelled(cell) if name in written.cells else cell for name, cell in cells}
    return {key: deepcopy(complete[key]) for key in KEYS if complete.get(key) is not None}


def _spelled(node: Any) -> Any:
    """Ops with each literal option in its full form, such as all fields of a norm where one was given."""
    match node:
        case {"op": str() as kind} if kind in OPS:
            read = readers(OPS[kind])
            return {
                key: plain(read[key](value, "")) if key in read and "$" not in str(value) else _spelled(value)
                for key, value in node.items()
            }
        case dict():
            return {key: _spelled(value) for key, value in node.items()}
        case list():
            return [_spelled(value) for value in node]
        case _:
            return node


def _kinds(node: Any) -> set[str]:
    match node:
        case dict():
            inside = {kind for value in node.values() for kind in _kinds(value)}
            return inside | {node["op"]} if isinstance(node.get("op"), str) else inside
        case list():
            return {kind for value in node for kind in _kinds(value)}
        case _:
            return set()
