"""Neural architecture search for Inception-style networks."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nas.export.loading import backbone, load

__all__ = ["backbone", "load"]


def __getattr__(name: str) -> Any:
    """`load` and `backbone`, which need torch, where they are first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nas.export import loading

    return getattr(loading, name)
