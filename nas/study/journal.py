"""A study's journal: mended after a power cut or a kill in the middle of a write, and kept whole on a full disk."""

import json
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.errors import InputError


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


def mend(journal: Path) -> None:
    """Cuts the journal behind its last whole record, and keeps what is cut beside it, in `journal.log.cut`.

    Call it only while nobody else writes: a line half written by a living process looks torn too.
    """
    with journal.open("rb+") as file:
        lines = file.readlines()
        whole = len(lines)
        while whole and not _is_record(lines[whole - 1]):
            whole -= 1
        if whole < len(lines):
            with journal.with_name(journal.name + ".cut").open("ab") as kept:
                kept.writelines(lines[whole:])
            file.truncate(sum(map(len, lines[:whole])))


def damage(journal: Path) -> str:
    """Where the first line is that is no record, and how it begins; empty if there is none."""
    with journal.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not _is_record(line):
                return f"line {number} is no record: it begins with {line[:30]!r}"
    return ""


def _is_record(line: bytes) -> bool:
    """Whether it is a whole line of JSON, with its end."""
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
