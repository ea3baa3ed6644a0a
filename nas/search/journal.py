"""A study's journal: mended after a power cut or a kill in the middle of a write, and kept whole on a full disk."""

import json
import os
import shutil
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.errors import InputError

TAIL = 1 << 20  # bytes read at a time from the end; a record is far shorter


class Journal(JournalFileBackend):
    """Appends all of a record or nothing."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        size = os.path.getsize(self._file_path)
        try:
            super().append_logs(logs)
        except OSError as error:
            with suppress(OSError):
                os.truncate(self._file_path, size)  # half a record would spoil what is appended to it
            raise InputError(
                f"{self._file_path} cannot be written ({error.strerror}); the study is whole up to here: "
                "the same command goes on with it as soon as there is room"
            ) from None


def open_journal(journal: Path) -> JournalStorage:
    """Raises whatever Optuna makes of a line that is no record of its own (see `damage`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return JournalStorage(Journal(str(journal)))


def mend(journal: Path) -> int:
    """Cuts the journal behind its last whole record; gives back how many bytes that took.

    Whole is a line of JSON with its end of line. What is cut is kept beside the journal, in `journal.log.cut`. Call it
    only while nobody else writes: a line half written by a living process looks torn too.
    """
    size = journal.stat().st_size
    end = _end_of_last_record(journal, size)
    if end < size:
        with journal.open("rb+") as file, journal.with_name(journal.name + ".cut").open("ab") as kept:
            file.seek(end)
            shutil.copyfileobj(file, kept)
            kept.flush()
            file.truncate(end)
    return size - end


def damage(journal: Path) -> str:
    """Where the first line is that is no record, and how it begins; empty if there is none."""
    with journal.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n") or not _is_record(line):
                return f"line {number} is no record: it begins with {line[:30]!r}"
    return ""


def _end_of_last_record(journal: Path, size: int) -> int:
    """The offset behind the last line that is a whole record; 0 if there is none."""
    with journal.open("rb") as file:
        start, tail = size, b""
        while start > 0:
            step = min(TAIL, start)
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
            end = len(tail)
            while (line_end := tail.rfind(b"\n", 0, end)) >= 0:
                line_start = tail.rfind(b"\n", 0, line_end) + 1
                if line_start == 0 and start > 0:
                    break  # the line begins before what has been read
                if _is_record(tail[line_start:line_end]):
                    return start + line_end + 1
                end = line_end
    return 0


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
