"""Networks with weights that hide nothing, and the modules that exported Python makes, to be compared."""

from contextlib import suppress
from types import ModuleType

import torch
from built import randomized
from torch import Tensor, nn

from nas.architecture import Architecture
from nas.architecture.plan import Node, ShapeError, plan
from nas.export.python import python_source
from nas.network import Network, build_network


def smallest_plan(architecture: Architecture) -> Node:
    """At the smallest of some input sizes that the network can take."""
    channels, *own = architecture.input
    for size in (32, 64, 80, 112, 160):
        with suppress(ShapeError):
            return plan(architecture.network, (channels, size, size), architecture.classes, aux=False)
    return plan(architecture.network, (channels, *own), architecture.classes, aux=False)


def with_random_weights(architecture: Architecture, root: Node, dtype: torch.dtype = torch.float64) -> Network:
    """In evaluation."""
    channels, height, width = root.input
    network = build_network(architecture, in_channels=channels, classes=root.output[0], input_size=(height, width))
    return randomized(network.to(dtype)).eval()


def module_of(source: str, name: str = "network") -> ModuleType:
    module = ModuleType(name)
    module.__file__ = f"{name}.py"
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def assert_python_is_the_same(architecture: Architecture, root: Node, source: str | None = None) -> str:
    """The exported file has the same outputs, to the last bit, with the same state dict; gives its source."""
    ours = with_random_weights(architecture, root)
    source = source or python_source(root, "A network.")
    theirs: nn.Module = module_of(source).Network().double().eval()
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict(ours.state_dict(), strict=True)
    x = images(root)
    with torch.inference_mode():
        assert torch.equal(theirs(x), ours(x))
    return source


def images(root: Node, count: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, *root.input, generator=torch.Generator().manual_seed(1), dtype=dtype)
