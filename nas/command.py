"""What `train.py` and `python -m nas train` do with their command line: compose it, then search or train."""

import sys
from collections.abc import Sequence
from functools import partial

from nas.errors import InputError
from nas.program import program, status

USAGE = """\
Train one network, or search for one.

    {0}                                   train the default network on the embedded images
    {0} +search=inception_cell            search a space; the same command continues the study
    {0} architecture=googlenet            train a published network
    {0} architecture=studies/NAME/best.yaml [test=true]
                                                      train what a search found
    {0} architecture=inception_v3 weights=FILE data=image_folder data.path=DIR data.size=299
                                                      fine-tune a network on your images

Anything of the configuration can be set: study.trials=50 data=npz data.path=FILE trainer.max_epochs=30 tracking=none
training.lr=0.01 search.architecture.cells.normal.depth=2; `--help` lists what there is.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives back its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return status(_help if any(argument in ("-h", "--help") for argument in given) else partial(_run, given))


def _run(given: Sequence[str]) -> int:
    for argument in given:
        if argument.startswith("-"):
            raise InputError(f"{argument}: no such flag; settings are written key=value (see --help)")
    from nas.compose import configuration  # imports are as late as can be, so that help and refusals are quick

    config = configuration(given)
    options = config.options
    from nas.search.display import console  # takes time, like the two below, which a refusal does not need

    if config.space is not None and config.space_name is not None:
        if options["architecture"] is not None or config.architecture_edits:
            raise InputError("architecture: a search finds it; leave out either architecture=... or +search=...")
        if options["cell"] is not None:
            raise InputError("cell: places a found cell in a network to train; leave out cell=... or +search=...")
        if options["weights"] is not None:
            raise InputError("weights: a search trains from scratch; leave out weights=... or +search=...")
        if options["test"]:
            raise InputError("test: a search never reads the test split; retrain its best.yaml with test=true")
        from nas.search.search import search

        return search(
            config.space,
            config.space_name,
            options,
            config.training,
            config.data,
            config.sampler,
            config.pruner,
            given,
            console(),
        )
    from nas.search.train import train

    return train(options, config.architecture_edits, config.training, config.data, console())


def _help() -> int:
    # here, as a search does without them
    from importlib.resources import files
    from pathlib import Path

    from nas.architecture.published import published_names
    from nas.space.files import space_names

    print(USAGE.format(program()).strip())
    print("\nSearch spaces:", ", ".join(space_names([Path(str(files("search_spaces"))) / "search"])))
    print("Published networks:", ", ".join(published_names()))
    folder = Path(str(files("conf")))
    for group in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"):
        print(f"{group.name}=", ", ".join(sorted(path.stem for path in group.glob("*.yaml"))), sep="")
    print("\nThe configuration:\n")
    print((folder / "config.yaml").read_text(encoding="utf-8"), flush=True)
    return 0
