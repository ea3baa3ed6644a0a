"""The recipe's optimizer over a network's parameters."""

from torch import nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from nas.training.recipe import Training


def optimizer(network: nn.Module, training: Training) -> Optimizer:
    """Matrices and kernels decay; vectors (biases, the scales and shifts of norms) do not."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": training.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    lr, momentum = training.lr, training.momentum
    # One kernel for all parameters (measured on a CPU: a third of the time of foreach); not with clipping, which
    # Lightning refuses for fused optimizers in 16-bit mixed precision.
    fused = not training.clip_gradient
    match training.optimizer:
        case "adamw":
            return AdamW(groups, lr=lr, fused=fused, foreach=not fused)
        case "sgd":
            nesterov = training.nesterov
            return SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=fused, foreach=not fused)
        case _:
            alpha, eps = training.rmsprop_decay, training.rmsprop_eps
            return RMSprop(groups, lr=lr, alpha=alpha, eps=eps, momentum=momentum, foreach=True)
