"""`python -m nas compare A B`: two candidates or networks side by side: what differs, by its path."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table
from rich.text import Text

from nas.architecture import Architecture
from nas.architecture.published import published_names, published_path
from nas.architecture.sketch import sketches
from nas.cost import cost
from nas.errors import InputError
from nas.report.reading import STUDIES, StudyRecord, is_study, read_study
from nas.report.show import facts
from nas.search.display import console, count, number_of, say
from nas.space.reading import read_document
from nas.training.recipe import METRIC, Training

NOTHING = "–"
LONGEST = 120
"""Characters that are shown of a part that only one of the two has."""


@dataclass(frozen=True)
class Compared:
    """A network with what is known of it; `document` has every default written out, and paths as parameters
    have them: those of the architecture begin with its own keys."""

    document: Mapping[str, Any]
    facts: Mapping[str, str]
    cells: Mapping[str, str]


def run(given: Namespace) -> None:
    one, other = read(given.one), read(given.other)
    found = list(differences(one.document, other.document))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold", max_width=44)
    for _ in range(2):
        table.add_column(overflow="fold", min_width=16)
    rows = [("", given.one, given.other), *_rows(one.facts, other.facts), *_rows(one.cells, other.cells)]
    for row in [*rows, ("", "", ""), *found]:
        table.add_row(*map(Text, row))
    to = console()
    to.print(table)
    say(to, f"\nthe documents differ in {number_of(len(found), 'place')}" if found else "the documents are the same")


def _rows(one: Mapping[str, str], other: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(name, one.get(name, NOTHING), other.get(name, NOTHING)) for name in dict.fromkeys([*one, *other])]


def read(source: str) -> Compared:
    """What STUDY:NUMBER, a published name, a study or a document stands for, in this order.

    Raises:
        InputError: there is no such thing.
    """
    study, _, number = source.rpartition(":")
    if study and number.isdecimal():
        return _trial(read_study(study), int(number))
    places = (Path(source).expanduser(), STUDIES / source)
    if source not in published_names() and any(map(is_study, places)):
        record = read_study(source)
        return _trial(record, record.best_trial.number)
    document = read_document(published_path(source))
    architecture = Architecture.from_document(document)
    record_ = document.get("record") or {}
    known = {METRIC: f"{record_[METRIC]:.4f}"} if isinstance(record_.get(METRIC), float) else {}
    return _compared(architecture, document.get("training"), known)


def _trial(record: StudyRecord, number: int) -> Compared:
    trial = record.trial(number)
    candidate = record.candidate(trial)
    if candidate is None:
        raise InputError(f"{record.folder}:{number}: {trial.user_attrs.get('reason', 'has no document')}")
    known = facts(record, trial)
    return _compared(candidate.architecture, candidate.document["training"], known)


def _compared(architecture: Architecture, training: Mapping[str, Any] | None, known: Mapping[str, str]) -> Compared:
    price = cost(architecture)
    own = {"parameters": count(price.parameters), "MACs": count(price.macs), "depth": str(price.depth)}
    document = dict(architecture.to_document())
    if training is not None:
        document["training"] = Training.from_document(training).to_document()
    return Compared(document, {**own, **known, "digest": architecture.digest}, sketches(architecture))


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """The places where two documents differ, with what stands there; items of lists are told by their names."""
    match one, other:
        case dict(), dict():
            ours, theirs = one, other
        case list(), list():
            ours, theirs = _named(one), _named(other)
        case _:
            if one != other:
                yield path, _written(one), _written(other)
            return
    for key in dict.fromkeys([*ours, *theirs]):
        place = f"{path}.{key}" if path else str(key)
        if path == "defaults" and (key not in ours or key not in theirs):
            continue  # of an op that only one of the two has
        if key not in ours or key not in theirs:
            here, there = (_written(each[key]) if key in each else NOTHING for each in (ours, theirs))
            yield place, here, there
        else:
            yield from differences(ours[key], theirs[key], place)


def _named(items: list[Any]) -> dict[str, Any]:
    names = [str(item.get("name", index)) if isinstance(item, dict) else str(index) for index, item in enumerate(items)]
    return dict(zip(names, items, strict=True))


def _written(node: Any) -> str:
    """A value, or a part in one line."""
    text = yaml.safe_dump(node, default_flow_style=True, width=1 << 20, sort_keys=False, allow_unicode=True)
    text = text.removesuffix("...\n").strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
