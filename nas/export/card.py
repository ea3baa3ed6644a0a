"""The model card of an export: README.md, with the header that model hubs read."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from nas.architecture.shapes import written
from nas.architecture.sketch import cell_sketches, sketch
from nas.export.source import WEIGHTS, Source
from nas.export.timm import identifier
from nas.search import files
from nas.search.display import count, duration, number_of
from nas.search.study import SECONDS

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

CLASSIFY = """```python
import torch
from network import CLASSES, load, preprocess

network = load()
images = torch.randint(0, 256, (4, {shape}))  # yours: n×{written}, values from 0 to 255
with torch.inference_mode():
    probabilities = network(preprocess(images)).softmax(1)
print([CLASSES[index] for index in probabilities.argmax(1).tolist()])
```"""

RUN = """```python
import torch
from network import Network

network = Network().eval()
with torch.inference_mode():
    print(network(torch.zeros(1, {shape})).shape)
```"""

LOAD_SAFETENSORS = """```python
from safetensors.torch import load_file
from network import Network

network = Network()
network.load_state_dict(load_file("weights.safetensors"))
network.eval()
```"""

GRAPH = """```python
import torch

network = torch.export.load("network.pt2").module()
logits = network(torch.zeros(2, {shape}))  # what preprocess gives
```"""

ONNX = """```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("network.onnx")
(logits,) = session.run(None, {{"images": np.zeros((2, {shape}), np.float32)}})  # what preprocess gives
```"""

TIMM = """```python
import timm
import timm_network

network = timm.create_model("{name}"{pretrained}).eval()
```"""


def card(source: Source, present: Sequence[str], own_weights: bool) -> str:
    """Of an export that holds the files `present`; its weights may be others than those that were measured."""
    header = yaml.safe_dump(_header(source), sort_keys=False, allow_unicode=True, width=100)
    sections = [f"---\n{header}---", f"# {plain(source.name)}", _introduction(source)]
    picture = next((name for name in ("network.svg", "network.png") if name in present), None)
    sections += [f"![The network]({picture})"] if picture else []
    sections += [_cells(source), *_figures(source, own_weights), *_finals(source), "## Use", *_use(source, present)]
    sections += [*_preprocessing(source), "## Files", _files(present), *_found(source)]
    return "\n\n".join(sections) + "\n"


def plain(text: object) -> str:
    """Any text as one line of Markdown that shows it as it is."""
    escaped = re.sub(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", _line(text))
    return html.escape(escaped, quote=False)


def code(text: object) -> str:
    return f"`{_line(text).replace('`', chr(39))}`"


def _line(text: object) -> str:
    return "".join(c if c.isprintable() else " " for c in str(text))


def _header(source: Source) -> dict[str, Any]:
    header: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "pytorch", "neural-architecture-search", "inception"],
    }
    results = _results(source)
    if results:
        data = str(source.record.get("data", {}).get("name", "unknown"))
        about = {"type": "image-classification", "name": "Image classification"}
        measured = {"task": about, "dataset": {"name": data, "type": identifier(data)}, "metrics": results}
        header |= {"metrics": ["accuracy"], "model-index": [{"name": source.name, "results": [measured]}]}
    return header


def _results(source: Source) -> list[dict[str, Any]]:
    values = {"validation": source.accuracy, "test": _mean(source.record, "test")}
    return [
        {"type": "accuracy", "value": float(value), "name": f"accuracy on the {split} split"}
        for split, value in values.items()
        if isinstance(value, int | float)
    ]


def _mean(record: Mapping[str, Any], split: str) -> object:
    match record:
        case {"chosen": dict(chosen)} if isinstance(chosen.get(split), dict):
            return chosen[split].get("mean")
        case _:
            return None


def _introduction(source: Source) -> str:
    nodes = list(source.plan.walk())
    parameters, macs = sum(node.parameters for node in nodes), sum(node.macs for node in nodes)
    said = f"A convolutional network that sorts images of {written(source.shape)} into {source.classes} classes: "
    said += f"{count(parameters)} parameters ({parameters:,}), {count(macs)} multiply-adds for an image."
    if source.study is not None:
        said += f" It was found by a search among {source.study.counted} trained candidates."
    return said


def _cells(source: Source) -> str:
    """In code, so that nothing in it is Markdown."""
    sketches = cell_sketches(source.architecture) or {"network": sketch(source.plan)}
    listed = "\n".join(f"{name}: {text}" for name, text in sketches.items())
    note = "`→` is one after the other, `|` side by side and concatenated, `/2` a stride, `V` no padding."
    return f"```text\n{listed}\n```\n\n{note}"


def _figures(source: Source, own_weights: bool) -> list[str]:
    """What has been measured of the network as it was trained, and of its sisters under other seeds."""
    record = source.record
    if source.accuracy is None:
        return ["Nothing has been measured of it here."]
    which = "these weights" if own_weights else "not with these weights"
    rows = [f"| accuracy, validation split, {which} | {source.accuracy:.4f} |"]
    match record:
        case {"chosen": dict(chosen)}:
            for split, key in (("validation", "finals"), ("test", "test")):
                if isinstance(chosen.get(key), dict):
                    rows.append(f"| accuracy, {split} split, under other seeds | {_spread(chosen[key])} |")
        case {"test": dict(test)}:
            rows += [f"| {plain(name)}, {which} | {value:.4f} |" for name, value in test.items()]
    if latency := _latency(source):
        rows.append(f"| latency | {1000 * latency['median']:.3g} ms a batch, on {plain(record.get('device'))} |")
    data = plain(record.get("data", {}).get("name", "unknown"))
    note = "" if _mean(record, "test") else " The search chose it by the validation split, so that figure is too good."
    return [
        f"## Results on {data}",
        "\n".join(["| | |", "|---|---|", *rows]),
        f"Chance is {1 / source.classes:.2g}.{note}",
    ]


def _latency(source: Source) -> dict[str, float] | None:
    number = source.record.get("trial")
    if source.study is None or not isinstance(number, int):
        return None
    latency: dict[str, float] | None = source.study.trial(number).user_attrs.get("latency")
    return latency


def _spread(figures: Mapping[str, Any]) -> str:
    return (
        f"{figures['mean']:.4f} ± {figures['std']:.4f} (mean ± standard deviation, n = {figures['n']} training seeds)"
    )


def _finals(source: Source) -> list[str]:
    """What it was held against."""
    if source.study is None or not source.study.finals or "chosen" not in source.record:
        return []
    rows = ["| network | parameters | validation | test |", "|---|---|---|---|"]
    for network in source.study.finals["networks"]:
        figures = [_short(network.get(split)) for split in ("validation", "test")]
        rows.append(f"| {' | '.join([plain(network['name']), count(network['parameters']), *figures])} |")
    return ["## Compared", "\n".join(rows), plain(source.study.finals["conclusion"])]


def _short(figures: Mapping[str, Any] | None) -> str:
    return f"{figures['mean']:.4f} ± {figures['std']:.4f} (n = {figures['n']})" if figures else ""


def _use(source: Source, present: Sequence[str]) -> list[str]:
    shape = ", ".join(map(str, source.shape))
    here = set(present)
    said: list[str] = []
    if "network.py" in here:
        named = source.preprocessing is not None and WEIGHTS in here
        said += ["In this folder, with PyTorch and nothing else:"]
        said += [(CLASSIFY if named else RUN).format(shape=shape, written=written(source.shape))]
        said += [] if WEIGHTS in here else ["There are no weights in this export: those that it begins with are drawn."]
        said += ["With safetensors:", LOAD_SAFETENSORS] if "weights.safetensors" in here else []
    said += ["As a graph of PyTorch's, without its source:", GRAPH.format(shape=shape)] if "network.pt2" in here else []
    said += ["With ONNX Runtime:", ONNX.format(shape=shape)] if "network.onnx" in here else []
    if "timm_network.py" in here:
        pretrained = ", pretrained=True" if WEIGHTS in here else ""
        said += ["As one of timm's:", TIMM.format(name=identifier(source.name), pretrained=pretrained)]
    return said or ["`python train.py architecture=best.yaml` trains it."]


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
    height, width = known.size
    return [
        "## Preprocessing",
        f"Images are {'grey' if known.channels == 1 else 'RGB'}, {height} high and {width} wide; others are "
        f"{fits[known.fit]} (bicubic). Of pixels from 0 to 255, (pixel / 255 - mean) / std goes in, with mean "
        f"{_numbers(known.mean)} and std {_numbers(known.std)}. Classes, in the order of the logits: {names}.",
    ]


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _files(present: Sequence[str]) -> str:
    return "\n".join(f"- `{name}`: {ABOUT[name]}" for name in present)


def _found(source: Source) -> list[str]:
    """Search, training and environment."""
    record = source.record
    said: list[str] = []
    if source.accuracy is not None:
        versions = ", ".join(
            f"{plain(name)} {plain(value)}" for name, value in dict(record.get("versions") or {}).items()
        )
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
            command = " ".join(map(str, run["command"]))
            said.append(f"- command: {code(command)}")
            said.append(f"- machine: {plain(run['machine']['processor'])}, {plain(run['machine']['system'])}")
    return ["## How it was made", "\n".join(said)] if said else []
