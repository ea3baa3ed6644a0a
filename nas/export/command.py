"""`python -m nas export`: a network in forms that need nothing of this project."""

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import InputError

if TYPE_CHECKING:
    from nas.export.source import Source

DEFAULT = "yaml,python,safetensors,svg,card"


def arguments(parser: ArgumentParser) -> None:
    said = "a study (its folder or name), the file of a candidate, the folder of a training, or a published network"
    parser.add_argument("source", metavar="STUDY_OR_FILE", help=said)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    said = f"yaml, python, safetensors, torch-export, onnx, timm, svg, png, card, or all; default: {DEFAULT}"
    parser.add_argument("--to", metavar="FORMAT,FORMAT", help=said)
    parser.add_argument("--trial", type=int, metavar="N", help="this trial of the study, not its best")
    parser.add_argument("--front", action="store_true", help="every member of the Pareto front, in a folder each")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights, in place of those that were kept")
    parser.add_argument("--train", action="store_true", help="train it again as it was, where no weights were kept")
    parser.add_argument("--no-weights", action="store_true", help="the network alone")
    said = "in onnx and torch-export, batch norms become part of the convolutions before them"
    parser.add_argument("--fold", action="store_true", help=said)
    parser.add_argument("--variant", help="one of the variants that the document offers")


def run(given: Namespace) -> None:
    from nas.export.source import front, read_source  # imports Optuna

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


def _export(given: Namespace, source: "Source", out: Path) -> None:
    from nas.export.folder import FORMATS, OF_WEIGHTS, export  # imports torch

    weights = given.weights or source.weights
    if given.no_weights:
        source, weights = replace(source, weights=None), None
    elif weights is None and given.train:
        from nas.export.training import trained_again  # imports what trains

        weights = trained_again(source)
        source = replace(source, weights=weights)
    elif weights is None and source.accuracy is not None:
        raise InputError(
            f"{source.name}: its weights were not kept; --train trains it again as it was, --weights FILE takes "
            "others, --no-weights leaves them out"
        )
    if given.to is None:
        formats = [name for name in DEFAULT.split(",") if weights or name not in OF_WEIGHTS]
    else:
        formats = list(FORMATS) if given.to == "all" else given.to.split(",")
    for path in export(source, out, formats, weights, given.fold):
        print(path)
