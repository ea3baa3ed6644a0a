"""What is exported or used: a candidate of a study, a trained document, or a published network."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.architecture import Architecture
from nas.architecture.plan import Node, plan
from nas.architecture.published import published_path
from nas.architecture.shapes import Shape
from nas.errors import InputError
from nas.export.preprocessing import Preprocessing, recorded
from nas.report.reading import STUDIES, StudyRecord, is_study, read_study
from nas.search.summary import best_document
from nas.space.reading import read_document
from nas.study import files, states
from nas.study.kept import kept_weights
from nas.training.recipe import METRIC

WEIGHTS = "weights.pt"
DOCUMENTS = (files.BEST, "document.yaml")
"""What a folder calls its candidate: one of a study or an export, and one of a single training."""


@dataclass(frozen=True)
class Source:
    """A network to export. `name` is what it is called, in any letters.

    `weights` is the file of its own, if they were kept; `study` is where it was found, if that is at hand.
    """

    name: str
    document: Mapping[str, Any]
    architecture: Architecture
    preprocessing: Preprocessing | None
    weights: Path | None
    study: StudyRecord | None = None

    @property
    def title(self) -> str:
        return f"{self.name}: {self.found}." if self.found else f"{self.name}."

    @property
    def found(self) -> str:
        """How; empty if that is not known."""
        return "" if self.study is None else f"found by a search among {self.study.counted} trained candidates"

    @property
    def shape(self) -> Shape:
        """Of an image: channels, height, width; what it was trained with, or what its document was made for."""
        known = self.preprocessing
        return self.architecture.input if known is None else (known.channels, *known.size)

    @property
    def classes(self) -> int:
        return self.architecture.classes if self.preprocessing is None else len(self.preprocessing.class_names)

    @cached_property
    def plan(self) -> Node:
        """Without aux heads."""
        return plan(self.architecture.network, self.shape, self.classes, aux=False)

    @property
    def record(self) -> Mapping[str, Any]:
        record: Mapping[str, Any] = self.document.get("record") or {}
        return record

    @property
    def accuracy(self) -> float | None:
        """On the validation split, as its record has it; None if it has not been trained."""
        value = self.record.get(METRIC)
        return float(value) if isinstance(value, int | float) else None


def read_source(given: str, trial: int | None = None, variant: str | None = None) -> Source:
    """`given` is a study (its folder or name), the folder of an export or a training, a file, or a published name.

    Raises:
        InputError: there is nothing of that name, or no such trial, or what is there cannot be used.
    """
    path = Path(given).expanduser()
    if trial is not None:
        if path.is_file():
            raise InputError(f"--trial: {given} is a file, which has one candidate; give the folder of its study")
        return _of_study(read_study(given), trial)
    if is_study(path):
        return _of_study(read_study(given))
    is_name = is_study(STUDIES / given)  # a study may be called as the folder of its images
    if path.is_dir():
        there = [path / name for name in DOCUMENTS if (path / name).is_file()]
        if there:
            return _of_file(there[0], path.resolve().name, variant)
        if not is_name:
            raise InputError(f"{given}: neither a study nor an export in it ({' or '.join(DOCUMENTS)} is missing)")
    try:
        path = published_path(given)
    except InputError:
        if is_name:
            return _of_study(read_study(given))
        raise
    return _of_file(path, path.stem, variant)


def front(given: str) -> list[Source]:
    """The members of a study's Pareto front, most accurate first; with one objective, the best alone."""
    study = read_study(given)
    return [_of_study(study, trial.number) for trial in study.objectives.ranked(study.found.front)]


def _of_study(study: StudyRecord, number: int | None = None) -> Source:
    best = study.folder / files.BEST
    if not best.is_file():
        raise InputError(f"{study.folder}: no candidate has been trained to its end yet ({files.BEST} is missing)")
    source = _of_file(best, study.name, None, study)
    if number is None or (number == source.record.get("trial") and "chosen" not in source.record):
        return source
    trial = study.trial(number)
    if states.word(trial) != states.COMPLETE:
        raise InputError(
            f"--trial: trial {number} is {states.word(trial) or 'in training'}; only complete ones are exported"
        )
    if source.preprocessing is None:
        raise InputError(f"{best}: its record has no preprocessing")
    about = {key: source.record[key] for key in ("data", "preprocessing")}
    document = best_document(trial, study.space, about, study.name)
    return _made(f"{study.name}, trial {number}", document, best, study)


def _of_file(path: Path, name: str, variant: str | None, study: StudyRecord | None = None) -> Source:
    document = read_document(path)
    if "architecture" not in document:
        raise InputError(f"{path}: no architecture in it; a document has the key 'architecture'")
    if variant is not None:
        document = {**document, "architecture": {**document["architecture"], "variant": variant}}
    return _made(name, document, path, study)


def _made(name: str, document: Mapping[str, Any], path: Path, study: StudyRecord | None) -> Source:
    """Of a document that is, or could be, at `path`."""
    try:
        architecture = Architecture.from_document(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    record = document.get("record") or {}
    if not isinstance(record, Mapping):
        raise InputError(f"{path}: record: expected keys with values; got {record!r:.80}")
    home = next((folder for folder in (path.parent, path.parent.parent) if is_study(folder)), None)
    weights = path.parent / WEIGHTS if path.name in DOCUMENTS else None
    if home is not None and not (weights and weights.is_file()):
        weights = kept_weights(home, document)
    kept = weights if weights and weights.is_file() else None
    return Source(name, document, architecture, recorded(record, str(path)), kept, study)
