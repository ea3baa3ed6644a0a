"""What a child of the pool is given to train; the driver makes it, so nothing here imports torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.images import ImageData

PROXIES = ("synflow", "naswot", "grad_norm", "snip", "zen")
"""The names that `nas.training.proxies` knows."""


@dataclass(frozen=True)
class Job:
    """One candidate document, and where and how to train it; what is not explained here is in `nas.training.fit`."""

    document: Mapping[str, Any]
    data: Callable[[], ImageData]
    accelerator: str = "auto"
    precision: str = "32-true"
    checkpoint: Path | None = None
    """Written after every epoch, and continued from where it exists."""
    devices: int = 1
    """As many ranks run the same job."""
    micro_batch: int | None = None
    sync_batch_norm: bool = False
    graphs: bool = True
    latency_limit: float | None = None
    """In milliseconds per batch of `latency_batch` images: the network is measured first; if over it, not trained."""
    latency_batch: int = 1
    test: bool = False
    """Whether the test split is read once it has been trained; its finished checkpoint is not trained further."""
    weights: Path | None = None
    """Where the final weights (averaged ones with EMA) are written, unless the training is ended before."""
    start: Path | None = None
    """Weights that it begins with in place of drawn ones, as `nas.weights.load_weights` takes them with `head=None`."""
    join: bool = False
    """Whether it is trained on the validation images, too."""
    size: int | None = None
    """Pixels of the images' shorter side, for a training on smaller ones; the document has the same input."""
    share: float = 1.0
    """Of the training images."""
    parents: tuple[Path, ...] = ()
    """Weights of trained candidates; the training begins with those of the one that it shares most with."""
    proxy: str | None = None
    """One of `PROXIES`: the candidate is scored by it, untrained."""
