"""The model card of an export: README.md, with the header that model hubs read."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from nas.architecture.shapes import written
from nas.architecture.sketch import sketches
from nas.cost import cost_of
from nas.export.layout import printable
from nas.export.source import WEIGHTS, Source
from nas.export.timm import identifier
from nas.search.display import count, duration, number_of
from nas.study import files
from nas.study.study import SECONDS

ABOUT = {
    files.BEST: "the network as a document of the search; `train.py architecture=best.yaml` trains it again",
    "cells.yaml": "its cells alone, for use in other documents",
    "network.py": "the network as Python, which needs PyTorch alone",
    WEIGHTS: "its weights, for `torch.load`",
    "weights.safetensors": "the same weights, under the same names, as safetensors",
    "preprocessing.json": "size, mean, standard deviation, how images are fitted to the size, and class names",
    "network.pt2": "network and weights as a graph, for `torch.export.load`; any batch size",
    "network.onnx": "network and weights as ONNX, from `images` to `logits`; any batch size",
    "timm_network.py": "makes the network one of timm's",
    "network.svg": "its picture",
    "network.png": "its picture",
}

CLASSIFY = """In this folder, with PyTorch and nothing else:

```python
import torch
from network import CLASSES, load, preprocess

network = load()
images = torch.randint(0, 256, (4, {shape}))  # yours: n×{written}, values from 0 to 255
with torch.inference_mode():
    probabilities = network(preprocess(images)).softmax(1)
print([CLASSES[index] for index in probabilities.argmax(1).tolist()])
```"""

RUN = """In this folder, with PyTorch and nothing else:

```python
import torch
from network import Network

network = Network().eval()
with torch.inference_mode():
    print(network(torch.zeros(1, {shape})).shape)
```"""

USE = {
    "weights.safetensors": """With safetensors:

```python
from safetensors.torch import load_file
from network import Network

network = Network()
network.load_state_dict(load_file("weights.safetensors"))
network.eval()
```""",
    "network.pt2": """As a graph of PyTorch's, without its source:

```python
import torch

network = torch.export.load("network.pt2").module()
logits = network(torch.zeros(2, {shape}))  # what preprocess gives
```""",
    "network.onnx": """With ONNX Runtime:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("network.onnx")
(logits,) = session.run(None, {{"images": np.zeros((2, {shape}), np.float32)}})  # what preprocess gives
```""",
    "timm_network.py": """As one of timm's:

```python
import timm
import timm_network

