"""`python -m nas report STUDY`: one HTML file that needs nothing else; the study may be running.

What is data in it is packed, and shown as text, never as HTML.
"""

import base64
import gzip
import json
from argparse import Namespace
from datetime import datetime
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from nas.errors import InputError
from nas.report.details import pictured, trial_facts
from nas.report.reading import StudyRecord, read_study
from nas.report.sections import sections
from nas.report.timeline import timeline
from nas.report.words import summary, tiles, written
from nas.study.files import write_atomically


def run(given: Namespace) -> None:
    record = read_study(given.study)
    out: Path = given.out or record.folder / "report.html"
    text = report(record, datetime.now())
    try:
        write_atomically(out, text)
    except OSError as error:
        raise InputError(f"--out: cannot write {str(out)!r}: {error.strerror}") from None
    print(out)


def report(record: StudyRecord, now: datetime) -> str:
    """The text of the file.

    Raises:
        InputError: the extra `report` is not installed.
    """
    plotly = find_spec("plotly")
    if plotly is None or plotly.origin is None:
        raise InputError("a report needs plotly, which is not installed: pip install plotly")
    library = Path(plotly.origin).parent / "package_data" / "plotly.min.js"
    line = timeline(record, now)
    parts = sections(record, line)
    drawn = {name: figure for part in parts for name, figure in part.figures.items()}
    data = {"figures": drawn, **trial_facts(record, pictured(record))}
    own = files("nas.report")
    figures = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}</dd></div>" for name, figure in tiles(record, line)
    )
    return Template((own / "report.html").read_text(encoding="utf-8")).substitute(
        title=escape(record.name),
        when=escape(("read while it runs, " if record.running else "") + written(now)),
        tiles=figures,
        summary="".join(f"<p>{escape(sentence)}</p>" for sentence in summary(record, line)),
        links="".join(f'<a href="#{part.name}">{escape(part.title)}</a>' for part in parts),
        sections="".join(part.html for part in parts),
        style=(own / "report.css").read_text(encoding="utf-8"),
        script=(own / "report.js").read_text(encoding="utf-8"),
        plotly=_packed(library.read_bytes()),
        data=_packed(json.dumps(data, separators=(",", ":")).encode()),
    )


def _packed(content: bytes) -> str:
    """A fourth to a tenth as long, and without a character that means something in HTML."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")
