"""Where a study keeps weights: those of the best candidates of its search, and those of the winner of its finals."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from nas.architecture import Architecture
from nas.training.recipe import Training

WEIGHTS = "weights"
"""The folder in a study's folder."""


def trial_weights(folder: Path, number: int) -> Path:
    """The file for what a trial of a study has trained."""
    return folder / WEIGHTS / f"{number:04d}.pt"


def kept_trials(folder: Path) -> list[int]:
    """The trials of a study whose weights are there."""
    return [int(path.stem) for path in (folder / WEIGHTS).glob("*.pt") if path.stem.isdecimal()]


def forget_weights(folder: Path, numbers: Iterable[int]) -> None:
    """Removes those of these trials, if there are any."""
    for number in numbers:
        trial_weights(folder, number).unlink(missing_ok=True)


def kept_weights(folder: Path, document: Mapping[str, Any]) -> Path:
    """The file for a candidate document of a study: that of its trial, or by network, recipe and seed if its record
    says that the finals have trained it anew, or if it has none."""
    match document.get("record"):
        case {"trial": int(number), **rest} if "chosen" not in rest:
            return trial_weights(folder, number)
    written = [
        Architecture.from_document(document["architecture"]).to_document(),
        Training.from_document(document.get("training") or {}).to_document(),
        document.get("seed"),
    ]
    key = sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:16]
    return folder / WEIGHTS / f"{key}.pt"
