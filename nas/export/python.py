"""A network as one Python file that needs torch alone, written as a person would write it.

Its modules are called as ours, so a state dict of the one loads into the other.
"""

from collections.abc import Sequence
from textwrap import wrap

from nas.architecture.plan import Node
from nas.architecture.shapes import written
from nas.cost import cost_of
from nas.export.classes import Classes
from nas.export.layout import WIDTH, Group, lines, literal, printable
from nas.export.preprocessing import Preprocessing

PREPROCESS = '''
def preprocess(images: Tensor) -> Tensor:
    """Images of n×{shape}, with values from 0 to 255, as the network takes them."""
    mean = torch.tensor(MEAN).view(-1, 1, 1)
    std = torch.tensor(STD).view(-1, 1, 1)
    return (images.float() / 255 - mean) / std
'''

LOAD = '''
def load(weights: str | Path | None = None) -> Network:
    """The network, ready for use, with the weights in weights.pt beside this file."""
    network = Network()
    path = weights or Path(__file__).with_name("weights.pt")
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()
'''


def python_source(root: Node, title: str, preprocessing: Preprocessing | None = None) -> str:
    """The file for the network of a plan. `title` says what it is, in a line of any text.

    Raises:
        InputError: there is an op of the user's own in it that has said nothing of its source.
    """
    classes = Classes(root)
    network = classes.network()
    helpers = list(classes.helpers.sources.values())
    blocks = [*helpers, *(each.source for each in classes.defined.values()), network]
    if preprocessing is not None:
        blocks.append(PREPROCESS.format(shape=written((preprocessing.channels, *preprocessing.size))))
    body = "\n\n\n".join(block.strip("\n") for block in [*blocks, LOAD]) + "\n"
    return "\n".join([*_head(root, title, body), *_constants(preprocessing), "", "", body])


def _head(root: Node, title: str, body: str) -> list[str]:
    price = cost_of(root)
    costs = f"{price.parameters:,} parameters; {price.macs:,} multiply-adds for an image of {written(root.input)}."
    head = ['"""' + safe(title), "", *wrap(costs, WIDTH), '"""', "", "from __future__ import annotations", ""]
    head += ["from collections import OrderedDict"] if "OrderedDict(" in body else []
    head += ["from pathlib import Path", "", "import torch", "from torch import Tensor, nn"]
    return head + (["from torch.nn import functional"] if "functional." in body else [])


def safe(text: str) -> str:
    """Text that ends no docstring, comment or line, whatever is in it."""
    return printable(text).replace("\\", "/").replace('"', "'")


def _constants(preprocessing: Preprocessing | None) -> list[str]:
    if preprocessing is None:
        return []
    names = _tuple("CLASSES", preprocessing.class_names)
    return ["", *names, *_tuple("MEAN", preprocessing.mean), *_tuple("STD", preprocessing.std)]


def _tuple(name: str, values: Sequence[str | float]) -> list[str]:
    if len(values) == 1:
        return [f"{name} = {literal(tuple(values))}"]
    return lines(Group("(", tuple(("", literal(value)) for value in values), ")"), before=f"{name} = ")
