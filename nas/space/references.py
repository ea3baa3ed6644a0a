"""References: `{ref: path}` stands for another value of the document, as it is or scaled.

They are resolved after sampling, so a reference to a hole always has the hole's sampled value.
"""

import math
from collections.abc import Mapping
from typing import Any

from nas.errors import InputError, unknown
from nas.space.paths import find, item_path, join

SCALING = ("times", "multiple_of", "minimum")


def is_reference(node: object) -> bool:
    return isinstance(node, Mapping) and "ref" in node


def scaled(value: int, times: float = 1.0, multiple_of: int = 1, minimum: int = 0) -> int:
    """`value · times` rounded down to a multiple of `multiple_of`, but at least that and `minimum`.

    >>> scaled(192, 0.5), scaled(100, 0.29), scaled(24, 0.5, multiple_of=8), scaled(10, 0.1, minimum=16)
    (96, 29, 8, 16)
    """
    whole = math.floor(value * times / multiple_of + 1e-9) * multiple_of
    return max(whole, multiple_of, minimum)


def read_scaling(node: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The arguments of `scaled` that `node` gives. Raises `InputError` where they are no positive numbers."""
    scaling = {key: node[key] for key in SCALING if key in node}
    for key, value in scaling.items():
        whole = key != "times"
        right = isinstance(value, int) or (isinstance(value, float) and not whole and math.isfinite(value))
        if not right or isinstance(value, bool) or value <= 0:
            raise InputError(f"{place}.{key}: expected a positive {'integer' if whole else 'number'}; got {value!r}")
    return scaling


def resolve_references(document: Any) -> Any:
    """A copy of a document without holes in which every reference is replaced by what it names.

    Raises:
        InputError: the path leads nowhere, references run in a circle, or a scaled value is no integer.
    """
    return _resolve(document, document, "", ())


def _resolve(node: Any, root: Any, path: str, above: tuple[str, ...]) -> Any:
    match node:
        case {"ref": target}:
            return _look_up(node, target, root, path, above)
        case dict():
            return {key: _resolve(value, root, join(path, key), above) for key, value in node.items()}
        case list():
            return [_resolve(value, root, item_path(path, value), above) for value in node]
        case _:
            return node


def _look_up(node: Mapping[str, Any], target: object, root: Any, path: str, above: tuple[str, ...]) -> Any:
    for key in node:
        if key not in ("ref", *SCALING):
            raise unknown(path, "field of a reference", key, ("ref", *SCALING))
    if not isinstance(target, str):
        raise InputError(f"{path}.ref: expected the path of a value, such as cells.normal.width; got {target!r}")
    if target in above:
        raise InputError(f"{path}: references run in a circle: {' → '.join((*above, target))}")
    try:
        value = _resolve(find(root, target), root, target, (*above, target))
    except InputError as error:
        raise InputError(f"{path}: the reference to {target!r} leads nowhere: {error}") from None
    scaling = read_scaling(node, path)
    if not scaling:
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{path}: {target!r} is {value!r}; only integers can be scaled")
    return scaled(value, **scaling)
