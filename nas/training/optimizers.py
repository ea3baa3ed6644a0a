"""The recipe's optimizer over a network's parameters."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from nas.training.recipe import Training

Groups = list[dict[str, Any]]


def optimizer(network: nn.Module, training: Training) -> Optimizer:
    """Matrices and kernels decay; vectors (biases, the scales and shifts of norms) do not."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return BUILD[training.optimizer]([group for group in groups if group["params"]], training)


def _fused(training: Training) -> bool:
    """One kernel for all parameters (measured on a CPU: a third of the time of foreach).

    Not with clipping, which Lightning refuses for fused optimizers in 16-bit mixed precision.
    """
    return not training.clip_gradient


def _adamw(groups: Groups, training: Training) -> Optimizer:
    fused = _fused(training)
    return AdamW(groups, lr=training.lr, fused=fused, foreach=not fused)


def _sgd(groups: Groups, training: Training) -> Optimizer:
    fused, momentum, nesterov = _fused(training), training.momentum, training.nesterov
    return SGD(groups, lr=training.lr, momentum=momentum, nesterov=nesterov, fused=fused, foreach=not fused)


def _rmsprop(groups: Groups, training: Training) -> Optimizer:
    return RMSprop(
        groups,
        lr=training.lr,
        alpha=training.rmsprop_decay,
        eps=training.rmsprop_eps,
        momentum=training.momentum,
        foreach=True,
    )


BUILD: dict[str, Callable[[Groups, Training], Optimizer]] = {"adamw": _adamw, "sgd": _sgd, "rmsprop": _rmsprop}
