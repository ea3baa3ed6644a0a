"""An architecture: the typed, frozen value that a document without holes becomes."""

from nas.architecture.architecture import Architecture

__all__ = ["Architecture"]
