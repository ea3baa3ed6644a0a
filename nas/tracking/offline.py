"""What W&B has written to disk: the runs of a study, read without a server and even while they are being written.

A ``.wandb`` file is a header of 7 bytes and then a log in LevelDB's framing: blocks of 32 KiB hold chunks, a chunk is
a checksum, a length, a kind and content, and one or several chunks make a record, a protobuf message of W&B's.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from nas.errors import InputError

_HEADER = struct.pack("<4sH", b":W&B", 0xBEE1)  # a version byte follows
_CHUNK = struct.Struct("<IHB")  # checksum of kind and content, length of the content, kind
_BLOCK = 32768
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def kept_runs(folder: Path) -> dict[str, Any]:
    """The runs below W&B's folder of a study, by id: each as W&B's record of its beginning has it."""
    runs: dict[str, Any] = {}
    for path in sorted(folder.glob("*run-*/run-*.wandb")):
        for record in records(path):
            if record.WhichOneof("record_type") == "run":
                runs.setdefault(record.run.run_id, record.run)
    return runs


def last_step(folder: Path, run: str) -> int:
    """The last step that the parts of a run below W&B's folder hold; -1 if there are none."""
    steps = [-1]
    for path in folder.glob(f"*run-*-{run}*/run-{run}.wandb"):
        with suppress(InputError):
            rows = (each.history for each in records(path) if each.WhichOneof("record_type") == "history")
            steps += [int(values(row.item)["_step"]) for row in rows]
    return max(steps)


def values(items: Iterable[Any]) -> dict[str, Any]:
    """What a configuration, a row of history or a summary holds by its names, W&B's own left out."""
    named = ((item.key or ".".join(item.nested_key), item.value_json) for item in items)
    return {name: json.loads(value) for name, value in named if name.split(".")[0] != "_wandb"}


def records(path: Path) -> Iterator[Any]:
    """The records of one ``.wandb`` file, as far as it has been written.

    Raises:
        InputError: the file is not one of W&B's.
    """
    # here, as it takes most of a second
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # made at run time

    content = path.read_bytes()
    if not _HEADER.startswith(content[: len(_HEADER)]):  # an empty file is one that has just been opened
        raise InputError(f"{path}: not a file of W&B's; it begins with {content[:7]!r}")
    for message in messages(content):
        yield Record.FromString(message)


def messages(content: bytes) -> Iterator[bytes]:
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
