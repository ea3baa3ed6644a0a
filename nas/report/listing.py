"""`python -m nas list`: the studies in a folder, the one that was written last first."""

import time
from argparse import Namespace
from pathlib import Path

from rich.table import Table
from rich.text import Text

from nas.errors import InputError
from nas.report.reading import STUDIES, is_study, read_study
from nas.search.display import console, duration, say
from nas.study import files
from nas.study.study import JOURNAL


def run(given: Namespace) -> None:
    folder: Path = given.folder or STUDIES
    if not folder.is_dir():
        raise InputError(f"list: no folder {str(folder)!r}")
    found = [path for path in folder.iterdir() if is_study(path)]
    to = console()
    if not found:
        say(to, f"no studies in {folder}/")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("study", "state", "trials", "best", "objectives", "last written"):
        table.add_column(column, justify="right" if column in ("trials", "best") else "left", no_wrap=True)
    for path in sorted(found, key=_written, reverse=True):
        table.add_row(*map(Text, (path.name, *_row(path), f"{duration(max(0.0, time.time() - _written(path)))} ago")))
    to.print(table)


def _row(path: Path) -> tuple[str, str, str, str]:
    try:
        record = read_study(path)
    except InputError:
        return "unreadable", "", "", ""
    best = record.found.best
    value = "" if best is None else f"{best.values[0]:.4f}"
    return record.state, f"{record.counted}/{record.budget}", value, ", ".join(record.objectives.names)


def _written(study: Path) -> float:
    return max(path.stat().st_mtime for name in (JOURNAL, files.CONFIG) if (path := study / name).exists())
