"""Commands on networks, search spaces and studies: `python -m nas draw NAME`; `python -m nas --help` lists them.

Here is what can be typed. What a command does is `run` of its module, which is imported when it is asked for.
"""

import sys
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from nas import command as train
from nas.errors import InputError
from nas.program import status


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; gives back its exit status."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    if typed[:1] == ["train"]:  # its arguments are settings
        return train.main(typed[1:])
    return status(partial(_run, typed))


def _run(typed: Sequence[str]) -> int:
    given = parser().parse_args(typed)
    if given.imports:
        from nas.architecture.own_ops import import_own  # here, as it takes time to import

        import_own(given.imports, "--imports")
    import_module(VERBS[given.verb].module).run(given)
    return 0


def parser() -> ArgumentParser:
    """Of all commands but `train`, whose arguments are settings."""
    whole = ArgumentParser("python -m nas", description="Commands on networks, search spaces and studies.")
    commands = whole.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    commands.add_parser("train", help="Train one network, or search for one; what train.py does.")
    for name, verb in VERBS.items():
        added = commands.add_parser(name, help=verb.help, description=verb.help)
        verb.arguments(added)
        said = "a module of yours to import first, such as one that registers ops; may be repeated"
        added.add_argument("--imports", action="append", default=[], metavar="MODULE", help=said)
    return whole


@dataclass(frozen=True)
class Verb:
    """A command: what it is for, what adds its arguments, and the module that does it."""

    help: str
    arguments: Callable[[ArgumentParser], None]
    module: str


class AtLeast(Action):
    """A whole number that is not below `least`; one that is gets refused as other input is, not with a usage."""

    def __init__(self, least: int, **more: Any) -> None:
        super().__init__(type=int, metavar="N", **more)
        self._least = least

    def __call__(self, parser: ArgumentParser, given: Namespace, value: Any, option: str | None = None) -> None:
        if value < self._least:
            raise InputError(f"{option}: expected at least {self._least}; got {value}")
        setattr(given, self.dest, value)


def _number(parser: ArgumentParser, name: str, default: int, said: str, least: int = 1) -> None:
    parser.add_argument(name, action=AtLeast, least=least, default=default, help=f"{said}; default: {default}")


def _network(parser: ArgumentParser) -> None:
    parser.add_argument("network", metavar="NAME_OR_FILE", help="a published network, or a document")
    parser.add_argument("--variant", help="one of the variants that the document offers")


def _draw(parser: ArgumentParser) -> None:
    _network(parser)
    parser.add_argument("--cell", help="only this cell (its name), or the op at this path")
    parser.add_argument("--out", type=Path, metavar="FILE.svg", help="where to write; .png needs the extra png")


def _describe(parser: ArgumentParser) -> None:
    _network(parser)
    parser.add_argument("--size", action=AtLeast, least=1, help="height and width of the input; default: its own")
    parser.add_argument("--classes", action=AtLeast, least=1, help="number of classes; default: its own")


def _space(parser: ArgumentParser) -> None:
    parser.add_argument("space", metavar="NAME_OR_FILE", help="a shipped search space, or the file of one")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="as on train.py's command line: search.…=…")
    _number(parser, "--data-size", 28, "height and width of the images")
    _number(parser, "--channels", 1, "channels of the images")
    _number(parser, "--classes", 10, "number of classes")
    _number(parser, "--samples", 1000, "random candidates to price")
    said = "up to so many architectures, all are made to count the different ones"
    _number(parser, "--enumerate", 2000, said, least=0)
    for name, said in BUDGET.items():
        said = f"say how many of the candidates are over this: {said}"
        parser.add_argument(f"--budget-{name}", type=float, metavar="N", help=said)
    said = "images of a batch, for their memory; default: each candidate's own batch size"
    parser.add_argument("--budget-batch", type=int, metavar="N", help=said)
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write pictures of the space and of ten candidates")


