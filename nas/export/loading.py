"""Networks ready for use: as classifiers, with a new head, and as backbones that give features at several grids."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.architecture import Architecture, ops
from nas.architecture.plan import Node, ShapeError, plan
from nas.architecture.shapes import is_map
from nas.data.decode import decode
from nas.errors import InputError
from nas.export.preprocessing import Preprocessing
from nas.export.source import Source, read_source
from nas.network import Network, build_network
from nas.weights import load_weights

LARGE = 2**14
"""Height and width at which missing padding makes no difference to by how much a grid is smaller."""


class Classifier(nn.Module):
    """A network with what its inputs and outputs mean.

    Takes a batch of images as `preprocess` and `read` give them, and gives logits (n, classes). `class_names` is empty,
    and `preprocessing` None, where they are not known.
    """

    def __init__(self, network: Network, preprocessing: Preprocessing | None, class_names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.preprocessing, self.class_names = network, preprocessing, class_names

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    def preprocess(self, images: Tensor) -> Tensor:
        """Pixels from 0 to 255, of shape (n, channels, height, width), as the network takes them."""
        known = self._known()
        mean, std = (torch.tensor(each, device=images.device).view(-1, 1, 1) for each in (known.mean, known.std))
        return (images.float() / 255 - mean) / std

    def read(self, paths: Sequence[str | Path]) -> Tensor:
        """Image files of any size, as the network takes them. Raises whatever Pillow raises."""
        known = self._known()
        decoded = [torch.from_numpy(decode(Path(path), known.size, known.fit, known.channels).copy()) for path in paths]
        return self.preprocess(torch.stack(decoded).permute(0, 3, 1, 2))

    def _known(self) -> Preprocessing:
        if self.preprocessing is None:
            raise InputError("preprocess: the document's record says nothing of the images it was trained on")
        return self.preprocessing


class Backbone(nn.Module):
    """The part of a network that gives maps: features of each grid, the finest first.

    Item i of what comes out has `channels[i]` channels, and a height and width of about 1/`strides[i]` of the image's.
    """

    def __init__(self, network: Network, architecture: Architecture) -> None:
        super().__init__()
        self.network = network
        self._steps: list[str] = []
        last: dict[int, Node] = {}
        try:
            root = plan(architecture.network, (network.input_shape[0], LARGE, LARGE), network.classes, aux=False)
        except ShapeError:  # it fits some sizes alone
            root = plan(architecture.network, network.input_shape, network.classes, aux=False)
        for node in _steps(root):
            if not is_map(node.output) or isinstance(node.op, ops.AdaptivePool):
                break
            self._steps.append(node.path)
            last[round(root.input[1] / node.output[1])] = node
        last.pop(1, None)
        self.strides = tuple(last)
        self.channels = tuple(node.output[0] for node in last.values())
        self._taken = {node.path for node in last.values()}

    def forward(self, images: Tensor) -> list[Tensor]:
        x, features = images, []
        for path in self._steps:
            x = self.network.get_submodule(path)(x)
            if path in self._taken:
                features.append(x)
        return features


def load(
    given: str | Path,
    weights: str | Path | None = None,
    *,
    classes: int | None = None,
    size: int | tuple[int, int] | None = None,
    trial: int | None = None,
) -> Classifier:
    """A network with its weights, in evaluation mode.

    `given` is a study, an export, the folder of a training, a document, or a published name. `weights` are those that
    were kept with it, unless given: a safetensors or torch file, under our names or those of torchvision or timm. With
    `classes`, its head is new, for so many classes, and has yet to be trained. `size` is that of the images.

    Raises:
        InputError: there is nothing of that name, no weights for it, or weights that do not fit.
    """
    source = read_source(str(given), trial)
    known = source.preprocessing
    names = known.class_names if known is not None and classes is None else ()
    return Classifier(_network(source, weights, classes, size), known, names).eval()


def backbone(
    given: str | Path, weights: str | Path | None = None, *, size: int | tuple[int, int] | None = None
) -> Backbone:
    """The features of a network; arguments and errors are those of `load`. What follows the maps is left out."""
    source = read_source(str(given))
    return Backbone(_network(source, weights, None, size), source.architecture).eval()


def _network(
    source: Source, weights: str | Path | None, classes: int | None, size: int | tuple[int, int] | None
) -> Network:
    file = weights or source.weights
    if file is None:
        raise InputError(f"{source.name}: no weights were kept with it; give weights=FILE")
    channels, *own = source.shape
    network = build_network(
        source.architecture,
        in_channels=channels,
        classes=source.classes if classes is None else classes,
        input_size=size or (own[0], own[1]),
    )
    load_weights(network, file, head=classes is None)
    return network


def _steps(node: Node) -> Iterator[Node]:
    """The ops that follow one another, chains and copies of cells opened."""
    for child in node.children:
        match child.op:
            case ops.Aux():
                continue
            case ops.Chain() | ops.Cell():
                yield from _steps(child)
            case _:
                yield child
