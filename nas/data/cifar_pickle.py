"""Reads CIFAR's Python files without running anything in them."""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from nas.data.images import Array
from nas.errors import InputError


class _Type:
    """Stands for a NumPy dtype; only unsigned bytes occur."""

    def __init__(self, code: bytes, align: int, copy: int) -> None:
        if code != b"u1":
            raise pickle.UnpicklingError(f"an array of {code!r}, not of bytes")

    def __setstate__(self, state: object) -> None:
        """Byte order and the like, of no meaning for single bytes."""


class _Array:
    """Stands for a NumPy array: keeps the shape and the bytes that the file gives for it."""

    shape: tuple[int, ...] = ()
    by_columns: bool = False
    content: bytes = b""

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Type, bool, bytes]) -> None:
        _, self.shape, _, self.by_columns, self.content = state

    def to_numpy(self) -> Array:
        return np.frombuffer(self.content, np.uint8).reshape(self.shape, order="F" if self.by_columns else "C")


def _empty_array(kind: object, shape: object, code: object) -> _Array:
    return _Array()


# the three names in a CIFAR file; what the file makes of them here can do nothing but hold bytes
NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR file does") from None


def read_pickle(content: bytes, place: str) -> dict[str, Any]:
    """The dictionary in a CIFAR batch or meta file, its arrays as NumPy arrays, its texts as bytes."""
    try:
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        return {key.decode(): value.to_numpy() if isinstance(value, _Array) else value for key, value in found.items()}
    except Exception as error:  # a damaged or hostile pickle can raise anything
        raise InputError(f"{place}: not a CIFAR file of the Python version: {error}") from error
