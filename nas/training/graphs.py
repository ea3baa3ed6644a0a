"""A network's forward and backward pass as CUDA graphs, which a GPU runs without waiting for Python.

A candidate on small images is hundreds of kernels of microseconds; launched one by one they leave the GPU idle. The
graphs are of the very same kernels, so nothing that is computed changes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import InputError

Call = Callable[[Tensor], Any]


def graphed(network: nn.Module, images: Tensor) -> Call:
    """`network`, in training, for images of just this shape, dtype and memory format.

    It gives what `network` gives and leaves the same gradients, in memory that the next call writes again. Under
    autocast it computes as that says now. Recorded with a few passes over `images`, of which no trace is left in
    running statistics and random numbers. Parameters must stay where they are.

    Raises `InputError` for a network that waits for the device, as an op of one's own may.
    """
    whole = _Whole(network)
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    chance = torch.cuda.get_rng_state(images.device)
    kind = images.device.type
    with torch.autocast(
        kind, dtype=torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind), cache_enabled=False
    ):
        try:  # a searched cell may compute what nothing reads
            call: Call = torch.cuda.make_graphed_callables(whole, (images.clone(),), allow_unused_input=True)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            said = str(error).partition("\n")[0]
            raise InputError(
                f"trainer.graphs: this network cannot be recorded as CUDA graphs ({said}); trainer.graphs=false trains "
                "without"
            ) from error
    torch.cuda.set_rng_state(chance, images.device)
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    return call


class _Whole(nn.Module):
    """The network under another name: recording replaces a module's `forward`, and the network's own is still wanted
    for batches of other shapes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        return self.network(images)
