"""Puts weights into a network under any naming that fits it, and takes them out again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.errors import InputError, unknown
from nas.network import Network
from nas.weights.files import checked, read_weights
from nas.weights.names import Naming, namings

BACKGROUND_CLASSES = 1001
"""Outputs of checkpoints that come from TensorFlow: background at index 0, then ImageNet's classes."""

COUNTS = ".num_batches_tracked"


@dataclass(frozen=True)
class Loaded:
    """What `load_weights` did: the naming it found, what kept its value in the network, what it left in the source."""

    naming: str
    fresh: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        said = [f"{self.naming} names"]
        if new := dict.fromkeys(key.rpartition(".")[0] for key in self.fresh if not key.endswith(COUNTS)):
            said.append(f"drawn anew: {_listed(list(new))}")
        if self.unused:
            said.append(f"not used of it: {_listed(self.unused)}")
        return "; ".join(said)


@dataclass(frozen=True)
class _Fit:
    """A network's entries under one naming: `names` from ours to theirs; `absent` begin those of heads left out."""

    naming: str
    names: Mapping[str, str]
    absent: tuple[str, ...]


def load_weights(network: Network, source: Mapping[str, Tensor] | str | Path, *, head: bool | None = True) -> Loaded:
    """Fills `network` from a state dict, or from a safetensors or torch file of one.

    The names may be our own, or those of torchvision (googlenet_bn, inception_v3) or timm (inception_v3, inception_v4,
    inception_resnet_v2); which, is found out. `head=False` leaves what gives logits as it is; `head=None` leaves only
    heads for another number of classes, and aux heads that the source has nothing of.

    What is put right by itself: aux heads that the network was built without are left in the source; where a source
    has no gammas at all they become 1; counts of batches may be absent; of 1001 classes the first, background, is
    dropped. torchvision's weights expect its `transform_input`: the variant of that name of the documents.

    Nothing is written if this raises.

    Raises:
        InputError: the file is none of weights, or an entry is missing, left over, or of another shape; all are named.
    """
    given = checked(source, "weights") if isinstance(source, Mapping) else read_weights(Path(source))
    target = network.state_dict()
    fit = _best(network, target, given)
    giving_logits = _heads(network)
    heads = {key for key in target if _layer(key) in giving_logits}
    there = {key: given[name] for key, name in fit.names.items() if name in given}
    there |= {key: _without_background(value, target[key]) for key, value in there.items() if key in heads}
    left: set[str] = set() if head else heads
    if head is None:
        others = {_layer(key) for key in heads if key not in there or not _fits(there[key], target[key])}
        left = {key for key in heads if _layer(key) in others}
        for name in network.aux_weights:
            inside = {key for key in target if key.startswith(f"{name}.")}
            left |= set() if inside & there.keys() else inside
    wanted = {key: name for key, name in fit.names.items() if key not in left}
    no_gamma = not any(key.endswith(".norm.weight") for key in wanted.keys() & there.keys())

    values: dict[str, Tensor] = {}
    missing = [key for key in target if key not in fit.names and key not in left]
    misfits: dict[str, str] = {}
    for key, name in wanted.items():
        if key in there and _fits(there[key], target[key]):
            values[key] = there[key]
        elif key in there:
            misfits[key] = f"{name} {_described(given[name])} for {_described(target[key])}"
        elif no_gamma and key.endswith(".norm.weight"):
            values[key] = torch.ones_like(target[key])
        elif not key.endswith(COUNTS):
            missing.append(name)
    known = set(fit.names.values())
    unused = tuple(name for name in given if name not in known)
    extra = [name for name in unused if not name.startswith(fit.absent)]
    if missing or extra or misfits:
        found = {"missing": missing, "left over": extra, "of another shape": list(misfits.values())}
        listed = "; ".join(f"{what}: {_listed(names)}" for what, names in found.items() if names)
        hint = "; head=False leaves heads for other classes as they are" if heads & misfits.keys() else ""
        raise InputError(f"weights ({fit.naming} names): {listed}{hint}")
    network.load_state_dict(values, strict=False)
    return Loaded(fit.naming, tuple(key for key in target if key not in values), unused)


def export_weights(network: Network, naming: str) -> dict[str, Tensor]:
    """The network's state dict under the names of `naming` (torchvision or timm), as that library loads it.

    Raises:
        InputError: that library has no such network, or not all of its parts.
    """
    state = network.state_dict()
    fitting = {source: names for names in _fitting(network) for source in names.sources}
    if naming not in fitting:
        raise unknown("export_weights", "naming for this network called", naming, fitting)
    names = fitting[naming].translated(state)
    without = [key for key in state if key not in names]
    if without:
        raise InputError(f"export_weights: {naming} has no {_listed(without)}; build the network without aux heads")
    return {name: state[key].detach().clone() for key, name in names.items()}


def _best(network: Network, target: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> _Fit:
    """The naming under which most of the network's entries are in the source."""
    left_out = [name for name in network.aux_heads if name not in network.aux_weights]
    fits = [_Fit("our own", {key: key for key in target}, tuple(f"{name}." for name in left_out))]
    for naming in _fitting(network):
        absent = tuple(f"{theirs}." for ours, theirs in naming.layers.items() if ours.split(".")[0] in left_out)
        fits.append(_Fit(" and ".join(naming.sources), naming.translated(target), absent))
    best = max(fits, key=lambda fit: sum(name in given for name in fit.names.values()))
    if not any(name in given for name in best.names.values()):
        tried = ", ".join(fit.naming for fit in fits)
        raise InputError(
            f"weights: nothing in the source belongs to this network (names tried: {tried}); "
            f"it has {_listed(list(given))}; the network has {_listed(list(target))}"
        )
    return best


def _fitting(network: Network) -> list[Naming]:
    """The namings that know every layer of the network, aux heads aside."""
    layers = {_layer(key) for key in network.state_dict() if key.split(".")[0] not in network.aux_heads}
    return [naming for naming in namings() if layers <= naming.layers.keys()]


def _heads(network: Network) -> set[str]:
    """The layers that give logits: the last of the network, and of each aux head."""
    last: dict[str, str] = {}
    for path, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            first = path.split(".")[0]
            last[first if first in network.aux_weights else ""] = _layer(f"{path}.weight")
    return set(last.values())


def _layer(key: str) -> str:
    """The layer of a state dict's key, without `conv.weight`, `norm.bias` or the like."""
    return key.rsplit(".", 2)[0]


def _fits(value: Tensor, target: Tensor) -> bool:
    return value.shape == target.shape and value.is_floating_point() == target.is_floating_point()


def _without_background(value: Tensor, target: Tensor) -> Tensor:
    return value[1:] if value.shape[:1] == (BACKGROUND_CLASSES,) and len(target) == BACKGROUND_CLASSES - 1 else value


def _described(value: Tensor) -> str:
    kind = "" if value.is_floating_point() else f" of {str(value.dtype).removeprefix('torch.')}"
    return f"({'×'.join(map(str, value.shape)) or 'a number'}{kind})"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
