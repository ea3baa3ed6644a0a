"""The arguments of the commands on studies. What the commands do is imported when they run."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

STUDY = "the folder of a study, or its name in studies/"
SOURCE = "a published network, a document, a study (its best candidate), or STUDY:NUMBER (a trial)"


def runs(module: str) -> Callable[[Namespace], None]:
    """What a command does: `run` of that module."""

    def run(given: Namespace) -> None:
        import_module(module).run(given)

    return run


def report(parser: ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help=STUDY)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write; default: report.html in the folder")


def status(parser: ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help=STUDY)


def listing(parser: ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="where to look; default: studies")


def show(parser: ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY", help=STUDY)
    parser.add_argument("trial", nargs="?", type=int, metavar="TRIAL", help="its number; default: the best")


def compare(parser: ArgumentParser) -> None:
    parser.add_argument("one", metavar="A", help=SOURCE)
    parser.add_argument("other", metavar="B", help="likewise")


def preview(parser: ArgumentParser) -> None:
    said = "as on train.py's command line: +search=NAME search.…=… training.…=… trainer.…=…"
    parser.add_argument("overrides", nargs="+", metavar="OVERRIDE", help=said)
    for name, default, said in (
        ("samples", 300, "random candidates to price"),
        ("timed", 3, "of them are trained for some steps; 0: none"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{said}; default: {default}")
