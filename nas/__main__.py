"""Commands on networks and search spaces: `python -m nas draw NAME`, `python -m nas space NAME`; `--help` lists them.

A network is a published name, or the file of an architecture or candidate.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.errors import InputError
from nas.export import command as export
from nas.export import predict
from nas.program import nobody_reads
from nas.report import arguments as study


@dataclass(frozen=True)
class Verb:
    """A command: what it is for, its arguments, and what it does. What is heavy is imported when it runs."""

    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; gives back its exit status. Input that is refused is one line on stderr, and status 2."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    if typed[:1] == ["train"]:  # its arguments are settings
        from nas import command

        return command.main(typed[1:])
    given = parser().parse_args(typed)
    try:
        if given.imports:
            from nas.architecture.own_ops import import_own

            import_own(given.imports, "--imports")
        VERBS[given.verb].run(given)
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        nobody_reads()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> ArgumentParser:
    """Of all commands but `train`, whose arguments are settings."""
    whole = ArgumentParser("python -m nas", description="Commands on networks and search spaces.")
    commands = whole.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    commands.add_parser("train", help="Train one network, or search for one; what train.py does.")
    for name, verb in VERBS.items():
        added = commands.add_parser(name, help=verb.help, description=verb.help)
        verb.add_arguments(added)
        said = "a module of yours to import first, such as one that registers ops; may be repeated"
        added.add_argument("--imports", action="append", default=[], metavar="MODULE", help=said)
    return whole


def _network_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("network", metavar="NAME_OR_FILE", help="a published network, or a document")
    parser.add_argument("--variant", help="one of the variants that the document offers")


def _draw_arguments(parser: ArgumentParser) -> None:
    _network_arguments(parser)
    parser.add_argument("--cell", help="only this cell (its name), or the op at this path")
    parser.add_argument("--out", type=Path, metavar="FILE.svg", help="where to write; .png needs the extra png")


def _draw(given: Namespace) -> None:
    from nas.architecture import Architecture
    from nas.drawing import draw, png

    words = [Path(given.network).stem, *filter(None, (given.variant, given.cell))]
    out: Path = given.out or Path("".join(c if c.isalnum() or c in "_.-" else "_" for c in "_".join(words)) + ".svg")
    if out.suffix not in (".svg", ".png"):
        raise InputError(f"--out: a picture is .svg or .png; got {str(out)!r}")
    picture = draw(Architecture.load(given.network, given.variant), cell=given.cell, title=" ".join(words))
    content = png(picture) if out.suffix == ".png" else picture.encode()
    try:
        out.write_bytes(content)
    except OSError as error:
        raise InputError(f"--out: cannot write {str(out)!r}: {error.strerror}") from None
    print(out)


def _describe_arguments(parser: ArgumentParser) -> None:
    _network_arguments(parser)
    parser.add_argument("--size", type=int, metavar="N", help="height and width of the input; default: its own")
    parser.add_argument("--classes", type=int, metavar="N", help="number of classes; default: its own")


def _describe(given: Namespace) -> None:
    from nas.architecture import Architecture
    from nas.architecture.plan import ShapeError, plan
    from nas.drawing import table

    for option in ("size", "classes"):
        value: int | None = getattr(given, option)
        if value is not None and value < 1:
            raise InputError(f"--{option}: expected at least 1; got {value}")
    architecture = Architecture.load(given.network, given.variant)
    shape = architecture.input if given.size is None else (architecture.input[0], given.size, given.size)
    classes = given.classes or architecture.classes
    try:
        root = plan(architecture.network, shape, classes)
    except ShapeError:
        root = plan(architecture.network, shape, classes, aux=False)  # refused if more than a head is at fault
        print("(its aux heads do not fit this input)\n")
    print(table(root), end="")


def _space_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("space", metavar="NAME_OR_FILE", help="a shipped search space, or the file of one")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="as on train.py's command line: search.…=…")
    for name, default, said in SPACE_NUMBERS:
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{said}; default: {default}")
    for name, said in BUDGET.items():
        said = f"say how many of the candidates are over this: {said}"
        parser.add_argument(f"--budget-{name}", type=float, metavar="N", help=said)
    said = "images of a batch, for their memory; default: each candidate's own batch size"
    parser.add_argument("--budget-batch", type=int, metavar="N", help=said)
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="write pictures of the space and of ten candidates")


BUDGET = {
    "parameters": "parameters, such as 1e6",
    "macs": "multiply-adds for one image",
    "depth": "convolutions and linear layers on the longest path",
    "memory": "bytes in training, such as 2e9",
}

SPACE_NUMBERS = (
    ("data-size", 28, "height and width of the images"),
    ("channels", 1, "channels of the images"),
    ("classes", 10, "number of classes"),
    ("samples", 1000, "random candidates to price"),
    ("enumerate", 2000, "up to so many architectures, all are made to count the different ones"),
)


def _space(given: Namespace) -> None:
    from nas.compose import configuration
    from nas.overrides import quoted
    from nas.search.options import Budget
    from nas.search.spaces import at_data, described, draw_candidates

    for name, _, _ in SPACE_NUMBERS:
        value: int = getattr(given, name.replace("-", "_"))
        if value < (0 if name == "enumerate" else 1):
            raise InputError(f"--{name}: expected at least {0 if name == 'enumerate' else 1}; got {value}")
    config = configuration([f"+search={quoted(given.space)}", *given.overrides])
    assert config.space is not None, "a space was added"
    space = at_data(config.space, given.channels, given.data_size, given.classes)
    budget = Budget(**{name: getattr(given, f"budget_{name}") for name in (*BUDGET, "batch")})
    for line in described(space, str(config.space_name), given.samples, budget, given.enumerate):
        print(line, flush=True)
    if given.draw:
        for path in draw_candidates(space, str(config.space_name), given.draw):
            print(path)


def _sync_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="the folder of a study, such as studies/NAME")


def _sync(given: Namespace) -> None:
    from nas.tracking.upload import upload

    upload(given.study, print)


VERBS = {
    "predict": Verb("Say what class images are of.", predict.arguments, predict.run),
    "export": Verb("Write a network in forms that need nothing of this project.", export.arguments, export.run),
    "list": Verb("List the studies in a folder.", study.listing, study.runs("nas.report.listing")),
    "status": Verb("Say where a search stands.", study.status, study.runs("nas.report.status")),
    "report": Verb("Write the report of a study as one HTML file.", study.report, study.runs("nas.report.write")),
    "show": Verb("Show a candidate of a study.", study.show, study.runs("nas.report.show")),
    "compare": Verb("Show two networks side by side: what differs.", study.compare, study.runs("nas.report.compare")),
    "preview": Verb("Say before a search what it will cost.", study.preview, study.runs("nas.report.preview")),
    "draw": Verb("Draw a network, or one of its cells, as SVG.", _draw_arguments, _draw),
    "describe": Verb("List the ops of a network with shapes, parameters and MACs.", _describe_arguments, _describe),
    "space": Verb("Say what a search space holds: documents, networks, their prices.", _space_arguments, _space),
    "sync": Verb("Upload a study's W&B runs, as a sweep with a workspace.", _sync_arguments, _sync),
}

if __name__ == "__main__":
    raise SystemExit(main())
