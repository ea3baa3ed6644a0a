"""The sections of a report: what each says and shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from nas.report import figures
from nas.report.plotting import Figure
from nas.report.reading import StudyRecord
from nas.report.timeline import Timeline
from nas.report.trade_off import AXES, COSTS, parallel, trade_offs
from nas.report.words import reasons
from nas.search import files
from nas.search.checklist import checklist
from nas.search.display import count, number_of
from nas.search.importance import LEAST, importances
from nas.search.objectives import hypervolumes

BARS, REASONS = 12, 20
"""Parameters, and reasons, that are listed."""


@dataclass(frozen=True)
class Section:
    """A part of the page under its title; `content` is HTML with a place for each of its figures."""

    name: str
    title: str
    content: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


def sections(record: StudyRecord, line: Timeline) -> list[Section]:
    """Those that there is something for."""
    objectives = enumerate(record.objectives.names)
    shares = {name: found for index, name in objectives if (found := importances(record.trials, index))}
    made = (
        _history(record),
        _curves(record),
        _front(record),
        _gallery(record),
        _importance(shares),
        _parallel(record, shares),
        _proposals(record),
        _slots(line),
        _finals(record),
        _setup(record),
    )
    return [section for section in made if section is not None]


def _said(sentence: str) -> str:
    return f'<p class="said">{escape(sentence)}</p>'


def _plot(name: str, figure: Figure) -> str:
    height = figure["layout"]["height"]
    return f'<div class="plot" data-figure="{escape(name)}" style="height:{height}px"></div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> str:
    """`numbers` are the columns whose cells are set to the right."""
    right = set(numbers)

    def row(cells: Sequence[object], tag: str) -> str:
        kinds = [' class="number"' if index in right else "" for index in range(len(cells))]
        return "".join(f"<{tag}{kind}>{escape(str(cell))}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return f'<div class="scroll"><table><thead><tr>{row(head, "th")}</tr></thead><tbody>{body}</tbody></table></div>'


def _history(record: StudyRecord) -> Section:
    drawn = {"history": figures.history(record)}
    content = _said(
        "Every trial in the order in which it was proposed. A pruned one stands at its last accuracy; those that were "
        "never trained, or not to an end, are in the strip below. Click a point to see the candidate."
    )
    content += _plot("history", drawn["history"])
    if record.objectives.several and (volumes := hypervolumes(record.study)).steps:
        drawn["hypervolume"] = figures.hypervolume(volumes)
        corner = zip(volumes.names[1:], volumes.reference[1:], strict=True)
        costs = ", ".join(f"{count(most)} {COSTS[name]}" for name, most in corner)
        said = f"The share of all there is to gain that the Pareto front covers, from accuracy 0 at {costs}."
        content += f"<h3>Hypervolume</h3>{_said(said)}{_plot('hypervolume', drawn['hypervolume'])}"
    return Section("history", "History", content, drawn)


def _curves(record: StudyRecord) -> Section | None:
    made = figures.curves(record)
    if not made["data"]:
        return None
    said = "Accuracy after each epoch; the best candidates in colours of their own."
    said += " At the dotted lines, only the better ones went on." if record.rungs else ""
    return Section("curves", "Learning curves", _said(said) + _plot("curves", made), {"curves": made})


def _front(record: StudyRecord) -> Section | None:
    made = trade_offs(record)
    drawn = {f"front-{name}": figure for name, (figure, _) in made.items()}
    if not made:
        return None
    buttons = (f'<button type="button" data-shows="front-{name}">{escape(COSTS[name])}</button>' for name in made)
    panes = (f'<div id="{name}">{_plot(name, figure)}</div>' for name, figure in drawn.items())
    said = _said(
        "Complete candidates by what they cost. On the line: those that nothing cheaper beats. Click one to see its "
        "cell and document."
    )
    content = f'{said}<div class="tabs">{"".join(buttons)}</div>{"".join(panes)}'
    return Section("front", "Accuracy against cost", content, drawn)


def _gallery(record: StudyRecord) -> Section | None:
    if record.found.best is None:
        return None
    said = "The most accurate candidates, each architecture once. Click a picture for network and document."
    return Section("gallery", "Best cells", f'{_said(said)}<div id="cells" class="gallery"></div>')


def _importance(shares: Mapping[str, Mapping[str, float]]) -> Section:
    title = "What mattered"
    if not shares:
        return Section("importance", title, _said(f"Importance is shown from {LEAST} complete candidates on."))
    content = _said(
        "Which parameters set the best tenth of the complete candidates apart (PED-ANOVA). It describes what was "
        "sampled; a parameter that hardly varied cannot show."
    )
    for objective, found in shares.items():
        rows = "".join(
            f'<li><span>{escape(name)}</span><i style="width:{100 * share / max(found.values()):.1f}%"></i>'
            f"<b>{share:.2f}</b></li>"
            for name, share in list(found.items())[:BARS]
        )
        heading = f"<h3>for {escape(objective)}</h3>" if len(shares) > 1 else ""
        content += f'{heading}<ol class="bars">{rows}</ol>'
    return Section("importance", title, content)


def _parallel(record: StudyRecord, shares: Mapping[str, Mapping[str, float]]) -> Section | None:
    names = list(next(iter(shares.values()), {})) or list(record.found.best.params if record.found.best else ())
    made = parallel(record, names[:AXES])
    if made is None:
        return None
    said = _said(
        f"{'The most important' if shares else 'The first'} parameters of complete candidates; bright lines are "
        "accurate. Drag along an axis to keep some of them; – is a parameter that was not active."
    )
    content = f'{said}<div class="wide">{_plot("parallel", made)}</div>'
    return Section("parallel", "Parallel coordinates", content, {"parallel": made})


def _proposals(record: StudyRecord) -> Section | None:
    if not record.counts:
        return None
    made = figures.outcomes(record)
    content = _said(
        "What became of the proposals. Twins are the same network as an earlier candidate and are not trained again; "
        "infeasible ones exceed a limit, or do not fit."
    )
    content += _plot("outcomes", made)
    rows = [(word, reason, number, f"trial {example}") for word, reason, number, example in reasons(record)[:REASONS]]
    content += _table(("", "reason", "trials", "for example"), rows, numbers=(2,)) if rows else ""
    return Section("proposals", "Twins and rejections", content, {"outcomes": made})


def _slots(line: Timeline) -> Section | None:
    if not line.stays:
        return None
    said = (
        f"Who was in training when: {number_of(line.slots, 'slot')}, busy {line.utilisation:.0%} of the time, as it "
        "follows from when trials began and ended."
    )
    if line.later_runs:
        said += " Pauses between runs are left out; a dotted line is where the search was taken up again."
    made = figures.slots(line)
    return Section("slots", "Slots", _said(said) + _plot("slots", made), {"slots": made})


def _finals(record: StudyRecord) -> Section | None:
    if record.finals is None:
        return None
    seeds = ", ".join(map(str, record.finals["seeds"]))
    content = _said(
        f"The best candidates and the baselines, trained anew for {number_of(record.finals['epochs'], 'epoch')} under "
        f"the seeds {seeds}: mean ± standard deviation, and the number of seeds."
    )
    head = ("network", "", "in the search", "validation", "test", "parameters", "MACs", "")
    content += _table(head, map(_network, record.finals["networks"]), numbers=range(2, 7))
    made = figures.finals(record.finals["networks"])
    content += f"{_plot('finals', made)}<p>{escape(str(record.finals['conclusion']))}</p>"
    return Section("finals", "Finals", content, {"finals": made})


def _network(network: Mapping[str, Any]) -> Sequence[str]:
    notes = [f"over the limit of {name}" for name in network["over_budget"]]
    notes += [f"{network['failed']} failed"] if network["failed"] else []
    return (
        str(network["name"]),
        str(network["kind"]),
        "" if network["search_value"] is None else f"{network['search_value']:.4f}",
        _spread(network["validation"]),
        _spread(network["test"]),
        count(network["parameters"]),
        count(network["macs"]),
        ", ".join(notes),
    )


def _spread(values: Mapping[str, Any] | None) -> str:
    return "" if values is None else f"{values['mean']:.4f} ± {values['std']:.4f} (n {values['n']})"


def _setup(record: StudyRecord) -> Section:
    written = {"Configuration": files.CONFIG, "Environment": files.ENVIRONMENT}
    content = "".join(
        _folded(title, f"<pre>{escape(_text(record.folder / name))}</pre>") for title, name in written.items()
    )
    if (record.folder / files.CONFIG).is_file():
        content += _folded("Checklist of best practices", _table(("asked", "here"), checklist(record.folder)))
    return Section("setup", "Configuration and environment", content)


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else "not there"
