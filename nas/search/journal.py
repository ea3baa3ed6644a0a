"""Mends a study's journal after a power cut or a kill in the middle of a write: what is whole stays."""

import json
import shutil
from pathlib import Path

TAIL = 1 << 20  # bytes read at a time from the end; a record is far shorter


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
            file.truncate(end)
    return size - end


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
