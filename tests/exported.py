"""Networks with weights that hide nothing, what a training leaves of one, and what exports of them compute."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from built import randomized
from documents import HEAD, conv, document
from torch import Tensor, nn

from nas.architecture import Architecture
from nas.architecture.plan import Node, ShapeError, plan
from nas.export.python import python_source
from nas.network import Network, build_network
from nas.study import files


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


def trained(folder: Path, *, name: str = "shapes", classes: Sequence[str] = ("round", "square")) -> Network:
    """Writes what a training leaves: a document with its record, and weights."""
    folder.mkdir(parents=True)
    body = {"op": "branches", "branches": {"near": [conv(4)], "far": [conv(4, 5)]}}
    architecture = Architecture.from_document(document(conv(6), body, *HEAD, channels=1, size=12, classes=len(classes)))
    record: dict[str, Any] = {
        "val/accuracy": 0.75,
        "epochs": 2,
        "seconds": 1.5,
        "device": "cpu",
        "versions": {"torch": "2.9"},
        "data": {"name": name, "fingerprint": "00", "class_names": list(classes)},
        "preprocessing": {"size": [12, 12], "channels": 1, "mean": [0.25], "std": [0.5]},
    }
    written = {"architecture": architecture.to_document(), "training": {}, "seed": 0, "record": record}
    (folder / "document.yaml").write_text(files.yaml_text(written), encoding="utf-8")
    network = with_random_weights(architecture, architecture.plan, torch.float32)
    torch.save(network.state_dict(), folder / "weights.pt")
    return network


def module_of(source: str, name: str = "network") -> ModuleType:
    module = ModuleType(name)
    module.__file__ = f"{name}.py"
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def assert_python_is_the_same(architecture: Architecture, root: Node) -> str:
    """The exported file has the same outputs, to the last bit, with the same state dict; gives its source."""
    ours = with_random_weights(architecture, root)
    source = python_source(root, "A network.")
    theirs: nn.Module = module_of(source).Network().double().eval()
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict(ours.state_dict(), strict=True)
    x = images(root)
    with torch.inference_mode():
        assert torch.equal(theirs(x), ours(x))
    return source


def images(root: Node, count: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, *root.input, generator=torch.Generator().manual_seed(1), dtype=dtype)


def onnx_outputs(path: Path, x: Tensor) -> Tensor:
    runtime = pytest.importorskip("onnxruntime", reason="runs an ONNX file")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["logits"], {"images": x.numpy()})[0])


def assert_close(one: Tensor, other: Tensor) -> None:
    """Up to the rounding of 32 bits, of which a network's largest output has the most."""
    torch.testing.assert_close(one, other, rtol=0, atol=2e-5 * float(other.abs().max()))
