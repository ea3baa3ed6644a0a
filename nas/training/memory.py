"""Tells failures for want of memory from others, by what is left of an exception in a process without torch."""

KINDS = (
    "MemoryError",
    "numpy._core._exceptions._ArrayMemoryError",
    "numpy.core._exceptions._ArrayMemoryError",  # before numpy 2
    "torch.OutOfMemoryError",
    "torch.cuda.OutOfMemoryError",  # before torch 2.5
)

# Most allocators raise RuntimeError or OSError, so that only their words are left.
WORDS = (
    "out of memory",  # CUDA, HIP, MPS and XPU allocators, and CUDA's own error
    "can't allocate memory",  # torch's allocator on a CPU
    "cannot allocate memory",  # the system's, when it maps a file or makes a process
    "not enough memory",
    "std::bad_alloc",
    "_status_alloc_failed",  # cuDNN, cuBLAS, cuSPARSE, cuFFT and others
)


def is_out_of_memory(kind: str, reason: str) -> bool:
    """Whether an exception of the class `kind` (its dotted name) with the text `reason` is one of memory."""
    said = reason.lower()
    return kind.removeprefix("builtins.") in KINDS or any(words in said for words in WORDS)
