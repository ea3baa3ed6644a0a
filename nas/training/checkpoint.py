"""Checkpoints and weights on disk: written whole or not at all, read without running anything that is in them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import InputError
from nas.training.result import UnreadableCheckpoint

FORMAT = "nas training checkpoint 1"


def save_checkpoint(path: Path, candidate: str, content: Mapping[str, Any]) -> None:
    """Replaces the checkpoint at `path`; `candidate` says whose it is. OSError if it cannot be written."""
    _write({"format": FORMAT, "candidate": candidate, **content}, path)


def load_checkpoint(path: Path, candidate: str) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU.

    Raises `UnreadableCheckpoint` for any other file, `InputError` for another candidate's checkpoint.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises almost anything, by what the bytes happen to look like
        raise UnreadableCheckpoint(f"{path}: cannot be read as a checkpoint ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise UnreadableCheckpoint(f"{path}: not a checkpoint, but a {type(content).__name__}")
    if content.get("format") != FORMAT:
        raise UnreadableCheckpoint(f"{path}: not a checkpoint of a training (its format is {content.get('format')!r})")
    if content["candidate"] != candidate:
        raise InputError(f"{path}: the checkpoint of another candidate, recipe, seed or data set; remove it")
    return content


def save_weights(path: Path, network: nn.Module) -> None:
    """The network's state dict, for `torch.load(path, weights_only=True)`, in torch's default memory format."""
    _write({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}, path)


def _write(content: Mapping[str, Any], path: Path) -> None:
    """Raises OSError that names the path; what was there before stays then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:  # a path would be written by torch, which does not say why it cannot
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing in it
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        for reason in (error, error.__context__):  # on top of it, torch may complain that the file is short
            if isinstance(reason, OSError):
                raise OSError(reason.errno, reason.strerror, str(path)) from error
        raise
