"""Tracking: who else hears of a search's candidates (``tracking=none|wandb``). The study itself is the truth."""

from collections.abc import Callable

from nas.tracking.background import InBackground
from nas.tracking.tracker import About, Picture, Table, Tracker
from nas.tracking.weights_and_biases import WandbTracker

__all__ = ["TRACKERS", "About", "InBackground", "Picture", "Table", "Tracker", "WandbTracker", "open_tracker"]

TRACKERS = ("none", "wandb")


def open_tracker(name: str, about: About, warn: Callable[[str], None]) -> Tracker:
    """One of `TRACKERS`, ready to be told of candidates.

    `warn` gets a line when something is amiss, possibly from another thread. Nothing is imported, contacted or
    written before the first candidate starts.
    """
    if name == "none":
        return Tracker()
    mirror = WandbTracker(about, warn)
    return InBackground(mirror, mirror.patience, warn)
