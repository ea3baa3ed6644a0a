"""The report: one HTML file that needs nothing else. What is data in it is packed, and shown as text, never as HTML."""

import base64
import gzip
import json
from datetime import datetime
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from nas.errors import InputError
from nas.report.details import pictured, trial_facts
from nas.report.reading import StudyRecord
from nas.report.sections import Section, sections
from nas.report.timeline import timeline
from nas.report.words import summary, tiles, written


def report(record: StudyRecord, now: datetime) -> str:
    """The text of the file.

    Raises:
        InputError: the extra `report` is not installed.
    """
    library = _plotly().read_bytes()
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
        sections="".join(map(_html, parts)),
        style=(own / "report.css").read_text(encoding="utf-8"),
        script=(own / "report.js").read_text(encoding="utf-8"),
        plotly=_packed(library),
        data=_packed(json.dumps(data, separators=(",", ":")).encode()),
    )


def _html(section: Section) -> str:
    return f'<section id="{section.name}"><h2>{escape(section.title)}</h2>{section.content}</section>'


def _plotly() -> Path:
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise InputError("a report needs the extra report: pip install 'inception-nas[report]'")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def _packed(content: bytes) -> str:
    """A fourth to a tenth as long, and without a character that means something in HTML."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")
