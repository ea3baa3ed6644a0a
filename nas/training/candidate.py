"""Trains a candidate document: what the children of a search run, and what retraining calls.

Importing this module runs no torch operation, so a fork server may preload it.
"""

import json
import time
from dataclasses import replace
from hashlib import sha256
from typing import Any

import torch

from nas.architecture import Architecture
from nas.data.images import ImageData, joined
from nas.errors import InputError
from nas.network import build_network, set_drop_path
from nas.training import ranks
from nas.training.checkpoint import save_weights
from nas.training.fit import fit
from nas.training.inheritance import inherit
from nas.training.job import Job
from nas.training.latency import LatencyLimit, OverLimit
from nas.training.proxies import proxies
from nas.training.recipe import Training
from nas.training.reduced import reduced
from nas.training.result import Reporter, Result, Score, TooSlow
from nas.training.seeds import derived_seed
from nas.training.starting import fingerprint
from nas.weights import load_weights


def run(job: Job, report: Reporter, threads: int) -> Result | TooSlow | Score:
    """What a child of the pool does: trains the candidate, as one of several ranks if need be, or scores it."""
    if job.proxy is not None:
        started = time.perf_counter()
        found = proxies(job.document, job.data, [job.proxy], threads=threads, accelerator=job.accelerator)
        return Score(found[job.proxy], time.perf_counter() - started)
    try:
        return train_candidate(job, threads, report)
    except OverLimit as over:
        return over.found


def train_candidate(job: Job, threads: int, report: Reporter | None = None) -> Result:
    """Builds and trains the network of the job's document, as `fit` does.

    On a CPU, the same document, data, threads, devices and micro-batch give the same numbers to the last digit. Sets
    the number of torch's threads in this process.

    Raises `InputError` for a document that cannot be built, `OverLimit` for a network that is too slow, and what
    `fit` raises.
    """
    torch.set_num_threads(threads)
    architecture = Architecture.from_document(job.document["architecture"])
    training = Training.from_document(job.document.get("training", {}))
    seed = job.document.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"seed: {seed!r} is not a whole number")
    images = _images(job)
    torch.manual_seed(derived_seed(seed, "weights"))
    network = build_network(
        architecture, in_channels=images.channels, classes=images.classes, input_size=images.size, aux=True
    ).to(memory_format=torch.channels_last)
    set_drop_path(network, training.drop_path)
    identity: list[Any] = [architecture.to_document(), training.to_document(), seed, images.fingerprint]
    if job.start is not None:
        load_weights(network, job.start, head=None)
        identity.append(fingerprint(job.start))
    if job.parents:
        inherit(network, job.parents)
    limit = None
    if job.latency_limit is not None:
        begun = job.checkpoint is not None and job.checkpoint.exists()  # it was fast enough then; measurements vary
        limit = LatencyLimit(job.latency_limit, (job.latency_batch, images.channels, *images.size), refuse=not begun)
    result, trained = fit(
        network,
        images,
        training,
        seed=seed,
        aux_weights=network.aux_weights,
        accelerator=job.accelerator,
        devices=job.devices,
        precision=job.precision,
        micro_batch=job.micro_batch,
        sync_batch_norm=job.sync_batch_norm,
        graphs=job.graphs,
        report=report,
        checkpoint=job.checkpoint,
        candidate=sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        test=job.test,
        callbacks=[limit] if limit else [],
    )
    if job.weights is not None and result.complete and ranks.is_first(job.devices):
        save_weights(job.weights, trained)
    return replace(result, latency=limit.latency) if limit else result


def _images(job: Job) -> ImageData:
    data = joined(job.data()) if job.join else job.data()
    return data if job.size is None and job.share == 1.0 else reduced(data, job.size, job.share)
