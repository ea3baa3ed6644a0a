"""Checkpoints on disk: written whole or not at all, read without running anything that is in them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import InputError

FORMAT = "nas training checkpoint 1"


def _write(content: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    torch.save(content, part)
    os.replace(part, path)


def save_checkpoint(path: Path, candidate: str, content: Mapping[str, Any]) -> None:
    """Replaces the checkpoint at `path`; `candidate` says whose it is."""
    _write({"format": FORMAT, "candidate": candidate, **content}, path)


def load_checkpoint(path: Path, candidate: str) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU. `InputError` for any other file, or another candidate's."""
    content = _read(path, "checkpoint")
    if content.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of a training (its format is {content.get('format')!r})")
    if content["candidate"] != candidate:
        raise InputError(f"{path}: the checkpoint of another candidate, recipe, seed or data set; remove it")
    return content


def _read(path: Path, kind: str) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises almost anything, by what the bytes happen to look like
        raise InputError(f"{path}: cannot be read as a {kind} ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a {kind}, but a {type(content).__name__}")
    return content


def save_weights(path: Path, network: nn.Module) -> None:
    """The network's state dict, for `torch.load(path, weights_only=True)`, in torch's default memory format."""
    _write({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}, path)


def load_weights(path: Path, network: nn.Module) -> None:
    """Fills `network` from `save_weights`' file; `InputError` if it is not one or of another network."""
    try:
        network.load_state_dict(_read(path, "file of weights"))
    except RuntimeError as error:
        raise InputError(f"{path}: the weights of another network ({error})") from error
