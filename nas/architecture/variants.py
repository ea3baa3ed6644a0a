"""Variants: named changes that a document offers of itself, such as a stem for small images.

`variants: {small: {input.size: 32, network.conv1.stride: 1, network.pool1: null}}` offers one, `variant: small` takes
it. A change sets the value at a path, as an override on the command line does; null takes out what is there.
"""

from collections.abc import Mapping
from typing import Any

from nas.errors import InputError, need_one_of
from nas.space.paths import removed, replaced


def varied(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of an architecture with its `variant` (a name, or a list of names) applied, and neither key.

    Raises:
        InputError: there is no such variant, or one of its paths leads nowhere.
    """
    offered = document.get("variants") or {}
    if not isinstance(offered, Mapping):
        raise InputError(f"architecture.variants: expected a mapping of names to changes; got {offered!r:.60}")
    chosen = document.get("variant")
    names = chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]
    changed = {key: value for key, value in document.items() if key not in ("variants", "variant")}
    for name in names:
        need_one_of("architecture.variant", "variant", name, offered)
        changed = _changed(changed, offered[name], f"architecture.variants.{name}")
    return changed


def _changed(document: dict[str, Any], changes: Any, place: str) -> dict[str, Any]:
    if not isinstance(changes, Mapping):
        raise InputError(f"{place}: expected a mapping of paths to values; got {changes!r:.60}")
    try:
        for path, value in changes.items():
            document = removed(document, path) if value is None else replaced(document, path, value)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    return document
