"""An export: a folder that is complete in itself, with a network in several forms (`python -m nas export`)."""

import json
import os
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from nas.drawing import draw, png
from nas.errors import InputError, refuse_unknown
from nas.export.card import card
from nas.export.python import python_source
from nas.export.source import WEIGHTS, Source, front, read_source
from nas.export.timm import timm_source
from nas.network import Network, build_network
from nas.network.folded import folded
from nas.report.reading import is_study
from nas.study import files
from nas.training.checkpoint import save_weights
from nas.weights import load_weights


@dataclass(frozen=True)
class Export:
    """What is written, where, and with which weights; None: without any. `written` are its files so far."""

    source: Source
    folder: Path
    weights: Path | None
    fold: bool
    written: list[Path] = field(default_factory=list)

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

    @property
    def images(self) -> torch.Tensor:
        """Two, to trace the graph with."""
        return torch.zeros(2, *self.source.shape)

    def file(self, name: str) -> Path:
        """The path of a file that is about to be written."""
        self.written.append(self.folder / name)
        return self.written[-1]

    def write(self, name: str, text: str) -> None:
        self.file(name).write_text(text, encoding="utf-8")


def run(given: Namespace) -> None:
    chosen = [name for name in ("weights", "train", "no_weights") if getattr(given, name)]
    if len(chosen) > 1 or (given.front and (given.trial is not None or given.weights)):
        raise InputError(
            "export: --weights, --train and --no-weights exclude each other, and so do --front and --trial"
        )
    if not given.front:
        _export(given, read_source(given.source, given.trial, given.variant), given.out)
        return
    for source in front(given.source):
        _export(given, source, given.out / f"{source.record['trial']:04d}")


def _export(given: Namespace, source: Source, out: Path) -> None:
    if given.no_weights:
        source = replace(source, weights=None)
    elif given.train and source.weights is None:
        from nas.export.training import trained_again  # here, as it takes time to import

        source = replace(source, weights=trained_again(source))
    elif not given.weights and source.weights is None and source.accuracy is not None:
        raise InputError(
            f"{source.name}: its weights were not kept; --train trains it again as it was, --weights FILE takes "
            "others, --no-weights leaves them out"
        )
    if given.to is None:
        formats = [name for name in DEFAULT if given.weights or source.weights or name not in OF_WEIGHTS]
    else:
        formats = list(FORMATS) if given.to == "all" else given.to.split(",")
    for path in export(source, out, formats, given.weights, given.fold):
        print(path)


def export(
    source: Source, folder: Path, formats: Sequence[str], weights: Path | None = None, fold: bool = False
) -> list[Path]:
    """Writes the network in each of the `formats`, and gives the files; `weights` are others than its own.

    With `fold`, graphs have their batch norms in the convolutions before them.

    Raises:
        InputError: no such format, a format whose extra is not installed, weights that are missing or do not fit, or
            a folder that cannot be written.
    """
    refuse_unknown("--to", "format", formats, list(FORMATS))
    if is_study(folder):
        raise InputError(f"--out: {folder} is the folder of a study; choose another")
    weights = weights or source.weights
    needing = [name for name in formats if name in OF_WEIGHTS]
    if weights is None and needing:
        raise InputError(f"--to {','.join(needing)}: there are no weights of {source.name}; give --weights FILE")
    made = Export(source, folder, weights, fold)
    if weights is not None:
        _ = made.network  # weights that do not fit are refused before anything is written
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write in FORMATS.items():
            if name in formats or (name == "python" and "timm" in formats):
                write(made)
    except OSError as error:
        raise InputError(f"--out: {folder} cannot be written ({error.strerror or os.fspath(folder)})") from None
    return made.written


def _yaml(export: Export) -> None:
    written = export.source.architecture.to_document()
    export.write(files.BEST, files.yaml_text({**export.source.document, "architecture": written}))
    if "cells" in written:
        export.write("cells.yaml", files.yaml_text({key: written[key] for key in ("defaults", "cells")}))


def _python(export: Export) -> None:
    source = export.source
    export.write("network.py", python_source(source.plan, source.title, source.preprocessing))
    if export.weights is not None:
        save_weights(export.file(WEIGHTS), export.network)
    if known := source.preprocessing:
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in known.to_document().items()]
        export.write("preprocessing.json", "{\n" + ",\n".join(lines) + "\n}\n")


def _safetensors(export: Export) -> None:
    state = {name: tensor.contiguous() for name, tensor in export.network.state_dict().items()}
    export.file("weights.safetensors").write_bytes(save(state, {"format": "pt"}))


def _torch_export(export: Export) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about itself
        batch = torch.export.Dim("batch")
        program = torch.export.export(export.graph, (export.images,), dynamic_shapes=({0: batch},))
        torch.export.save(program, export.file("network.pt2"))


def _onnx(export: Export) -> None:
    if find_spec("onnxscript") is None or find_spec("onnx") is None:
        raise InputError("--to onnx: needs packages that are not installed: pip install onnx onnxruntime onnxscript")
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        raise InputError(f"--to onnx: needs PyTorch 2.6 or newer; this is {torch.__version__}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about itself
        torch.onnx.export(
            export.graph,
            (export.images,),
            export.file("network.onnx"),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            optimize=True,
            verbose=False,
        )


def _timm(export: Export) -> None:
    export.write("timm_network.py", timm_source(export.source))


def _svg(export: Export) -> None:
    export.write("network.svg", draw(export.source.architecture, title=export.source.name))


def _png(export: Export) -> None:
    picture = png(draw(export.source.architecture, title=export.source.name))
    export.file("network.png").write_bytes(picture)


def _card(export: Export) -> None:
    own = export.weights is not None and export.weights == export.source.weights
    export.write("README.md", card(export.source, [path.name for path in export.written], own_weights=own))


FORMATS: dict[str, Callable[[Export], None]] = {
    "yaml": _yaml,
    "python": _python,
    "safetensors": _safetensors,
    "torch-export": _torch_export,
    "onnx": _onnx,
    "timm": _timm,
    "svg": _svg,
    "png": _png,
    "card": _card,
}
"""In the order in which they are written; the card tells of the others."""

OF_WEIGHTS = ("safetensors", "torch-export", "onnx")
"""Those that say nothing without weights."""

DEFAULT = ("yaml", "python", "safetensors", "svg", "card")
