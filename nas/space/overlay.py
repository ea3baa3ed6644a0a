"""What a space sets itself, laid over its parts: a hole is replaced whole, where OmegaConf would merge two mappings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas.errors import InputError
from nas.space.conditions import is_open


def overlaid(parts: Any, own: Any) -> Any:
    """`parts` with the values of `own` set over them; mappings without a hole on either side are merged."""
    if not isinstance(own, Mapping) or not isinstance(parts, Mapping) or is_open(own) or is_open(parts):
        return own
    return {**parts, **{key: overlaid(parts[key], value) if key in parts else value for key, value in own.items()}}


def refuse_merged(composed: Any, written: Sequence[Any], place: str) -> None:
    """Raises `InputError` if a hole of the composed parts is none of those that are `written` in one of them."""
    holes = [hole for part in written for hole in _holes(part)]
    for hole_place, hole in _placed_holes(composed, place):
        if hole not in holes:
            raise InputError(f"{hole_place}: two parts of the space fill it, at least one with a hole; one of them can")


def _holes(node: Any) -> Iterator[Any]:
    return (hole for _, hole in _placed_holes(node, ""))


def _placed_holes(node: Any, place: str) -> Iterator[tuple[str, Any]]:
    match node:
        case dict():
            if is_open(node):
                yield place, node
            for key, value in node.items():
                yield from _placed_holes(value, f"{place}.{key}")
        case list():
            for index, item in enumerate(node):
                yield from _placed_holes(item, f"{place}.{index}")
