"""The moving average of a network's weights (EMA), which evaluates better than the last weights do."""

from collections.abc import Iterator
from copy import deepcopy

from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """A copy of a network, on its device, that follows its weights and running statistics.

    At update t (from 0) the decay is min(decay, (1 + t) / (10 + t)), so that the initial weights are soon forgotten.
    torch's `AveragedModel` is not used: its decay has no such start, and it waits for the device in every step.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        self._averaged, self._current = list(_floats(self.network)), list(_floats(network))

    def update(self, step: int) -> None:
        decay = min(self._decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._averaged, self._current, step)  # type: ignore[no-untyped-call]


def _floats(network: nn.Module) -> Iterator[Tensor]:
    """Parameters and buffers; not the count of batches, which batch norm with a fixed momentum does not use."""
    yield from network.parameters()
    yield from (buffer for buffer in network.buffers() if buffer.is_floating_point())
