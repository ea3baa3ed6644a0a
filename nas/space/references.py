"""References: `{ref: path}` stands for another value of the document, as it is or scaled.

They are resolved after sampling, so a reference to a hole always has the hole's sampled value.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.errors import InputError, refuse_unknown
from nas.space.paths import find, item_path, join
from nas.space.reading import MAX_DEPTH, MAX_NODES

SCALING = ("times", "multiple_of", "minimum")
MAX_SCALING = 1_000_000


def is_reference(node: object) -> bool:
    return isinstance(node, Mapping) and "ref" in node


def scaled(value: int, times: float = 1.0, multiple_of: int = 1, minimum: int = 1) -> int:
    """`value · times` rounded down to a multiple of `multiple_of`, but at least that and `minimum`; 0 stays 0.

    >>> scaled(192, 0.5), scaled(100, 0.29), scaled(24, 0.5, multiple_of=8), scaled(10, 0.1, minimum=16), scaled(0, 2)
    (96, 29, 8, 16, 0)
    """
    if value == 0:
        return 0
    whole = math.floor(value * times / multiple_of + 1e-9) * multiple_of
    return max(whole, multiple_of, minimum)


def read_scaling(node: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The arguments of `scaled` that `node` gives. Raises `InputError` unless they are positive and sensible."""
    scaling = {key: node[key] for key in SCALING if key in node}
    for key, value in scaling.items():
        whole = key != "times"
        right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not right or not 0 < value <= MAX_SCALING:
            kind = "integer" if whole else "number"
            raise InputError(f"{place}.{key}: expected a positive {kind} of at most {MAX_SCALING}; got {value!r:.60}")
    return scaling


def resolve_references(document: Any) -> Any:
    """A copy of a document without holes in which every reference is replaced by what it names.

    Raises:
        InputError: the path leads nowhere, references run in a circle, a scaled value is no integer, or the document
            grows beyond all bounds.
    """
    return _Resolving(document).resolve(document, "", (), 0)


@dataclass
class _Resolving:
    """One pass over `root`; counts what it makes, since references to references multiply."""

    root: Any
    values: int = 0

    def resolve(self, node: Any, path: str, above: tuple[str, ...], depth: int) -> Any:
        self.values += 1
        if self.values > MAX_NODES or depth > MAX_DEPTH:
            bound = f"{MAX_NODES} values" if self.values > MAX_NODES else f"{MAX_DEPTH} levels"
            raise InputError(f"{path}: more than {bound} once references are put in")
        match node:
            case {"ref": target}:
                return self.look_up(node, target, path, above, depth)
            case dict():
                return {key: self.resolve(value, join(path, key), above, depth + 1) for key, value in node.items()}
            case list():
                return [self.resolve(value, item_path(path, value), above, depth + 1) for value in node]
            case _:
                return node

    def look_up(self, node: Mapping[str, Any], target: object, path: str, above: tuple[str, ...], depth: int) -> Any:
        refuse_unknown(path, "field of a reference", node, ("ref", *SCALING))
        if not isinstance(target, str):
            raise InputError(f"{path}.ref: expected a path such as cells.normal.width; got {target!r:.60}")
        if target in above:
            raise InputError(f"{path}: references run in a circle: {' → '.join((*above, target))}")
        try:
            found = find(self.root, target)
        except InputError as error:
            raise InputError(f"{path}: the reference to {target!r} leads nowhere: {error}") from None
        value = self.resolve(found, target, (*above, target), depth + 1)
        scaling = read_scaling(node, path)
        if not scaling:
            return value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SCALING:
            raise InputError(f"{path}: {target!r} is {value!r:.60}; only 0 to {MAX_SCALING} can be scaled")
        return scaled(value, **scaling)
