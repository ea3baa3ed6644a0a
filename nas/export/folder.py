"""Writes an export: a folder that is complete in itself."""

import os
from collections.abc import Sequence
from pathlib import Path

from nas.errors import InputError, unknown
from nas.export.card import card
from nas.export.formats import FORMATS, Export
from nas.export.source import Source
from nas.report.reading import is_study

CARD = "card"
README = "README.md"
NAMES = (*FORMATS, CARD)


def export(
    source: Source, folder: Path, formats: Sequence[str], weights: Path | None = None, fold: bool = False
) -> list[Path]:
    """Writes the network in each of the `formats`, and gives the files; `weights` are others than its own.

    With `fold`, graphs have their batch norms in the convolutions before them.

    Raises:
        InputError: no such format, a format whose extra is not installed, weights that are missing or do not fit, or
            a folder that cannot be written.
    """
    for name in formats:
        if name not in NAMES:
            raise unknown("--to", "format", name, NAMES)
    wanted = dict.fromkeys(each for name in formats for each in (*(FORMATS[name].also if name != CARD else ()), name))
    if is_study(folder):
        raise InputError(f"--out: {folder} is the folder of a study; choose another")
    weights = weights or source.weights
    needing = [name for name in wanted if name != CARD and FORMATS[name].needs_weights]
    if weights is None and needing:
        raise InputError(f"--to {','.join(needing)}: there are no weights of {source.name}; give --weights FILE")
    made = Export(source, _title(source), folder, weights, fold)
    if weights is not None:
        _ = made.network  # weights that do not fit are refused before anything is written
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [path for name in wanted if name != CARD for path in FORMATS[name].write(made)]
        if CARD in wanted:
            readme = folder / README
            text = card(
                source, [path.name for path in written], own_weights=weights is not None and weights == source.weights
            )
            readme.write_text(text, encoding="utf-8")
            written.append(readme)
    except OSError as error:
        raise InputError(f"--out: {folder} cannot be written ({error.strerror or os.fspath(folder)})") from None
    return written


def _title(source: Source) -> str:
    if source.study is None:
        return f"{source.name}."
    return f"{source.name}: found by a search among {source.study.counted} trained candidates."
