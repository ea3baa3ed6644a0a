"""The networks that other libraries have too: ours and theirs, and what makes a comparison of the two sharp."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from built import Module, randomized
from torch import nn

from nas.architecture import Architecture
from nas.network import Network, build_network
from nas.weights import load_weights


@dataclass(frozen=True)
class Pair:
    """A published network of ours, the library that has it, and the head it returns beside its logits in training."""

    name: str
    library: str
    aux: bool = False

    def __str__(self) -> str:
        return f"{self.name}-{self.library}{'-aux' if self.aux else ''}"

    def ours(self, size: int | tuple[int, int] | None = None) -> Network:
        """On the meta device, where nothing is computed or stored."""
        with torch.device("meta"):
            return build_network(
                Architecture.load(self.name), in_channels=3, classes=1000, input_size=size, aux=self.aux
            )

    def theirs(self) -> nn.Module:
        """On the meta device too; the library itself is imported before."""
        reason = f"compares with {self.library}"
        options: dict[str, Any] = {}
        if self.library == "torchvision":
            models = pytest.importorskip("torchvision.models", reason=reason)
            make: Callable[..., nn.Module] = getattr(models, self.name.removesuffix("_bn"))
            options = {"weights": None, "aux_logits": self.aux, "init_weights": False}
        else:
            make = partial(pytest.importorskip("timm", reason=reason).create_model, self.name)
            if self.aux:
                options = {"aux_logits": True}
        with torch.device("meta"):
            return make(**options)


PAIRS = [
    Pair("googlenet_bn", "torchvision"),
    Pair("inception_v3", "torchvision"),
    Pair("inception_v3", "timm"),
    Pair("inception_v4", "timm"),
    Pair("inception_resnet_v2", "timm"),
]
PAIRS_WITH_AUX = [
    Pair("googlenet_bn", "torchvision", aux=True),
    Pair("inception_v3", "torchvision", aux=True),
    Pair("inception_v3", "timm", aux=True),
]


def same_random_weights(pair: Pair, size: int | tuple[int, int] | None = None) -> tuple[Network, nn.Module]:
    """Ours and theirs in float64, with every parameter and buffer random, batch statistics too, and without dropout."""
    theirs = randomized(_without_dropout(pair.theirs().double().to_empty(device="cpu")))
    ours = _without_dropout(pair.ours(size).double().to_empty(device="cpu"))
    load_weights(ours, theirs.state_dict())
    return ours, theirs


def _without_dropout(network: Module) -> Module:
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return network
