"""Small documents that many tests start from."""

from typing import Any

from nas.architecture import Architecture

HEAD = [{"op": "global_pool"}, {"op": "linear", "width": "classes"}]
FLAT_HEAD = [{"op": "flatten"}, {"op": "linear", "width": "classes"}]


def conv(width: int = 8, kernel: Any = 3, **fields: Any) -> dict[str, Any]:
    return {"op": "conv", "width": width, "kernel": kernel, **fields}


def side_by_side(**branches: Any) -> dict[str, Any]:
    return {"op": "branches", "branches": branches}


def document(*ops: Any, channels: int = 3, size: Any = 8, classes: int = 5, **keys: Any) -> dict[str, Any]:
    """An architecture of these ops, ending as they end."""
    return {"input": {"channels": channels, "size": size}, "classes": classes, **keys, "network": list(ops)}


def build(*ops: Any, **keys: Any) -> Architecture:
    """The architecture of these ops with a head behind them."""
    return Architecture.from_document(document(*ops, *HEAD, **keys))
