"""Tracking: who else hears of a search's candidates (``tracking=none|wandb``). The study itself is the truth."""

from collections.abc import Callable
from pathlib import Path

from nas.errors import unknown
from nas.tracking.background import InBackground
from nas.tracking.tracker import NoTracker, Tracker
from nas.tracking.weights_and_biases import WandbTracker

__all__ = ["TRACKERS", "InBackground", "NoTracker", "Tracker", "WandbTracker", "open_tracker"]

TRACKERS = ("none", "wandb")


def open_tracker(
    name: str,
    *,
    study: str,
    identity: str,
    folder: Path,
    warn: Callable[[str], None],
    patience: float = 15.0,
) -> Tracker:
    """The tracker called `name`, ready to be told of candidates.

    `identity` is unique to this study for all time (two studies may share a name), `folder` is the study's folder.
    `warn` gets a line when something is amiss, possibly from another thread. Nothing is imported, contacted or
    written before the first candidate starts. Raises `InputError` if there is no tracker `name`.
    """
    match name:
        case "none":
            return NoTracker()
        case "wandb":
            mirror = WandbTracker(study, identity, folder, patience=patience, warn=warn)
            return InBackground(mirror, hurry=mirror.hurry, patience=patience, warn=warn)
    raise unknown("tracking", "tracking", name, TRACKERS)
