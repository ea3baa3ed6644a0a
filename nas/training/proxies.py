"""Zero-cost proxies: what an untrained network's weights, gradients and activations on one batch say of it.

Each takes a network with fresh weights, which it may change, a batch of normalised images "n c h w" and its labels "n",
and gives a number of which more is better. Aux heads take no part, and nothing is dropped. A proxy mostly follows a
network's size: trust one as far as its rank correlation to trained accuracies goes beyond that of the parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from nas.architecture import Architecture
from nas.data.images import ImageData
from nas.errors import refuse_unknown
from nas.network import build_network
from nas.network.layers import GlobalAverage, GlobalMax
from nas.training.batches import Pixels
from nas.training.job import PROXIES
from nas.training.seeds import derived_seed, generator

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.GELU, nn.Hardswish, nn.Sigmoid)

STEP = 0.01
"""How far inputs are moved for `zen`, as a share of their own deviation."""


def grad_norm(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The Euclidean norms of the loss's gradient for each layer's weights, added up.

    As `grad_norm` of Abdelfattah et al. 2021, Zero-Cost Proxies for Lightweight NAS, section 3. Cross-entropy; batch
    norms normalise by the batch; norms and biases are left out.
    """
    weights = _weights(network)
    return sum(float(gradient.norm()) for gradient in _gradients(_loss(network, images, labels), weights))


