"""Trains a candidate document: the function that children of a search run, and that retraining calls.

Importing this module runs no torch operation, so a fork server may preload it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from nas.architecture import Architecture
from nas.data.images import ImageData
from nas.errors import InputError
from nas.network import build_network, set_drop_path
from nas.training import ranks
from nas.training.checkpoint import save_weights
from nas.training.fit import fit
from nas.training.inheritance import inherit
from nas.training.latency import LatencyLimit
from nas.training.recipe import Training
from nas.training.result import Report, Result
from nas.training.seeds import derived_seed
from nas.training.starting import fingerprint
from nas.weights import load_weights


def train_candidate(
    document: Mapping[str, Any],
    data: Callable[[], ImageData],
    *,
    threads: int,
    accelerator: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
    micro_batch: int | None = None,
    sync_batch_norm: bool = False,
    graphs: bool = True,
    latency_limit: float | None = None,
    latency_batch: int = 1,
    report: Report | None = None,
    checkpoint: Path | None = None,
    weights: Path | None = None,
    start: Path | None = None,
    test: bool = False,
    parents: Sequence[Path] = (),
) -> Result:
    """Builds and trains the document's network on `data()`.

    On a CPU, the same document, data, threads, devices and micro-batch give the same numbers to the last digit. Sets
    the number of torch's threads in this process. `devices`, `micro_batch`, `sync_batch_norm`, `graphs`, `report`,
    `checkpoint` and `test` are those of `fit`; the final weights (averaged ones with EMA) are written to `weights`,
    unless `report` ended the training. `start` is a file of weights to begin with, `load_weights`' with `head=None`,
    instead of drawn ones.

    With `parents`, files of such weights, the training begins with those of the one that it shares most with.

    With a `latency_limit`, in milliseconds per batch of `latency_batch` images, the network is measured first.

    Raises `InputError` for a document that cannot be built, `OverLimit` for a network that is too slow, and what
    `fit` raises.
    """
    torch.set_num_threads(threads)
    architecture = Architecture.from_document(document["architecture"])
    training = Training.from_document(document.get("training", {}))
    seed = document.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"seed: {seed!r} is not a whole number")
    images = data()
    torch.manual_seed(derived_seed(seed, "weights"))
    network = build_network(
        architecture, in_channels=images.channels, classes=images.classes, input_size=images.size, aux=True
    ).to(memory_format=torch.channels_last)
    set_drop_path(network, training.drop_path)
    identity: list[Any] = [architecture.to_document(), training.to_document(), seed, images.fingerprint]
    if start is not None:
        load_weights(network, start, head=None)
        identity.append(fingerprint(start))
    if parents:
        inherit(network, parents)
    limit = None
    if latency_limit is not None:
        begun = checkpoint is not None and checkpoint.exists()  # it was fast enough then; measurements vary
        limit = LatencyLimit(latency_limit, (latency_batch, images.channels, *images.size), refuse=not begun)
    result, trained = fit(
        network,
        images,
        training,
        seed=seed,
        aux_weights=network.aux_weights,
        accelerator=accelerator,
        devices=devices,
        precision=precision,
        micro_batch=micro_batch,
        sync_batch_norm=sync_batch_norm,
        graphs=graphs,
        report=report,
        checkpoint=checkpoint,
        candidate=sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        test=test,
        callbacks=[limit] if limit else [],
    )
    if weights is not None and result.complete and ranks.is_first(devices):
        save_weights(weights, trained)
    return replace(result, latency=limit.latency) if limit else result
