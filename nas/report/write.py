"""`python -m nas report STUDY`: writes the report of a study, which may be running."""

from argparse import Namespace
from datetime import datetime
from pathlib import Path

from nas.errors import InputError
from nas.report.page import report
from nas.report.reading import read_study
from nas.search.files import write_atomically

REPORT = "report.html"


def run(given: Namespace) -> None:
    record = read_study(given.study)
    out: Path = given.out or record.folder / REPORT
    text = report(record, datetime.now())
    try:
        write_atomically(out, text)
    except OSError as error:
        raise InputError(f"--out: cannot write {str(out)!r}: {error.strerror}") from None
    print(out)
