"""What there is to train on: GPUs that this process may use, or else the cores of the CPU."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from nas.errors import InputError, need_one_of
from nas.pool.events import ONE_DEVICE, Need

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
CPU, CUDA, MPS = "cpu", "cuda", "mps"

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container on Linux


@dataclass(frozen=True)
class Device:
    """One GPU, one part of a partitioned GPU (MIG), or one core."""

    kind: str  # CPU, CUDA or MPS
    id: str  # of a CUDA device: what stands for it in CUDA_VISIBLE_DEVICES

    @property
    def joins(self) -> bool:
        """Whether ranks can train together on it and others: CUDA shows a process one part of a GPU at most."""
        return self.kind != MPS and not self.id.startswith("MIG-")


@dataclass(frozen=True)
class Gpu:
    """What `nvidia-smi -L` says of one."""

    id: str
    parts: tuple[str, ...]  # ids of its MIG instances; empty: it is not partitioned


def find_devices(accelerator: str, slots: int | None = None, need: Need = ONE_DEVICE) -> tuple[Device, ...]:
    """The devices that `accelerator` (one of ACCELERATORS) means on this machine.

    GPUs are all that CUDA_VISIBLE_DEVICES leaves. A CPU has no devices to count: there is one for each core, and more
    where `slots` jobs of `need` at once take more.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    need_one_of("trainer.accelerator", "accelerator", accelerator, ACCELERATORS)
    if accelerator in ("auto", "gpu", "cuda"):
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        listing = _nvidia_smi()
        gpus = read_listing(listing)
        if ids := visible_gpus(gpus, visible):
            return tuple(Device(CUDA, id) for id in ids)
        if accelerator == "cuda" or (accelerator == "gpu" and not _has_mps()):
            hidden = "" if visible is None else f"; CUDA_VISIBLE_DEVICES={visible!r} leaves none of {len(gpus)}"
            said = " ".join(listing.split())[:200] or "nothing"
            raise InputError(
                f"trainer.accelerator: {accelerator!r} needs a GPU, and there is none here: nvidia-smi -L says: {said}"
                f"{hidden}. Without one there are: auto, cpu"
            )
    if accelerator != "cpu" and _has_mps():
        return (Device(MPS, "0"),)
    if accelerator == "mps":
        raise InputError("trainer.accelerator: 'mps' is of Apple's processors; this machine has another")
    wanted = math.ceil((slots or 1) * need.devices * need.share)
    return tuple(Device(CPU, str(number)) for number in range(max(cores(), wanted)))


def read_listing(text: str) -> list[Gpu]:
    """The GPUs of `nvidia-smi -L`: a line for each, followed by an indented line for each of its MIG instances."""
    gpus: list[Gpu] = []
    for line in text.splitlines():
        match = re.match(r"(GPU \d+:|\s+MIG ).*\(UUID: ([^)\s]+)\)", line)
        if match is None:
            continue
        kind, id = match.groups()
        if kind.startswith("GPU"):
            gpus.append(Gpu(id, ()))
        elif gpus:
            gpus[-1] = Gpu(gpus[-1].id, (*gpus[-1].parts, id))
    return gpus


def visible_gpus(gpus: Sequence[Gpu], visible: str | None) -> list[str]:
    """What CUDA_VISIBLE_DEVICES leaves of `gpus`, as entries for that variable; a partitioned GPU is its parts.

    CUDA's rules: numbers, or the ids of GPUs, or those of parts, ids also by their unambiguous beginnings; what follows
    an entry that means nothing is ignored; with an entry twice there is none at all. Numbers remain numbers where they
    can, because CUDA and nvidia-smi may count in different orders.
    """
    if visible is None:
        return [id for gpu in gpus for id in gpu.parts or (gpu.id,)]
    found: list[list[str]] = []
    entries = [entry.strip() for entry in visible.split(",")]
    kind = _kind_of(entries[0])
    for entry in entries:
        meant = _meant(entry, gpus) if _kind_of(entry) == kind else []
        if not meant:
            break
        if meant in found:
            return []
        found.append(meant)
    return [id for ids in found for id in ids]


def _kind_of(entry: str) -> str:
    return entry[:4] if entry.startswith(("GPU-", "MIG-")) else "number"


def _meant(entry: str, gpus: Sequence[Gpu]) -> list[str]:
    """The devices of one entry; none if it is not valid."""
    if entry.isdecimal():
        number = int(entry)
        if number >= len(gpus):
            return []
        return list(gpus[number].parts) or [str(number)]
    if _kind_of(entry) == "number":
        return []
    meant = [list(gpu.parts) or [gpu.id] for gpu in gpus if gpu.id.startswith(entry)]
    meant += [[part] for gpu in gpus for part in gpu.parts if part.startswith(entry)]
    return meant[0] if len(meant) == 1 else []


def _nvidia_smi() -> str:
    """What `nvidia-smi -L` prints, complaints too; empty where it is not installed."""
    if which("nvidia-smi") is None:
        return ""
    ended = subprocess.run(
        ["nvidia-smi", "-L"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ended.stdout


def _has_mps() -> bool:
    return platform.system() == "Darwin" and platform.machine() == "arm64"


def cores() -> int:
    """CPU cores that this process may use: its affinity, and a container's quota, which affinity does not show."""
    affinity = getattr(os, "sched_getaffinity", None)  # macOS has none
    count = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        microseconds, period = QUOTA.read_text().split()
        return max(1, min(count, round(int(microseconds) / int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return count
