"""Reads files of weights, without running anything that is in them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nas.errors import InputError


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file (`.safetensors`) or a file of `torch.save`, by name, on the CPU.

    Raises:
        InputError: no such file, or one that is not weights alone.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]  # a training's checkpoint
    return checked(content, str(path))


def _safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file ({error})") from None


def _torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises almost anything, by what the bytes happen to look like
        raise InputError(f"{path}: cannot be read as weights alone ({type(error).__name__})") from error


def checked(content: object, place: str) -> dict[str, Tensor]:
    """A mapping of names to tensors as a dict. Raises `InputError` for anything else."""
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{place}: not weights, which are a mapping of names to tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(
                f"{place}: not weights, which are a mapping of names to tensors: {name!r:.80} is {value!r:.40}"
            )
    return dict(content)
