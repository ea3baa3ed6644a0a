"""What W&B has written to disk: the runs of a study, read without a server and even while they are being written.

A ``.wandb`` file is a header of 7 bytes and then a log in LevelDB's framing: blocks of 32 KiB hold chunks, a chunk is
a checksum, a length, a kind and content, and one or several chunks make a record, a protobuf message of W&B's.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.errors import InputError

_HEADER = struct.pack("<4sH", b":W&B", 0xBEE1)  # a version byte follows
_CHUNK = struct.Struct("<IHB")  # checksum of kind and content, length of the content, kind
_BLOCK = 32768
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass(frozen=True)
class TrackedRun:
    """A run as its files tell it; `history` has a row per step, `exit_code` is None while the run has not ended."""

    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    project: str = ""
    sweep_id: str = ""
    tags: tuple[str, ...] = ()
    started: float = 0.0  # seconds since the epoch
    config: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


def read_runs(folder: Path) -> dict[str, TrackedRun]:
    """All runs below W&B's folder of a study, by id. A run that went on after an interruption is put together."""
    parts = [read_run(path) for path in folder.glob("*run-*/run-*.wandb")]
    begun = [part for part in parts if part.id]  # else its first record has not been written yet
    runs: dict[str, TrackedRun] = {}
    for part in sorted(begun, key=lambda run: run.started):
        runs[part.id] = _continued(runs[part.id], part) if part.id in runs else part
    return runs


def last_step(folder: Path, run: str) -> int:
    """The last step that the parts of a run below W&B's folder hold; -1 if there are none."""
    steps = [-1]
    for path in folder.glob(f"*run-*-{run}*/run-{run}.wandb"):
        with suppress(InputError):
            steps += [int(row["_step"]) for row in read_run(path).history]
    return max(steps)


def read_run(path: Path) -> TrackedRun:
    """The run in one ``.wandb`` file, as far as it has been written.

    Raises `InputError` if the file is not one of W&B's.
    """
    about: dict[str, Any] = {}
    config: dict[str, Any] = {}
    history: list[Mapping[str, Any]] = []
    summary: dict[str, Any] = {}
    exit_code: int | None = None
    for record in _records(path):
        match record.WhichOneof("record_type"):
            case "run":
                run = record.run
                about = {
                    "id": run.run_id,
                    "name": run.display_name,
                    "group": run.run_group,
                    "job_type": run.job_type,
                    "project": run.project,
                    "sweep_id": run.sweep_id,
                    "tags": tuple(run.tags),
                    "started": run.start_time.seconds + run.start_time.nanos / 1e9,
                }
                config |= _values(run.config.update)
            case "config":
                config |= _values(record.config.update)
            case "history":
                history.append(_values(record.history.item))
            case "summary":
                summary |= _values(record.summary.update)
            case "exit":
                exit_code = record.exit.exit_code
    return TrackedRun(**about, config=config, history=tuple(history), summary=summary, exit_code=exit_code)


def _continued(first: TrackedRun, then: TrackedRun) -> TrackedRun:
    rows = {int(row.get("_step", 0)): row for row in (*first.history, *then.history)}
    return replace(
        then,
        started=first.started,
        config={**first.config, **then.config},
        history=tuple(rows[step] for step in sorted(rows)),
        summary={**first.summary, **then.summary},
    )


def _values(items: Iterable[Any]) -> dict[str, Any]:
    named = ((item.key or ".".join(item.nested_key), item.value_json) for item in items)
    return {name: json.loads(value) for name, value in named if name.split(".")[0] != "_wandb"}


def _records(path: Path) -> Iterator[Any]:
    # here, as it takes most of a second
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # made at run time

    content = path.read_bytes()
    if not _HEADER.startswith(content[: len(_HEADER)]):  # an empty file is one that has just been opened
        raise InputError(f"{path}: not a file of W&B's; it begins with {content[:7]!r}")
    for message in _messages(content):
        yield Record.FromString(message)


def _messages(content: bytes) -> Iterator[bytes]:
    """The records' bytes up to the end, or to the first chunk that was not written whole."""
    position = len(_HEADER) + 1
    message = b""
    while position + _CHUNK.size <= len(content):
        left = _BLOCK - position % _BLOCK
        if left < _CHUNK.size:  # a chunk's head never crosses into the next block
            position += left
            continue
        checksum, length, kind = _CHUNK.unpack_from(content, position)
        start = position + _CHUNK.size
        chunk = content[start : start + length]
        if kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST) or len(chunk) < length:
            return
        if zlib.crc32(bytes([kind]) + chunk) != checksum:
            return
        position = start + length
        message += chunk
        if kind in (_WHOLE, _LAST):
            yield message
            message = b""
