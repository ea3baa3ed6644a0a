"""Joining a Ray cluster, or starting one on this machine, and counting what it has."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

import ray
from ray.exceptions import RayError

from nas.errors import InputError
from nas.pool.devices import CPU, CUDA, cores

OBJECT_STORE = 100 * 2**20  # bytes, of a cluster of our own; nothing large travels

CONNECT_SECONDS = 10.0


def join(address: str | None, *, least_cores: int, gpus: bool) -> None:
    """Join the cluster at `address` ("auto": the one that this machine belongs to), or start one here if it is None.

    That one has the cores of this machine, or `least_cores`, which may be more. Raises `InputError` if there is no such
    cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What Ray's nodes say goes to the terminal here, whatever log_to_driver says: forty lines for a lost one.
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None
    options: dict[str, Any] = {"address": address}
    if address is None:
        options = {
            "address": "local",  # whatever RAY_ADDRESS says
            "num_cpus": max(cores(), least_cores),
            "num_gpus": None if gpus else 0,  # None: those that Ray finds
            "object_store_memory": OBJECT_STORE,
            "include_dashboard": False,
        }
    try:
        if address is not None:
            _knock(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"pool.address: {address or 'null'}: no Ray cluster to be had there: {said:.400}") from None


def _knock(address: str) -> None:
    """Raise what is wrong with a host:port, as Ray would try for ever."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ValueError("expected auto, or host:port as 'ray start --head' names them")
    socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


def kind_of_devices(accelerator: str) -> str:
    """CUDA or CPU, as `accelerator` means for this cluster. Raises `InputError` if it asks for what is not there."""
    gpus = capacity("GPU", 1)
    if accelerator == "mps" or (accelerator in ("gpu", "cuda") and not gpus):
        raise InputError(
            f"trainer.accelerator: {accelerator!r} needs GPUs that Ray can give out; the cluster has {gpus} GPUs and "
            f"{capacity('CPU', 1)} cores. Without them there are: auto, cpu"
        )
    return CUDA if gpus and accelerator != "cpu" else CPU


def capacity(resource: str, amount: int) -> int:
    """How many actors that each hold so much of "CPU" or "GPU" fit on the nodes that are alive."""
    return sum(int(node["Resources"].get(resource, 0) // amount) for node in ray.nodes() if node["Alive"])


def cores_of_a_slot(kind: str, slots: int | None) -> int:
    """The cores shared out among the slots, each of which is on one node; None: as many slots as there can be."""
    slots = slots or capacity("GPU" if kind == CUDA else "CPU", 1) or 1
    most = max(1, capacity("CPU", 1) // slots)
    if kind == CUDA:
        return most
    return next((cores for cores in range(most, 1, -1) if capacity("CPU", cores) >= slots), 1)