network = timm.create_model("{name}"{pretrained}).eval()
```""",
}
"""What is done with a file beside network.py."""


def card(source: Source, present: Sequence[str], own_weights: bool) -> str:
    """Of an export that holds the files `present`; its weights may be others than those that were measured."""
    header = yaml.safe_dump(_header(source), sort_keys=False, allow_unicode=True, width=100)
    sections = [f"---\n{header}---", f"# {plain(source.name)}", _introduction(source)]
    sections += [f"![The network]({name})" for name in present if name in ("network.svg", "network.png")][:1]
    sections += [_cells(source), *_figures(source, own_weights), *_finals(source), "## Use", *_use(source, present)]
    listed = "\n".join(f"- `{name}`: {ABOUT[name]}" for name in present)
    return "\n\n".join([*sections, *_preprocessing(source), "## Files", listed, *_found(source)]) + "\n"


def plain(text: object) -> str:
    """Any text as one line of Markdown that shows it as it is."""
    escaped = re.sub(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", printable(text))
    return html.escape(escaped, quote=False)


def _header(source: Source) -> dict[str, Any]:
    header: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "pytorch", "neural-architecture-search", "inception"],
    }
    values = {"validation": source.accuracy, "test": _finals_of(source, "test").get("mean")}
    results = [
        {"type": "accuracy", "value": float(value), "name": f"accuracy on the {split} split"}
        for split, value in values.items()
        if isinstance(value, int | float)
    ]
    if results:
        about = {"type": "image-classification", "name": "Image classification"}
        data = _data(source)
        measured = {"task": about, "dataset": {"name": data, "type": identifier(data)}, "metrics": results}
        header |= {"metrics": ["accuracy"], "model-index": [{"name": source.name, "results": [measured]}]}
    return header


def _data(source: Source) -> str:
    return str(source.record.get("data", {}).get("name", "unknown"))


def _finals_of(source: Source, key: str) -> Mapping[str, Any]:
    """Mean, deviation and number over the training seeds of finals, of their validation or of the test split."""
    match source.record:
        case {"chosen": dict(chosen)} if isinstance(chosen.get(key), dict):
            figures: Mapping[str, Any] = chosen[key]
            return figures
        case _:
            return {}


def _introduction(source: Source) -> str:
    price = cost_of(source.plan)
    said = f"A convolutional network that sorts images of {written(source.shape)} into {source.classes} classes: "
    said += f"{count(price.parameters)} parameters ({price.parameters:,}), {count(price.macs)} multiply-adds for an "
    said += "image."
    return said + (f" It was {source.found}." if source.found else "")


def _cells(source: Source) -> str:
    """In code, so that nothing in it is Markdown."""
    listed = "\n".join(f"{name}: {text}" for name, text in sketches(source.architecture).items())
    note = "`→` is one after the other, `|` side by side and concatenated, `/2` a stride, `V` no padding."
    return f"```text\n{listed}\n```\n\n{note}"


def _figures(source: Source, own_weights: bool) -> list[str]:
    """What has been measured of the network as it was trained, and of its sisters under other seeds."""
    record = source.record
    if source.accuracy is None:
        return ["Nothing has been measured of it here."]
    which = "these weights" if own_weights else "not with these weights"
    rows = [f"| accuracy, validation split, {which} | {source.accuracy:.4f} |"]
    if "chosen" in record:
        for split, key in (("validation", "finals"), ("test", "test")):
            if figures := _finals_of(source, key):
                seeds = "under other training seeds, mean ± standard deviation"
                rows.append(f"| accuracy, {split} split, {seeds} | {_spread(figures)} |")
    elif isinstance(test := record.get("test"), Mapping):
        rows += [f"| {plain(name)}, {which} | {value:.4f} |" for name, value in test.items()]
    number = record.get("trial")
    trial = source.study.trial(number) if source.study is not None and isinstance(number, int) else None
    if trial is not None and (latency := trial.user_attrs.get("latency")):
        rows.append(f"| latency | {1000 * latency['median']:.3g} ms a batch, on {plain(record.get('device'))} |")
    too_good = number is not None and not _finals_of(source, "test")
    note = " The search chose it by the validation split, so that figure is too good." if too_good else ""
    return [
        f"## Results on {plain(_data(source))}",
        "\n".join(["| | |", "|---|---|", *rows]),
        f"Chance is {1 / source.classes:.2g}.{note}",
    ]


def _spread(figures: Mapping[str, Any] | None) -> str:
    return f"{figures['mean']:.4f} ± {figures['std']:.4f} (n = {figures['n']})" if figures else ""


def _finals(source: Source) -> list[str]:
    """What it was held against."""
    if source.study is None or not source.study.finals or "chosen" not in source.record:
        return []
    rows = ["| network | parameters | validation | test |", "|---|---|---|---|"]
    for network in source.study.finals["networks"]:
        cells = [plain(network["name"]), count(network["parameters"])]
        cells += [_spread(network.get(split)) for split in ("validation", "test")]
        rows.append(f"| {' | '.join(cells)} |")
    return ["## Compared", "\n".join(rows), plain(source.study.finals["conclusion"])]


def _use(source: Source, present: Sequence[str]) -> list[str]:
    said: list[str] = []
    if "network.py" in present:
        said.append(CLASSIFY if source.preprocessing is not None and WEIGHTS in present else RUN)
        if WEIGHTS not in present:
            said.append("There are no weights in this export: those that it begins with are drawn.")
    said += [text for name, text in USE.items() if name in present and (said or name != "weights.safetensors")]
    shape = ", ".join(map(str, source.shape))
    pretrained = ", pretrained=True" if WEIGHTS in present else ""
    facts = {"shape": shape, "written": written(source.shape), "pretrained": pretrained}
    used = [text.format(**facts, name=identifier(source.name)) for text in said]
    return used or ["`python train.py architecture=best.yaml` trains it."]


def _preprocessing(source: Source) -> list[str]:
    known = source.preprocessing
    if known is None:
        return []
    fits = {
        "crop": "scaled to fill this size, and the middle is cut out",
        "stretch": "stretched to this size",
        "pad": "scaled to fit into this size, on black",
    }
    names = ", ".join(map(plain, known.class_names[:50])) + (" and others" if len(known.class_names) > 50 else "")
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (known.mean, known.std))
    height, width = known.size
    return [
        "## Preprocessing",
        f"Images are {'grey' if known.channels == 1 else 'RGB'}, {height} high and {width} wide; others are "
        f"{fits[known.fit]} (bicubic). Of pixels from 0 to 255, (pixel / 255 - mean) / std goes in, with mean "
        f"{mean} and std {std}. Classes, in the order of the logits: {names}.",
    ]


def _found(source: Source) -> list[str]:
    """Search, training and environment."""
    record = source.record
    said: list[str] = []
    if source.accuracy is not None:
        versions = ", ".join(f"{plain(name)} {plain(value)}" for name, value in (record.get("versions") or {}).items())
        seconds, epochs = record.get("seconds"), int(record.get("epochs", 0))
        took = f" in {duration(seconds)}" if isinstance(seconds, int | float) else ""
        said.append(
            f"- trained for {number_of(epochs, 'epoch')}{took}, on {plain(record.get('device'))}, "
            f"under seed {plain(source.document.get('seed'))}; {versions}"
        )
    if (study := source.study) is not None:
        counts = ", ".join(f"{number} {word}" for word, number in study.counts.items())
        said.append(f"- search {plain(study.name)}: {counts}, in {duration(study.study.user_attrs.get(SECONDS, 0.0))}")
        if study.runs:
            run = study.runs[-1]
            command = printable(" ".join(map(str, run["command"]))).replace("`", "'")
            said.append(f"- command: `{command}`")
            said.append(f"- machine: {plain(run['machine']['processor'])}, {plain(run['machine']['system'])}")
    return ["## How it was made", "\n".join(said)] if said else []