def snip(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The sum over all weights of |∂L/∂w · w|: how much the loss changes, to first order, without each weight.

    The connection sensitivity of Lee et al. 2019, SNIP: Single-shot Network Pruning, before it is normalised; summed as
    by Abdelfattah et al. 2021, section 3. Loss, batch norms and weights as for `grad_norm`.
    """
    weights = _weights(network)
    gradients = _gradients(_loss(network, images, labels), weights)
    return sum(
        float((gradient * weight.detach()).abs().sum()) for gradient, weight in zip(gradients, weights, strict=True)
    )


def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """log of the sum over all weights of ∂R/∂w · w, where R is the sum of what comes out for an input of ones.

    R_SF of Tanaka et al. 2020, Pruning neural networks without any data by iteratively conserving synaptic flow, with
    every parameter's absolute value; summed as by Abdelfattah et al. 2021, section 3, whose code takes the network
    without batch norms, as is done here. The logarithm is ours, and it is computed in 64 bits: R is a product over
    all layers. Only the shape of the images is used.
    """
    device = _plain_in_64_bits(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    weights = _weights(network)
    output = network(torch.ones(1, *images.shape[1:], dtype=torch.float64, device=device)).sum()
    scores = [gradient * weight.detach() for gradient, weight in zip(_gradients(output, weights), weights, strict=True)]
    return float(torch.stack([score.sum() for score in scores]).sum().log())


def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """log |K + 1|, where K_ij counts the units that are on for both images i and j, or off for both.

    K_H of Mellor et al. 2021, Neural Architecture Search without Training, section 3: all units less the Hamming
    distance of two codes. A unit is a number that goes into an activation, and on if it is positive: of ReLUs these
    are the paper's codes. Batch norms normalise by the batch. The unit matrix is ours; it keeps the value finite
    where two images have one code.
    """
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64)

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        code = (inputs[0].flatten(1) > 0).float()
        kernel.add_((code @ code.T + (1 - code) @ (1 - code).T).cpu())

    for module in network.modules():
        if isinstance(module, ACTIVATIONS):
            module.register_forward_pre_hook(count)
    _to_train(network)
    with torch.no_grad():
        network(images)
    kernel.diagonal().add_(1)
    return float(torch.linalg.slogdet(kernel).logabsdet)


def zen(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """log E ‖f(x) - f(x + 0.01 ε)‖ over Gaussian x, ε and weights, where f ends before the last global pool.

    The Φ-score of Lin et al. 2021, Zen-NAS, with a difference for the gradient, as in the Zen-Score (algorithm 1), but
    with no batch norm. The paper keeps batch norms and multiplies by what they have divided by, so that nothing
    overflows; that counts branches which stand side by side as if they followed each other. Here all is computed in 64
    bits instead. Residual sums stay. Only the shape of the images is used; the expectation is over as many inputs, and
    one draw of the weights.
    """
    rng = generator(0, "zen", "weights")
    with torch.no_grad():
        for weight in _weights(network):
            weight.copy_(torch.randn(weight.shape, generator=rng))
    return sensitivity(network, images.shape, generator(0, "zen", "images"))


def sensitivity(network: nn.Module, shape: Sequence[int], rng: torch.Generator) -> float:
    """log of the mean distance that the features of Gaussian inputs of a shape (n, c, h, w) move by; see `zen`."""
    pooled: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, GlobalAverage | GlobalMax):
            module.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    device = _plain_in_64_bits(network)
    x, noise = (torch.randn(*shape, generator=rng, dtype=torch.float64).to(device) for _ in range(2))

    def features(images: Tensor) -> Tensor:
        logits: Tensor = network(images)
        return pooled[-1] if pooled else logits

    with torch.no_grad():
        moved = (features(x) - features(x + STEP * noise)).nan_to_num(torch.inf)  # infinity less infinity
    return float(moved.flatten(1).norm(dim=1).mean().log())


Proxy = Callable[[nn.Module, Tensor, Tensor], float]

REGISTRY: dict[str, Proxy] = {
    "synflow": synflow,
    "naswot": naswot,
    "grad_norm": grad_norm,
    "snip": snip,
    "zen": zen,
}
"""The proxies by name."""


def proxies(
    document: Mapping[str, Any],
    data: Callable[[], ImageData],
    names: Sequence[str],
    *,
    threads: int,
    accelerator: str = "auto",
    batch: int = 64,
) -> dict[str, float]:
    """The named proxies of the document's network on `data()`, with the weights that its training would begin with.

    The batch is the same for all documents of a seed. The same document, data and batch give the same numbers on a CPU;
    they are finite, what overflows being the largest float there is, and what is no number the smallest. Sets the
    number of torch's threads in this process.

    Raises:
        InputError: there is no such proxy, or the document cannot be built.
    """
    refuse_unknown("proxy", "proxy", names, PROXIES)
    torch.set_num_threads(threads)
    architecture = Architecture.from_document(document["architecture"])
    images = data()
    device = Fabric(accelerator=accelerator, devices=1).device
    torch.manual_seed(derived_seed(document["seed"], "weights"))
    network = build_network(
        architecture, in_channels=images.channels, classes=images.classes, input_size=images.size, aux=False
    )
    network.to(memory_format=torch.channels_last).to(device)
    pixels = Pixels(images.train, images.mean, images.std, device)
    order = torch.randperm(len(pixels), generator=generator(document["seed"], "proxies"))
    taken, labels = pixels.take(order[:batch])
    return {name: _finite(REGISTRY[name](deepcopy(network), pixels.normalise(taken), labels)) for name in names}


def _finite(value: float) -> float:
    lowest = torch.finfo(torch.float64).min
    return float(torch.tensor(value, dtype=torch.float64).nan_to_num(nan=lowest))


def _loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    _to_train(network)
    return functional.cross_entropy(network(images), labels)


def _to_train(network: nn.Module) -> None:
    """Batch norms normalise by the batch; dropout, which would draw, stays off."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()


def _weights(network: nn.Module) -> list[nn.Parameter]:
    """Of convolutions, linear layers and the like: all parameters but those of norms, and biases."""
    return [parameter for parameter in network.parameters() if parameter.dim() > 1]


def _gradients(output: Tensor, weights: Sequence[nn.Parameter]) -> tuple[Tensor, ...]:
    """Zeros for weights that the output does not depend on, such as those before a sum of nothing."""
    return torch.autograd.grad(output, weights, allow_unused=True, materialize_grads=True)


def _plain_in_64_bits(network: nn.Module) -> torch.device:
    """Takes batch norms out, and gives the device that the network is on then: one with numbers of 64 bits."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                setattr(module, name, nn.Identity())
    device = next(network.parameters()).device
    device = torch.device("cpu") if device.type == "mps" else device
    network.eval().to(device, torch.float64)
    return device
