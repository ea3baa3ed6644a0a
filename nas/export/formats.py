"""The forms in which a network is written into a folder: each a function that gives back the files it has made."""

import json
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

import torch
from torch import nn

from nas.drawing import draw, png
from nas.errors import InputError
from nas.export.python import python_source
from nas.export.source import WEIGHTS, Source
from nas.export.timm import timm_source
from nas.network import Network, build_network
from nas.network.folded import folded
from nas.search import files
from nas.training.checkpoint import save_weights
from nas.weights import load_weights

NETWORK = "network"
"""What the files of the network itself are called, before their endings."""


@dataclass(frozen=True)
class Export:
    """What is written, where, and with which weights; None: without any."""

    source: Source
    title: str
    folder: Path
    weights: Path | None
    fold: bool = False

    @cached_property
    def network(self) -> Network:
        """For evaluation, without side classifiers. Raises `InputError` if the weights do not fit."""
        channels, height, width = self.source.shape
        network = build_network(
            self.source.architecture, in_channels=channels, classes=self.source.classes, input_size=(height, width)
        ).eval()
        if self.weights is not None:
            load_weights(network, self.weights)
        return network

    @property
    def graph(self) -> nn.Module:
        """What is written as a graph: a copy without names that are keywords of Python, which tracing cannot have."""
        copy = folded(self.network) if self.fold else deepcopy(self.network)
        for module in copy.modules():
            named = list(module._modules.items())
            module._modules.clear()
            module._modules.update({f"_{name}" if iskeyword(name) else name: child for name, child in named})
        return copy

    def image(self, count: int = 2) -> torch.Tensor:
        return torch.zeros(count, *self.source.shape)


Write = Callable[[Export], list[Path]]


def _yaml(export: Export) -> list[Path]:
    written = export.source.architecture.to_document()
    document = dict(export.source.document)
    if known := export.source.preprocessing:
        given = document["record"]
        document["record"] = {**given, "preprocessing": {**given["preprocessing"], "fit": known.fit}}
    best, cells = export.folder / files.BEST, export.folder / "cells.yaml"
    best.write_text(files.yaml_text({**document, "architecture": written}), encoding="utf-8")
    if "cells" not in written:
        return [best]
    alone = {key: written[key] for key in ("defaults", "cells")}
    cells.write_text(files.yaml_text(alone), encoding="utf-8")
    return [best, cells]


def _python(export: Export) -> list[Path]:
    source = python_source(export.source.plan, export.title, export.source.preprocessing)
    written = [_text(export, f"{NETWORK}.py", source)]
    if export.weights is not None:
        save_weights(export.folder / WEIGHTS, export.network)
        written.append(export.folder / WEIGHTS)
    if known := export.source.preprocessing:
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in known.to_document().items()]
        written.append(_text(export, "preprocessing.json", "{\n" + ",\n".join(lines) + "\n}\n"))
    return written


def _safetensors(export: Export) -> list[Path]:
    from safetensors.torch import save

    path = export.folder / "weights.safetensors"
    state = {name: tensor.contiguous() for name, tensor in export.network.state_dict().items()}
    path.write_bytes(save(state, {"format": "pt"}))
    return [path]


def _torch_export(export: Export) -> list[Path]:
    path = export.folder / f"{NETWORK}.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about itself
        batch = torch.export.Dim("batch")
        program = torch.export.export(export.graph, (export.image(),), dynamic_shapes=({0: batch},))
        torch.export.save(program, path)
    return [path]


def _onnx(export: Export) -> list[Path]:
    if find_spec("onnxscript") is None or find_spec("onnx") is None:
        raise InputError("--to onnx: needs packages that are not installed: pip install onnx onnxruntime onnxscript")
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        raise InputError(f"--to onnx: needs PyTorch 2.6 or newer; this is {torch.__version__}")
    path = export.folder / f"{NETWORK}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about itself
        torch.onnx.export(
            export.graph,
            (export.image(),),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            optimize=True,
            verbose=False,
        )
    return [path]


def _timm(export: Export) -> list[Path]:
    return [_text(export, "timm_network.py", timm_source(export.source))]


def _svg(export: Export) -> list[Path]:
    return [_text(export, f"{NETWORK}.svg", draw(export.source.architecture, title=export.source.name))]


def _png(export: Export) -> list[Path]:
    path = export.folder / f"{NETWORK}.png"
    path.write_bytes(png(draw(export.source.architecture, title=export.source.name)))
    return [path]


def _text(export: Export, name: str, text: str) -> Path:
    path = export.folder / name
    path.write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Format:
    """`needs_weights`: says nothing without them. `also`: formats that come with it."""

    write: Write
    needs_weights: bool = False
    also: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "yaml": Format(_yaml),
    "python": Format(_python),
    "safetensors": Format(_safetensors, needs_weights=True),
    "torch-export": Format(_torch_export, needs_weights=True),
    "onnx": Format(_onnx, needs_weights=True),
    "timm": Format(_timm, also=("python",)),
    "svg": Format(_svg),
    "png": Format(_png),
}
