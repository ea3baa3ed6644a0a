"""Graphs, weights and registrations of networks of every kind have the outputs of the network itself."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from exported import assert_close, images, onnx_outputs, smallest_plan, with_random_weights
from shipped_spaces import SPACES, fitting, load

from nas.architecture import Architecture
from nas.architecture.published import published_names
from nas.export.folder import export
from nas.export.source import Source
from nas.network import build_network
from nas.weights import load_weights

NAMES = [*SPACES, *published_names()]


def small(name: str) -> Architecture:
    """A random candidate of a space, or a published network with a quarter of its widths."""
    if name in SPACES:
        return fitting(load(name, size=32))
    written = Architecture.load(name).to_document()
    channels, *size = smallest_plan(Architecture.load(name)).input
    own = {"input": {"channels": channels, "size": size}, "width_multiplier": 0.25}
    document = {**written, **own, "network": [op for op in written["network"] if op.get("op") != "aux"]}
    return Architecture.from_document(document)


@pytest.mark.slow
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_graph_has_the_outputs_of_the_network(name: str, fold: bool, tmp_path: Path) -> None:
    architecture = small(name)
    network = with_random_weights(architecture, architecture.plan, torch.float32)
    torch.save(network.state_dict(), tmp_path / "given.pt")
    source = Source(name, {"architecture": architecture.to_document()}, architecture, None, tmp_path / "given.pt")
    export(source, tmp_path, ["torch-export", "onnx", "safetensors"], fold=fold)
    x = images(architecture.plan, count=3, dtype=torch.float32)
    with torch.inference_mode():
        expected = network(x)
        assert_close(torch.export.load(tmp_path / "network.pt2").module()(x), expected)
        assert_close(onnx_outputs(tmp_path / "network.onnx", x), expected)
        if not fold:  # folded weights have been rounded already
            exact = deepcopy(network).double()(x.double())
            found = torch.export.load(tmp_path / "network.pt2").module().double()(x.double())
            torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-10)
        again = build_network(architecture, in_channels=architecture.input[0], classes=architecture.classes).eval()
        load_weights(again, tmp_path / "weights.safetensors")
        assert torch.equal(again(x), expected)
