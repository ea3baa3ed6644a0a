"""Failures for want of memory, told from others by what they say."""

import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from training_parts import CLASSES, quick, run_ranks, small_data

from nas.training.fit import fit
from nas.training.memory import is_out_of_memory


def asked(error: BaseException) -> bool:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return is_out_of_memory(kind, f"{kind}: {error}")


@pytest.mark.parametrize(
    "demand",
    [
        lambda: torch.empty(2**50),
        lambda: np.empty(2**50),
        lambda: bytearray(2**60),
        lambda: torch.zeros(1, 2**25, 1).expand(2**25, -1, 2).contiguous(),
    ],
    ids=["torch", "numpy", "python", "contiguous"],
)
def test_what_is_raised_without_memory_is_recognised(demand):
    with pytest.raises((RuntimeError, MemoryError)) as error:
        demand()
    assert asked(error.value)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 MiB."),
        ("torch.cuda.OutOfMemoryError", "HIP out of memory."),
        ("MemoryError", ""),
        ("builtins.MemoryError", "std::bad_alloc"),
        ("RuntimeError", "CUDA error: out of memory"),
        ("RuntimeError", "MPS backend out of memory (MPS allocated: 9.00 GB)"),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ("RuntimeError", "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        ("OSError", "[Errno 12] Cannot allocate memory"),
        ("torch.AcceleratorError", "CUDA error: out of memory"),
    ],
)
def test_messages_of_devices_are_recognised(kind, reason):
    assert is_out_of_memory(kind, reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"),
        ("nas.errors.InputError", "data: no such file"),
        ("OSError", "[Errno 28] No space left on device: 'c'"),
        ("RuntimeError", "CUDA error: device-side assert triggered"),
        ("nas.training.result.NotFinite", "the training loss of epoch 1 is nan"),
    ],
)
def test_other_failures_are_not(kind, reason):
    assert not is_out_of_memory(kind, reason)


def starved():
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
    wide = nn.Sequential(nn.Conv2d(1, 2048, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2048 * 36, CLASSES))
    data, recipe = small_data(1024), quick(batch_size=1024, epochs=1)
    with pytest.raises((RuntimeError, MemoryError)) as error:
        fit(wide, data, recipe, seed=0, accelerator="cpu")
    return asked(error.value), fit(wide, data, recipe, seed=0, accelerator="cpu", micro_batch=8)[0].micro_batch


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_training_without_memory_is_recognised_and_fits_in_micro_batches():
    assert run_ranks(starved, devices=1) == [(True, 8)]
