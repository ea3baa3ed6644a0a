"""What a study's folder holds besides the journal: best.yaml, trials.csv, config.yaml, logs, the test reads."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from optuna.trial import FrozenTrial

from nas.space.reading import FLOAT
from nas.study.objectives import accuracy
from nas.study.states import SCORE, word

BEST = "best.yaml"
TRIALS = "trials.csv"
CONFIG = "config.yaml"
TEST_READS = "test_reads.csv"
FRONT = "front"
ENVIRONMENT = "environment.yaml"
FINALS, FINALS_TABLE = "finals.yaml", "finals.csv"
CHECKPOINTS, LOGS = "checkpoints", "logs"


@dataclass(frozen=True)
class Places:
    """Where a study's folder keeps the log of each trial, and its checkpoints while it is in training."""

    folder: Path

    def log(self, number: int) -> Path:
        return self.folder / LOGS / f"{number:04d}.log"

    def checkpoint(self, number: int) -> Path:
        return self.folder / CHECKPOINTS / f"{number:04d}.pt"

    def remove_checkpoints(self, number: int) -> None:
        for path in (self.checkpoint(number), brief_checkpoint(self.checkpoint(number))):
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.part").unlink(missing_ok=True)  # half written by a process that died

    def close(self) -> None:
        """Removes the folder for checkpoints, unless some of interrupted candidates are in it."""
        with suppress(OSError):
            (self.folder / CHECKPOINTS).rmdir()


def control_name(name: str) -> str:
    """Of the study, and of its folder, beside one of this name, in which candidates are drawn at random."""
    return f"{name}-control"


def brief_checkpoint(checkpoint: Path) -> Path:
    """Of the brief training that gives a candidate its score, beside that of the whole one."""
    return checkpoint.with_suffix(".screen.pt")


def write_atomically(path: Path, text: str) -> None:
    """All of it or nothing, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


class _Dumper(yaml.SafeDumper):
    """Lists of numbers and ops of plain values on one line each, everything else as a block."""


def _represent(dumper: yaml.SafeDumper, data: Any) -> yaml.Node:
    leaf = isinstance(data, list) or "op" in data
    flow = leaf and not any(isinstance(value, dict | list) and _deep(value) for value in _parts(data))
    if isinstance(data, list):
        flow = flow and not any(isinstance(value, dict) for value in data)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=flow)


def _parts(node: Any) -> Sequence[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)


def _deep(node: Any) -> bool:
    """Whether a container holds ops or containers of its own."""
    return any(isinstance(value, dict | list) for value in _parts(node)) or (isinstance(node, dict) and "op" in node)


_Dumper.add_implicit_resolver(*FLOAT)  # so that the text 1e3, a class name say, is quoted
_Dumper.add_representer(dict, _represent)
_Dumper.add_representer(list, _represent)


def yaml_text(document: Mapping[str, Any]) -> str:
    """A document as people would write it: leaves in flow style, keys in their order."""
    text: str = yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return text


def trials_csv(trials: Sequence[FrozenTrial], names: Sequence[str]) -> str:
    """One row a trial that has ended; a column for each parameter in `names`, empty where it was not active.

    Of a study with a screen, there is a column for its scores.
    """
    out = io.StringIO()
    attributes = ["digest", "parameters", "macs", "seconds", "reason"]
    if any(SCORE in trial.user_attrs for trial in trials):
        attributes.append(SCORE)
    facts = ("number", "state", "value", *attributes)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*facts, *names])
    for trial in trials:
        state = word(trial)
        if state is not None:
            attrs = trial.user_attrs
            row = [trial.number, state, accuracy(trial) if trial.values else ""]
            row += [attrs.get(key, "") for key in attributes]
            writer.writerow(row + [_cell(trial.params, name) for name in names])
    return out.getvalue()


def _cell(parameters: Mapping[str, Any], name: str) -> str:
    """The value as YAML and JSON write it, so that None and a missing value differ."""
    if name not in parameters:
        return ""
    value = parameters[name]
    return value if isinstance(value, str) else json.dumps(value)


def record_test_read(folder: Path, digest: str, source: str, result: Mapping[str, float]) -> None:
    """Appends to the record of every time the test split was read."""
    path = folder / TEST_READS
    folder.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(["time", "digest", "document", "result"])
        time = datetime.now(timezone.utc).isoformat(timespec="seconds")
        writer.writerow([time, digest, source, json.dumps(dict(result), sort_keys=True)])


def test_reads(folder: Path) -> list[tuple[str, dict[str, float]]]:
    """What the record of test reads holds: each document with its result, oldest first."""
    return [(row["document"], json.loads(row["result"])) for row in read_rows(folder / TEST_READS)]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table by its columns; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log, which says what a dead process cannot say any more."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    return ""
