"""Starts a network from the weights of one that has been trained, as far as their layers agree."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.errors import InputError
from nas.network.layers import Unit
from nas.weights.files import read_weights


def inherit(network: nn.Module, parents: Sequence[Path]) -> float:
    """Fills the layers of `network` that one of the `parents` has, too, and gives their share of all its parameters.

    A layer is a convolution or linear layer with its norm. Layers agree that have one name and tensors of the same
    shapes; names are paths in the document, so that branches nobody has touched agree. Taken is the parent with most
    parameters in layers that agree, of equal ones the first; what is new in `network` keeps its fresh weights, and so
    does everything where there is no parent. Files that are gone, or unreadable, are passed over, and named.
    """
    layers = _layers(network)
    best: dict[str, Tensor] = {}
    source = "nothing"
    for path in parents:
        try:
            theirs = read_weights(path)
        except InputError as error:
            print(f"passed over: {error}")
            continue
        taken = {key: theirs[key] for layer in layers.values() if _agree(layer, theirs) for key in layer}
        if _size(taken) > _size(best):
            best, source = taken, path.name
    with torch.no_grad():
        state = network.state_dict()
        for key, tensor in best.items():
            state[key].copy_(tensor)
    share = _size(best) / max(1, _size(state))
    print(f"begins with {share:.0%} of its weights from {source}", flush=True)
    return share


def _layers(network: nn.Module) -> Mapping[str, Mapping[str, Tensor]]:
    layers: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in network.state_dict().items():
        owner = key.rpartition(".")[0]
        above = owner.rpartition(".")[0]
        layers[above if isinstance(network.get_submodule(above), Unit) else owner][key] = tensor
    return layers


def _agree(layer: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return all(key in theirs and theirs[key].shape == tensor.shape for key, tensor in layer.items())


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())