BUDGET = {
    "parameters": "parameters, such as 1e6",
    "macs": "MACs (multiply-adds) of one image",
    "depth": "convolutions and linear layers on the longest path",
    "memory": "bytes in training, such as 2e9",
}


def _predict(parser: ArgumentParser) -> None:
    said = "an export, a study, the folder of a training, or a candidate's file"
    parser.add_argument("network", metavar="BEST", help=said)
    parser.add_argument("images", type=Path, metavar="FOLDER_OR_IMAGE", help="an image file, or a folder with some")
    _number(parser, "--top", 1, "so many classes of each image")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights, in place of those that were kept")


def _export(parser: ArgumentParser) -> None:
    said = "a study (its folder or name), the file of a candidate, the folder of a training, or a published network"
    parser.add_argument("source", metavar="STUDY_OR_FILE", help=said)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    said = "yaml, python, safetensors, torch-export, onnx, timm, svg, png, card, or all"
    default = "yaml,python,safetensors,svg,card"
    parser.add_argument("--to", metavar="FORMAT,FORMAT", help=f"{said}; default: {default}")
    parser.add_argument("--trial", type=int, metavar="N", help="this trial of the study, not its best")
    parser.add_argument("--front", action="store_true", help="every member of the Pareto front, in a folder each")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="weights, in place of those that were kept")
    parser.add_argument("--train", action="store_true", help="train it again as it was, where no weights were kept")
    parser.add_argument("--no-weights", action="store_true", help="the network alone")
    said = "in onnx and torch-export, batch norms become part of the convolutions before them"
    parser.add_argument("--fold", action="store_true", help=said)
    parser.add_argument("--variant", help="one of the variants that the document offers")


def _preview(parser: ArgumentParser) -> None:
    said = "as on train.py's command line: +search=NAME search.…=… training.…=… trainer.…=…"
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help=said)
    _number(parser, "--samples", 300, "random candidates to price")
    _number(parser, "--timed", 3, "of them are trained for some steps; 0: none", least=0)


def _study(parser: ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help="the folder of a study, or its name in studies/")


def _report(parser: ArgumentParser) -> None:
    _study(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: report.html in the folder")


def _list(parser: ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="where to look; default: studies")


def _show(parser: ArgumentParser) -> None:
    _study(parser)
    parser.add_argument("trial", nargs="?", type=int, metavar="TRIAL", help="its number; default: the best")


def _compare(parser: ArgumentParser) -> None:
    said = "a published network, a document, a study (its best candidate), or STUDY:NUMBER (a trial)"
    parser.add_argument("one", metavar="A", help=said)
    parser.add_argument("other", metavar="B", help="likewise")


VERBS = {
    "predict": Verb("Say what class images are of.", _predict, "nas.export.predict"),
    "export": Verb("Write a network in forms that need nothing of this project.", _export, "nas.export.folder"),
    "list": Verb("List the studies in a folder.", _list, "nas.report.listing"),
    "status": Verb("Say where a search stands.", _study, "nas.report.status"),
    "report": Verb("Write the report of a study as one HTML file.", _report, "nas.report.page"),
    "show": Verb("Show a candidate of a study.", _show, "nas.report.show"),
    "compare": Verb("Show two networks side by side: what differs.", _compare, "nas.report.compare"),
    "preview": Verb("Say before a search what it will cost.", _preview, "nas.report.preview"),
    "draw": Verb("Draw a network, or one of its cells, as SVG.", _draw, "nas.drawing.picture"),
    "describe": Verb("List the ops of a network with shapes, parameters and MACs.", _describe, "nas.drawing.table"),
    "space": Verb("Say what a search space holds: documents, networks, their prices.", _space, "nas.report.space"),
    "sync": Verb("Upload a study's W&B runs, as a sweep with a workspace.", _study, "nas.tracking.upload"),
}

if __name__ == "__main__":
    raise SystemExit(main())
